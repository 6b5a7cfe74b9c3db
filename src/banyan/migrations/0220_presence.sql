-- Who is online: people by the processes that hold their sockets, each believed for some seconds after its last beat.
-- When a crash empties both tables, every process notices at its next beat and writes its people again.
CREATE UNLOGGED TABLE presence_processes (
    id uuid PRIMARY KEY,
    beat_at timestamptz NOT NULL
);
CREATE UNLOGGED TABLE presence_people (
    person_id uuid NOT NULL,
    process_id uuid NOT NULL,
    PRIMARY KEY (person_id, process_id)
);
CREATE INDEX presence_people_process ON presence_people (process_id);

-- Written when somebody comes, every few minutes while they are there, and when they go.
CREATE TABLE presence_last_seen (
    person_id uuid PRIMARY KEY,
    seen_at timestamptz NOT NULL
) WITH (fillfactor = 70);

-- Who is told that the person is online, and when they were last.
ALTER TABLE people_people ADD COLUMN presence_visibility text NOT NULL DEFAULT 'connections';
-- New rows are checked at once; nothing that is there can break it.
ALTER TABLE people_people
    ADD CONSTRAINT people_people_presence CHECK (presence_visibility IN ('connections', 'nobody')) NOT VALID;
