-- Receivers of signals. Secrets are sealed under a key derived from auth.secret.
CREATE TABLE webhooks_webhooks (
    id uuid PRIMARY KEY,
    url text NOT NULL,
    description text NOT NULL,
    -- Names of signals; {*} stands for all, later ones too.
    signals text[] NOT NULL,
    active boolean NOT NULL DEFAULT true,
    secret bytea NOT NULL,
    -- After a rotation both sign for a while.
    previous_secret bytea,
    previous_until timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    -- Since the first failure after the last success.
    failing_since timestamptz,
    -- When and why Banyan switched it off by itself.
    disabled_at timestamptz,
    disabled_reason text,
    -- One worker at a time sends to it: until then, prolonged while it does.
    busy_until timestamptz,
    CHECK ((previous_secret IS NULL) = (previous_until IS NULL)),
    CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL))
);

-- One row per webhook and signal. `body` is kept as it is sent: every retry and replay has the same bytes.
CREATE TABLE webhooks_deliveries (
    id uuid PRIMARY KEY,
    webhook_id uuid NOT NULL REFERENCES webhooks_webhooks ON DELETE CASCADE,
    signal text NOT NULL,
    body text NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'dead')),
    -- Counted when a worker takes it, so that a receiver which kills the worker is given up in the end.
    attempts integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    -- Moved on while it is under way: if the worker dies, it is due again then.
    next_try_at timestamptz,
    last_try_at timestamptz,
    status integer,
    duration_ms integer,
    response text,
    error text,
    CHECK ((state = 'waiting') = (next_try_at IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX webhooks_deliveries_list ON webhooks_deliveries (webhook_id, id);
CREATE INDEX webhooks_deliveries_due ON webhooks_deliveries (webhook_id, next_try_at) WHERE state = 'waiting';
CREATE INDEX webhooks_deliveries_dead ON webhooks_deliveries (webhook_id, id) WHERE state = 'dead';
