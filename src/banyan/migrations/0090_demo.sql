-- How far a demo community is built: written in the transactions that build it, so a killed build goes on where it was.
CREATE TABLE demo_builds (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    seed bigint NOT NULL,
    people integer NOT NULL,
    posts integer NOT NULL,
    connections integer NOT NULL,
    -- A digest of the plans' code and texts: another edition would plan another community.
    edition text NOT NULL,
    -- Makes the ids of this build, together with its start.
    salt bytea NOT NULL,
    started_at timestamptz NOT NULL,
    email text NOT NULL,
    handle text NOT NULL,
    -- The step under way and how much of it is written; empty when everything is.
    step text NOT NULL,
    done bigint NOT NULL DEFAULT 0
);
