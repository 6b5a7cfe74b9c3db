-- What operators did and looked at, one row each, written in the action's own transaction and never changed.
-- `hash` covers the row and the hash before it: a row that was changed, taken out or put in breaks the chain.
CREATE TABLE audit_entries (
    -- Without gaps, in the order of commit: given under a lock that is held until then.
    seq bigint PRIMARY KEY,
    at timestamptz NOT NULL,
    via text NOT NULL CHECK (via IN ('session', 'api_key', 'shell')),
    -- The account that acted. No foreign key: what it did outlives it.
    account_id uuid,
    -- Id of the session or API key; from the shell, the user's name.
    via_id text NOT NULL,
    ip text,
    request_id text,
    action text NOT NULL,
    subject_kind text,
    subject_id text,
    -- Kept letter for letter, because the hash covers it.
    details json NOT NULL,
    hash bytea NOT NULL,
    CHECK ((subject_kind IS NULL) = (subject_id IS NULL)),
    CHECK ((via = 'shell') = (account_id IS NULL))
);
CREATE INDEX audit_entries_account ON audit_entries (account_id, seq);
CREATE INDEX audit_entries_subject ON audit_entries (subject_id, seq);
CREATE INDEX audit_entries_action ON audit_entries (action text_pattern_ops, seq);

CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_entries takes new rows only' USING ERRCODE = 'object_not_in_prerequisite_state';
END
$$;
CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
