-- no transaction: the tables stay writable
-- A build that was cut off leaves an index that is not valid: it is made anew.
DROP INDEX CONCURRENTLY IF EXISTS accounts_accounts_deletes;
CREATE INDEX CONCURRENTLY accounts_accounts_deletes ON accounts_accounts (deletes_at) WHERE deletes_at IS NOT NULL;
-- All that one person wrote and chose, for their export and their deletion.
DROP INDEX CONCURRENTLY IF EXISTS posts_comments_author;
CREATE INDEX CONCURRENTLY posts_comments_author ON posts_comments (author_id, id);
DROP INDEX CONCURRENTLY IF EXISTS posts_reactions_person;
CREATE INDEX CONCURRENTLY posts_reactions_person ON posts_reactions (person_id, post_id);
