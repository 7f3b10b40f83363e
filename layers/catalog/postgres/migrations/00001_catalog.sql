-- +goose Up
-- Instants are microseconds since 1970, UTC. Ids and names that users choose
-- are bytes. Texts compare bytewise, whatever the database's collation. Copies
-- elsewhere are told of changes by NOTIFY; rev is not used.
CREATE TABLE metaxy_catalog.feature (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key TEXT COLLATE "C" NOT NULL UNIQUE,
  rev BIGINT NOT NULL DEFAULT 0,
  mode BIGINT NOT NULL,
  commits BIGINT NOT NULL DEFAULT 0,
  through BIGINT NOT NULL DEFAULT 0,
  generation BIGINT NOT NULL DEFAULT 0,
  sample_count BIGINT NOT NULL DEFAULT 0,
  last_at BIGINT NOT NULL DEFAULT 0,
  pending BIGINT NOT NULL DEFAULT 0,
  info BYTEA,
  info_generation BIGINT NOT NULL DEFAULT 0,
  info_schema BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE metaxy_catalog.container (
  feature BIGINT NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  sample_count BIGINT NOT NULL,
  versions BIGINT NOT NULL,
  last_seq BIGINT NOT NULL,
  merger TEXT COLLATE "C" NOT NULL DEFAULT '',
  merger_at BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (feature, name)
);

CREATE TABLE metaxy_catalog.materialization (
  feature BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  id BYTEA NOT NULL,
  sample_count BIGINT NOT NULL,
  bytes BIGINT NOT NULL,
  at BIGINT NOT NULL,
  feature_version BYTEA NOT NULL,
  tombstones BIGINT NOT NULL,
  basis BYTEA,
  identity BYTEA NOT NULL,
  PRIMARY KEY (feature, seq)
);

CREATE TABLE metaxy_catalog.intent (
  feature BIGINT NOT NULL,
  id BYTEA NOT NULL,
  begun BIGINT NOT NULL,
  PRIMARY KEY (feature, id)
);

-- A run is a sorted set of versions: filters over up to a million keys each
-- and, where exact answers are kept, pages of a few hundred keys.
CREATE TABLE metaxy_catalog.run (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  feature BIGINT NOT NULL,
  container TEXT COLLATE "C" NOT NULL,
  state BIGINT NOT NULL, -- 0 being written, 1 live, 2 dead
  pages BIGINT NOT NULL,
  keys BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX run_by_container ON metaxy_catalog.run (feature, container);
CREATE INDEX run_dead ON metaxy_catalog.run (id) WHERE state = 2;

CREATE TABLE metaxy_catalog.part (
  run BIGINT NOT NULL,
  no BIGINT NOT NULL,
  first BYTEA NOT NULL,
  keys BIGINT NOT NULL,
  filter BYTEA NOT NULL
);
CREATE UNIQUE INDEX part_by_no ON metaxy_catalog.part (run, no, first);

CREATE TABLE metaxy_catalog.block (
  run BIGINT NOT NULL,
  first BYTEA NOT NULL,
  data BYTEA NOT NULL
);
-- Digests do not compress; trying costs time.
ALTER TABLE metaxy_catalog.block ALTER COLUMN data SET STORAGE EXTERNAL;
ALTER TABLE metaxy_catalog.part ALTER COLUMN filter SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX block_by_first ON metaxy_catalog.block (run, first);

-- +goose Down
DROP TABLE metaxy_catalog.block;
DROP TABLE metaxy_catalog.part;
DROP TABLE metaxy_catalog.run;
DROP TABLE metaxy_catalog.intent;
DROP TABLE metaxy_catalog.materialization;
DROP TABLE metaxy_catalog.container;
DROP TABLE metaxy_catalog.feature;
