-- Answers kept for retries. `owner` is the account, or the nil UUID for requests without one;
-- `body` is null where the answer held tokens, `subject` then says whose.
CREATE TABLE http_idempotency_keys (
    owner uuid NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    status smallint,
    content_type bytea,
    location bytea,
    body bytea,
    subject uuid,
    PRIMARY KEY (owner, key)
);
CREATE INDEX http_idempotency_keys_expiry ON http_idempotency_keys (expires_at);
