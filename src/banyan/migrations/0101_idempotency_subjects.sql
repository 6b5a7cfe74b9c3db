-- no transaction: the table stays writable
-- Finds the answers that a retry may get fresh tokens for, to forget them when the account's secrets change.
DROP INDEX CONCURRENTLY IF EXISTS http_idempotency_keys_subject;
CREATE INDEX CONCURRENTLY http_idempotency_keys_subject ON http_idempotency_keys (subject) WHERE subject IS NOT NULL;
