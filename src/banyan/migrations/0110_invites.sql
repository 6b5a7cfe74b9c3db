-- Invitations to sign up. The code is kept as it is, because whoever made the invite passes it on again and again;
-- all it opens is a sign-up. A revoked one stays for a while: it counts towards what its maker may give out.
CREATE TABLE accounts_invites (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts_accounts ON DELETE CASCADE,
    code text NOT NULL UNIQUE,
    note text NOT NULL DEFAULT '',
    -- Only this address may use it: as written, and in the form by which addresses are compared.
    email text,
    email_key text,
    max_uses integer NOT NULL CHECK (max_uses >= 1),
    used_count integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CHECK (used_count BETWEEN 0 AND max_uses),
    CHECK ((email IS NULL) = (email_key IS NULL))
);
CREATE INDEX accounts_invites_account ON accounts_invites (account_id, id DESC);
CREATE INDEX accounts_invites_expiry ON accounts_invites (expires_at);

-- By which invite an account came; no reference, since invites are forgotten in the end and accounts stay.
ALTER TABLE accounts_accounts ADD COLUMN invite_id uuid;
-- A sign-up that waits for its address uses its invite when it becomes an account.
ALTER TABLE accounts_sign_ups ADD COLUMN invite_id uuid;
