-- A second factor beside the password. The secret is sealed with a key that is not in the database; until it is
-- confirmed by a first code it changes nothing. `last_step` is the time step (30 s) of the last code used: none works
-- twice.
CREATE TABLE accounts_totp (
    account_id uuid PRIMARY KEY REFERENCES accounts_accounts ON DELETE CASCADE,
    sealed_secret bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    confirmed_at timestamptz,
    last_step bigint NOT NULL DEFAULT 0
);

-- Codes for whoever has lost the device, each good once; keyed digests.
CREATE TABLE accounts_recovery_codes (
    account_id uuid NOT NULL REFERENCES accounts_totp ON DELETE CASCADE,
    digest bytea NOT NULL,
    PRIMARY KEY (account_id, digest)
);
