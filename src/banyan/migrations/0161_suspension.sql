-- A suspended account cannot be signed in to: neither its sessions nor its keys hold.
ALTER TABLE accounts_accounts
    ADD COLUMN suspended_at timestamptz,
    ADD COLUMN suspended_reason text,
    ADD CONSTRAINT accounts_accounts_suspension CHECK ((suspended_at IS NULL) = (suspended_reason IS NULL));
