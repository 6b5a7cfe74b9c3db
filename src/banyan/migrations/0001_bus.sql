-- What one process tells the others with its commit: values of `keys` under `topic` are outdated.
-- `xid` is the writing transaction: readers keep a snapshot as their cursor, because transactions do not become
-- visible in the order of any number. `origin` is the writing process, which has told itself already.
CREATE TABLE bus_messages (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    position integer NOT NULL,
    topic text NOT NULL,
    keys text[] NOT NULL,
    origin uuid NOT NULL,
    -- Close to the commit: retention must not count the time that a long transaction took.
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (xid, position)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
