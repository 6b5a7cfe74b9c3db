-- Whose posts are not written into homes but read from here at each look: accounts that had very many connections
-- when they published. Few rows, kept in memory by every process; nobody leaves, so that no post falls in between.
CREATE TABLE posts_large_authors (
    author_id uuid PRIMARY KEY,
    since timestamptz NOT NULL DEFAULT now()
);
