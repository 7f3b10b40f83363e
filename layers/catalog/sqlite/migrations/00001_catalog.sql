-- +goose Up
-- Instants are microseconds since 1970, UTC. Ids and names that users choose
-- are bytes. rev grows with every change, so that copies can be renewed.
CREATE TABLE revision (last INTEGER NOT NULL) STRICT;
INSERT INTO revision (last) VALUES (0);

CREATE TABLE feature (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE,
  rev INTEGER NOT NULL DEFAULT 0,
  mode INTEGER NOT NULL,
  commits INTEGER NOT NULL DEFAULT 0,
  through INTEGER NOT NULL DEFAULT 0,
  generation INTEGER NOT NULL DEFAULT 0,
  sample_count INTEGER NOT NULL DEFAULT 0,
  last_at INTEGER NOT NULL DEFAULT 0,
  pending INTEGER NOT NULL DEFAULT 0,
  info BLOB,
  info_generation INTEGER NOT NULL DEFAULT 0,
  info_schema INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX feature_by_rev ON feature (rev);

CREATE TABLE container (
  feature INTEGER NOT NULL,
  name TEXT NOT NULL,
  sample_count INTEGER NOT NULL,
  versions INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  merger TEXT NOT NULL DEFAULT '',
  merger_at INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (feature, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE materialization (
  feature INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  id BLOB NOT NULL,
  sample_count INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  at INTEGER NOT NULL,
  feature_version BLOB NOT NULL,
  tombstones INTEGER NOT NULL,
  basis BLOB,
  identity BLOB NOT NULL,
  PRIMARY KEY (feature, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE intent (
  feature INTEGER NOT NULL,
  id BLOB NOT NULL,
  begun INTEGER NOT NULL,
  PRIMARY KEY (feature, id)
) STRICT, WITHOUT ROWID;

-- A run is a sorted set of versions: filters over up to a million keys each
-- and, where exact answers are kept, pages of a few hundred keys.
CREATE TABLE run (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  feature INTEGER NOT NULL,
  container TEXT NOT NULL,
  state INTEGER NOT NULL, -- 0 being written, 1 live, 2 dead
  pages INTEGER NOT NULL,
  keys INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX run_by_container ON run (feature, container);
CREATE INDEX run_dead ON run (id) WHERE state = 2;

CREATE TABLE part (
  run INTEGER NOT NULL,
  no INTEGER NOT NULL,
  first BLOB NOT NULL,
  keys INTEGER NOT NULL,
  filter BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX part_by_no ON part (run, no, first);

CREATE TABLE block (
  run INTEGER NOT NULL,
  first BLOB NOT NULL,
  data BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX block_by_first ON block (run, first);

-- +goose Down
DROP TABLE block;
DROP TABLE part;
DROP TABLE run;
DROP TABLE intent;
DROP TABLE materialization;
DROP TABLE container;
DROP TABLE feature;
DROP TABLE revision;
