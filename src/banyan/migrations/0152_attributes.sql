-- What an installation declares beside the rest: {"colour": "red", ...}. Null: none.
ALTER TABLE posts_posts ADD COLUMN attributes jsonb;
ALTER TABLE people_people ADD COLUMN attributes jsonb;
