-- Counts changes of password and second factor: a sign-in that began before one must not end in a session after it.
ALTER TABLE accounts_accounts ADD COLUMN secrets_version integer NOT NULL DEFAULT 0;

-- Links that let the owner of an account's address choose a new password.
CREATE TABLE accounts_password_resets (
    token_hash bytea PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts_accounts ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX accounts_password_resets_account ON accounts_password_resets (account_id);
CREATE INDEX accounts_password_resets_expiry ON accounts_password_resets (expires_at);

-- Links that prove the address an account shall have from then on.
CREATE TABLE accounts_email_changes (
    token_hash bytea PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts_accounts ON DELETE CASCADE,
    email text NOT NULL,
    email_key text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX accounts_email_changes_account ON accounts_email_changes (account_id);
CREATE INDEX accounts_email_changes_expiry ON accounts_email_changes (expires_at);
