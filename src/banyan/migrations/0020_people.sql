-- A person has the id of their account. Handles are stored in lower case, so a plain unique index is enough.
CREATE TABLE people_people (
    id uuid PRIMARY KEY,
    handle text NOT NULL UNIQUE CHECK (handle = lower(handle)),
    display_name text NOT NULL,
    bio text NOT NULL DEFAULT '',
    avatar_url text,
    created_at timestamptz NOT NULL
);

-- A connection or a request is two rows, one for each side: `person_id` sees it as `state`.
-- Both rows change under one advisory lock of the pair, so they always mirror each other.
CREATE TABLE people_connections (
    person_id uuid NOT NULL REFERENCES people_people ON DELETE CASCADE,
    other_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('sent', 'received', 'connected')),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (person_id, other_id),
    CHECK (person_id <> other_id)
);
-- Lists by state, newest first; with all three states named it also finds one connection of a person by its id.
CREATE INDEX people_connections_list ON people_connections (person_id, state, connection_id);

CREATE TABLE people_blocks (
    person_id uuid NOT NULL REFERENCES people_people ON DELETE CASCADE,
    blocked_id uuid NOT NULL REFERENCES people_people ON DELETE CASCADE,
    -- Made when the block was: the key of its pages.
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (person_id, blocked_id),
    CHECK (person_id <> blocked_id)
);
CREATE INDEX people_blocks_list ON people_blocks (person_id, id);
-- Who has blocked me: a block hides both ways.
CREATE INDEX people_blocks_blocked ON people_blocks (blocked_id);
