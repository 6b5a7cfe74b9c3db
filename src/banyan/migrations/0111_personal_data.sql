-- An account being deleted: from `deletes_at` on it is erased, until then its owner may take it back.
-- `erasing_at`: it has begun and cannot be taken back any more.
ALTER TABLE accounts_accounts
    ADD COLUMN deletes_at timestamptz,
    ADD COLUMN erasing_at timestamptz;

-- Archives of a person's data, made by a job and kept for some days, in pieces that any process can serve.
CREATE TABLE accounts_exports (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts_accounts ON DELETE CASCADE,
    state text NOT NULL CHECK (state IN ('preparing', 'ready', 'failed')),
    created_at timestamptz NOT NULL DEFAULT now(),
    ready_at timestamptz,
    expires_at timestamptz NOT NULL,
    size_bytes bigint,
    CHECK ((state = 'ready') = (ready_at IS NOT NULL)),
    CHECK ((state = 'ready') = (size_bytes IS NOT NULL))
);
CREATE INDEX accounts_exports_account ON accounts_exports (account_id, id DESC);
CREATE UNIQUE INDEX accounts_exports_preparing ON accounts_exports (account_id) WHERE state = 'preparing';
CREATE INDEX accounts_exports_expiry ON accounts_exports (expires_at);

CREATE TABLE accounts_export_pieces (
    export_id uuid NOT NULL REFERENCES accounts_exports ON DELETE CASCADE,
    number integer NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (export_id, number)
);
-- They are compressed already.
ALTER TABLE accounts_export_pieces ALTER COLUMN data SET STORAGE EXTERNAL;
