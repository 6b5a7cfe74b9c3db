-- Audience of a list: `list_id` may name a list that is gone, and then only the author sees the post.
-- `marks`: the tags and mentions found in the text, null where there are none, so that a page reads nothing more.
ALTER TABLE posts_posts
    ADD COLUMN list_id uuid,
    ADD COLUMN marks jsonb,
    DROP CONSTRAINT posts_posts_audience_check,
    ADD CONSTRAINT posts_posts_audience_check
        CHECK (audience IN ('public', 'connections', 'list', 'self')) NOT VALID,
    ADD CONSTRAINT posts_posts_list_check CHECK ((audience = 'list') = (list_id IS NOT NULL)) NOT VALID;

-- What a post said, and for whom, until `edited_at`.
CREATE TABLE posts_revisions (
    post_id uuid NOT NULL REFERENCES posts_posts ON DELETE CASCADE,
    id uuid NOT NULL,
    body text NOT NULL,
    audience text NOT NULL,
    list_id uuid,
    edited_at timestamptz NOT NULL,
    PRIMARY KEY (post_id, id)
);

-- A post under each of its tags, with what decides who may see it: a page reads no post that it will not show.
CREATE TABLE posts_tags (
    post_id uuid NOT NULL REFERENCES posts_posts ON DELETE CASCADE,
    tag text NOT NULL,
    author_id uuid NOT NULL,
    audience text NOT NULL,
    list_id uuid,
    PRIMARY KEY (post_id, tag)
);
CREATE INDEX posts_tags_public ON posts_tags (tag, post_id) WHERE audience = 'public';
CREATE INDEX posts_tags_others ON posts_tags (tag, author_id, post_id) WHERE audience <> 'public';
-- The newest uses, for the tags that are used most.
CREATE INDEX posts_tags_recent ON posts_tags (post_id) INCLUDE (tag) WHERE audience = 'public';

-- Threads. `parent_id` has no foreign key: parent and reply only change under the lock of their post's counters, and
-- the key's check would look for replies at every comment that a deleted post takes along.
-- A deleted comment with replies stays as a placeholder without text and author.
ALTER TABLE posts_comments
    ADD COLUMN parent_id uuid,
    ADD COLUMN depth smallint NOT NULL DEFAULT 0,
    ADD COLUMN reply_count integer NOT NULL DEFAULT 0,
    ADD COLUMN deleted boolean NOT NULL DEFAULT false,
    ADD COLUMN marks jsonb,
    ADD CONSTRAINT posts_comments_reply_count_check CHECK (reply_count >= 0) NOT VALID;

-- A row is what one person has made of a post: a reaction, or saved it, or both. One look finds both, and a page of
-- posts costs no further one. `saved_id` was made when the post was saved: the key of the pages of saved posts.
ALTER TABLE posts_reactions
    ALTER COLUMN kind DROP NOT NULL,
    ADD COLUMN saved_id uuid,
    ADD CONSTRAINT posts_reactions_kind_check CHECK (kind IS NOT NULL OR saved_id IS NOT NULL) NOT VALID;
