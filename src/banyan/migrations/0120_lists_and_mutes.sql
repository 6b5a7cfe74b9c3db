-- A named list of connections: an audience that only its owner knows of.
CREATE TABLE people_lists (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES people_people ON DELETE CASCADE,
    name text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX people_lists_owner ON people_lists (owner_id, id);

-- Members are connections of the owner: whatever ends a connection deletes its rows here, under the pair's lock.
CREATE TABLE people_list_members (
    list_id uuid NOT NULL REFERENCES people_lists ON DELETE CASCADE,
    person_id uuid NOT NULL REFERENCES people_people ON DELETE CASCADE,
    -- The list's, for the lists of one pair.
    owner_id uuid NOT NULL,
    -- Made when the member was added: the key of the pages.
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (list_id, person_id)
);
CREATE INDEX people_list_members_page ON people_list_members (list_id, id);
-- Of which lists one is a member, all of them or those of one owner.
CREATE INDEX people_list_members_person ON people_list_members (person_id, owner_id) INCLUDE (list_id);

-- Whose posts one does not want in one's feed; nobody but oneself knows.
CREATE TABLE people_mutes (
    person_id uuid NOT NULL REFERENCES people_people ON DELETE CASCADE,
    muted_id uuid NOT NULL REFERENCES people_people ON DELETE CASCADE,
    -- Made when the mute was: the key of its pages.
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (person_id, muted_id),
    CHECK (person_id <> muted_id)
);
CREATE INDEX people_mutes_list ON people_mutes (person_id, id);
-- For the foreign key: without it a deleted person costs a look at the whole table.
CREATE INDEX people_mutes_muted ON people_mutes (muted_id);
