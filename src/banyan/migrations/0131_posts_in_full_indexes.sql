-- no transaction
ALTER TABLE posts_posts VALIDATE CONSTRAINT posts_posts_audience_check;
ALTER TABLE posts_posts VALIDATE CONSTRAINT posts_posts_list_check;
ALTER TABLE posts_comments VALIDATE CONSTRAINT posts_comments_reply_count_check;
ALTER TABLE posts_reactions VALIDATE CONSTRAINT posts_reactions_kind_check;
-- A build that was cut off leaves an index that is not valid: it is made anew.
DROP INDEX IF EXISTS posts_comments_top;
CREATE INDEX CONCURRENTLY posts_comments_top ON posts_comments (post_id, id) WHERE parent_id IS NULL;
DROP INDEX IF EXISTS posts_comments_replies;
CREATE INDEX CONCURRENTLY posts_comments_replies ON posts_comments (parent_id, id) WHERE parent_id IS NOT NULL;
DROP INDEX IF EXISTS posts_reactions_saved;
CREATE INDEX CONCURRENTLY posts_reactions_saved ON posts_reactions (person_id, saved_id) WHERE saved_id IS NOT NULL;
DROP INDEX IF EXISTS posts_posts_list;
CREATE INDEX CONCURRENTLY posts_posts_list ON posts_posts (list_id, id) WHERE list_id IS NOT NULL;
