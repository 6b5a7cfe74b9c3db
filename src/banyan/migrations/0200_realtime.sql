-- Tickets that open a socket once. They hold for a minute, so nothing is lost when a crash empties the table.
CREATE UNLOGGED TABLE realtime_tickets (
    digest bytea PRIMARY KEY,
    account_id uuid,
    session_id uuid,
    expires_at timestamptz NOT NULL
);
CREATE INDEX realtime_tickets_expiry ON realtime_tickets (expires_at);
