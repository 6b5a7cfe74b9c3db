-- An account and its person share one id. `email` is as the owner wrote it, `email_key` what makes it unique.
CREATE TABLE accounts_accounts (
    id uuid PRIMARY KEY,
    email text NOT NULL,
    email_key text NOT NULL,
    email_verified_at timestamptz,
    -- Null: this account cannot be signed in to by password.
    password_hash text,
    role text NOT NULL DEFAULT 'member'
        CHECK (role IN ('member', 'seller', 'business', 'moderator', 'admin')),
    language text NOT NULL DEFAULT 'en',
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT accounts_accounts_email_key_key UNIQUE (email_key)
);
CREATE INDEX accounts_accounts_admins ON accounts_accounts (id) WHERE role = 'admin';

-- A session is a family of refresh tokens. Only digests of tokens are kept: those that may be used now (several
-- after a retried rotation), and the last one used with what a retry of its rotation must show.
CREATE TABLE accounts_sessions (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts_accounts ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    user_agent text NOT NULL,
    ip text NOT NULL,
    refresh_digests bytea[] NOT NULL,
    rotated_digest bytea,
    rotated_key_digest bytea,
    rotated_at timestamptz
) WITH (fillfactor = 80);
CREATE INDEX accounts_sessions_live ON accounts_sessions (account_id, id DESC) WHERE ended_at IS NULL;

-- Sign-ups that wait for a verified address when the installation demands one: until then nothing of them shows,
-- neither as a person nor as a taken handle. `id` becomes the account's id.
CREATE TABLE accounts_sign_ups (
    id uuid PRIMARY KEY,
    email text NOT NULL,
    email_key text NOT NULL,
    password_hash text NOT NULL,
    handle text NOT NULL,
    display_name text NOT NULL,
    language text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX accounts_sign_ups_email ON accounts_sign_ups (email_key, id DESC);
CREATE INDEX accounts_sign_ups_expiry ON accounts_sign_ups (expires_at);

-- Links sent to prove an address: of an account, or of a sign-up that waits.
CREATE TABLE accounts_verifications (
    token_hash bytea PRIMARY KEY,
    account_id uuid REFERENCES accounts_accounts ON DELETE CASCADE,
    sign_up_id uuid REFERENCES accounts_sign_ups ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    CHECK (num_nonnulls(account_id, sign_up_id) = 1)
);
CREATE INDEX accounts_verifications_account ON accounts_verifications (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX accounts_verifications_sign_up ON accounts_verifications (sign_up_id) WHERE sign_up_id IS NOT NULL;
CREATE INDEX accounts_verifications_expiry ON accounts_verifications (expires_at);

-- The newest failed sign-ins per address, oldest first, as many as lead to a lockout. The address is a keyed
-- digest: those that no account has are counted too and must not be collected here.
CREATE TABLE accounts_sign_in_failures (
    email_digest bytea PRIMARY KEY,
    failed_at timestamptz[] NOT NULL,
    last_failed_at timestamptz NOT NULL
);
CREATE INDEX accounts_sign_in_failures_age ON accounts_sign_in_failures (last_failed_at);

-- The one-time link that makes the first admin: one row at most, replaced when a new link is made.
CREATE TABLE accounts_first_admin (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    token_hash bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
