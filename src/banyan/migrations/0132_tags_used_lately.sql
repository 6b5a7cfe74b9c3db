-- no transaction
-- The same order under a name of its own: as an index of post ids the planner also took it for the pages of a rare
-- tag, and walked over everybody's posts to find them.
DROP INDEX IF EXISTS posts_tags_used;
CREATE INDEX CONCURRENTLY posts_tags_used ON posts_tags (uuid_send(post_id)) INCLUDE (tag) WHERE audience = 'public';
DROP INDEX IF EXISTS posts_tags_recent;
