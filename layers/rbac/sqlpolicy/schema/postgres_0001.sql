-- One row for everything: the version of this schema and the number of changes.
CREATE TABLE metaxy_policy_state (
    one     integer PRIMARY KEY CHECK (one = 1),
    schema  integer NOT NULL,
    changes bigint  NOT NULL
);

INSERT INTO metaxy_policy_state (one, schema, changes) VALUES (1, 0, 0);

-- The columns that casbin's adapters use.
CREATE TABLE metaxy_policy (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ptype text NOT NULL,
    v0    text NOT NULL DEFAULT '',
    v1    text NOT NULL DEFAULT '',
    v2    text NOT NULL DEFAULT '',
    v3    text NOT NULL DEFAULT '',
    v4    text NOT NULL DEFAULT '',
    v5    text NOT NULL DEFAULT ''
);

-- Whoever changes the rules, with whatever program, is counted, and whoever
-- listens is told when the change is committed. The function runs with the
-- rights of its owner, so that the state needs no grant of its own.
CREATE FUNCTION metaxy_policy_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE metaxy_policy_state SET changes = changes + 1;
    PERFORM pg_notify('metaxy_policy', '');
    RETURN NULL;
END
$$;

CREATE TRIGGER metaxy_policy_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON metaxy_policy
    FOR EACH STATEMENT EXECUTE FUNCTION metaxy_policy_changed();
