-- One row for everything: the version of this schema and the number of changes.
CREATE TABLE metaxy_policy_state (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    schema  INTEGER NOT NULL,
    changes INTEGER NOT NULL
);

INSERT INTO metaxy_policy_state (one, schema, changes) VALUES (1, 0, 0);

-- The columns that casbin's adapters use.
CREATE TABLE metaxy_policy (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    ptype TEXT NOT NULL,
    v0    TEXT NOT NULL DEFAULT '',
    v1    TEXT NOT NULL DEFAULT '',
    v2    TEXT NOT NULL DEFAULT '',
    v3    TEXT NOT NULL DEFAULT '',
    v4    TEXT NOT NULL DEFAULT '',
    v5    TEXT NOT NULL DEFAULT ''
);

-- Whoever changes the rules, with whatever program, is counted.
CREATE TRIGGER metaxy_policy_inserted AFTER INSERT ON metaxy_policy
BEGIN
    UPDATE metaxy_policy_state SET changes = changes + 1;
END;

CREATE TRIGGER metaxy_policy_updated AFTER UPDATE ON metaxy_policy
BEGIN
    UPDATE metaxy_policy_state SET changes = changes + 1;
END;

CREATE TRIGGER metaxy_policy_deleted AFTER DELETE ON metaxy_policy
BEGIN
    UPDATE metaxy_policy_state SET changes = changes + 1;
END;
