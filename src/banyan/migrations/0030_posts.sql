CREATE TABLE posts_posts (
    id uuid PRIMARY KEY,
    author_id uuid NOT NULL,
    body text NOT NULL,
    audience text NOT NULL CHECK (audience IN ('public', 'connections', 'self')),
    created_at timestamptz NOT NULL,
    edited_at timestamptz
);
-- With the audience beside it, a page of one author reads no post that it will not show.
CREATE INDEX posts_posts_author ON posts_posts (author_id, id) INCLUDE (audience);
-- The newest public posts, for the page that everybody sees first.
CREATE INDEX posts_posts_public ON posts_posts (id) WHERE audience = 'public';

-- Many write the counters while many read the post: apart, a reaction rewrites 60 bytes and not the body.
-- Room is left in each page so that an update stays in it and touches no index.
CREATE TABLE posts_counters (
    post_id uuid PRIMARY KEY REFERENCES posts_posts ON DELETE CASCADE,
    comment_count integer NOT NULL DEFAULT 0 CHECK (comment_count >= 0),
    -- {"love": 3, ...}: kinds nobody chose are left out.
    reaction_counts jsonb NOT NULL DEFAULT '{}'
) WITH (fillfactor = 70);

CREATE TABLE posts_reactions (
    post_id uuid NOT NULL REFERENCES posts_posts ON DELETE CASCADE,
    person_id uuid NOT NULL,
    kind text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (post_id, person_id)
);

CREATE TABLE posts_comments (
    id uuid PRIMARY KEY,
    post_id uuid NOT NULL REFERENCES posts_posts ON DELETE CASCADE,
    author_id uuid NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL,
    edited_at timestamptz
);
CREATE INDEX posts_comments_post ON posts_comments (post_id, id);

-- Home feeds, written by jobs and read in one statement. A row says "may be of interest", never "may be seen":
-- that is decided at each read. So a row too many is harmless (a deleted post's simply no longer joins), and
-- there is no foreign key, whose check would double the cost of a fan-out.
CREATE TABLE posts_home (
    person_id uuid NOT NULL,
    post_id uuid NOT NULL,
    PRIMARY KEY (person_id, post_id)
);
-- A home is complete above its floor: older posts are read from their authors. No row: complete altogether.
CREATE TABLE posts_home_floors (
    person_id uuid PRIMARY KEY,
    floor_id uuid NOT NULL
);
