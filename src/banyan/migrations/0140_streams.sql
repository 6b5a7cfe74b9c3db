-- One stream per person who has asked for changes. `seq` is given under this row's lock.
CREATE TABLE streams_streams (
    id uuid PRIMARY KEY,
    -- Another one after a restored backup: what clients have may then be newer than the database.
    epoch uuid NOT NULL DEFAULT gen_random_uuid(),
    last_seq bigint NOT NULL DEFAULT 0,
    -- Deletions up to here are forgotten.
    floor_seq bigint NOT NULL DEFAULT 0,
    -- Of what the last comparison saw; null when the log was written since by other ways.
    digest bytea,
    -- Not indexed, so that an update touches no index; once a day all of them are read.
    changed_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);

-- The newest word about each thing: its version, or null when the person no longer has it. No foreign key: its
-- check would cost as much as the row, and whoever writes here holds the lock of the stream's row.
CREATE TABLE streams_entries (
    stream_id uuid NOT NULL,
    kind text NOT NULL,
    id uuid NOT NULL,
    seq bigint NOT NULL,
    version bigint,
    PRIMARY KEY (stream_id, kind, id)
);
CREATE UNIQUE INDEX streams_entries_seq ON streams_entries (stream_id, seq);
