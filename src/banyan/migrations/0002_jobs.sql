-- Outbox and queue in one: a row is work that a committed transaction asked for. A finished job is deleted.
CREATE TABLE jobs (
    id uuid PRIMARY KEY,
    -- A subscriber's name, or the kind of a job.
    kind text NOT NULL,
    payload jsonb NOT NULL,
    key text,
    -- 0 high, 1 normal, 2 low.
    priority smallint NOT NULL CHECK (priority BETWEEN 0 AND 2),
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'dead')),
    run_at timestamptz NOT NULL,
    -- Counted when a worker takes the job, so that one which kills its process is given up in the end.
    attempts smallint NOT NULL DEFAULT 0,
    -- Who runs it, anew at each claim: writes of one that lost its lease are rolled back.
    lease uuid,
    lease_until timestamptz,
    last_error text,
    CHECK ((state = 'running') = (lease IS NOT NULL)),
    CHECK ((state = 'running') = (lease_until IS NOT NULL))
) WITH (
    -- Every row is rewritten and deleted within seconds: sweep by number, not by share of the table.
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000
);
CREATE INDEX jobs_ready ON jobs (priority, run_at) WHERE state = 'waiting';
CREATE INDEX jobs_leases ON jobs (lease_until) WHERE state = 'running';
CREATE INDEX jobs_dead ON jobs (id) WHERE state = 'dead';
-- At most one waiting job per key; a running one does not count, it may have read its data already.
CREATE UNIQUE INDEX jobs_key ON jobs (kind, key) WHERE state = 'waiting' AND key IS NOT NULL;

-- Deletes a job inside the transaction of its writes; false when its lease went to another worker.
-- A vacuumed empty queue makes a sequential scan look free, and prepared plans keep it while the queue fills up:
-- each deletion would then read the whole table. The setting costs a few microseconds and rules that out.
CREATE FUNCTION jobs_finish(job uuid, held uuid) RETURNS boolean
LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    DELETE FROM jobs WHERE id = job AND lease = held;
    RETURN FOUND;
END
$$;

CREATE TABLE jobs_schedules (
    name text PRIMARY KEY,
    every_seconds double precision NOT NULL CHECK (every_seconds >= 1),
    next_run_at timestamptz NOT NULL
);
