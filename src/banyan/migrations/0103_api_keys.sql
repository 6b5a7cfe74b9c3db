-- Keys that programs of a member call the API with. Only a digest is kept; `starts_with` lets the owner tell them apart.
CREATE TABLE accounts_api_keys (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts_accounts ON DELETE CASCADE,
    digest bytea NOT NULL,
    starts_with text NOT NULL,
    name text NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    last_used_at timestamptz,
    CONSTRAINT accounts_api_keys_digest_key UNIQUE (digest)
);
CREATE INDEX accounts_api_keys_account ON accounts_api_keys (account_id, id DESC);
