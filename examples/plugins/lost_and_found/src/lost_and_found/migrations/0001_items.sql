CREATE TABLE lost_and_found_items (
    id uuid PRIMARY KEY,
    person_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('lost', 'found')),
    state text NOT NULL CHECK (state IN ('open', 'returned', 'closed')),
    title text NOT NULL,
    description text NOT NULL,
    place text NOT NULL,
    created_at timestamptz NOT NULL,
    touched_at timestamptz NOT NULL
);
CREATE INDEX lost_and_found_items_list ON lost_and_found_items (state, id);
-- One's own, for the export and for the bound on open ones.
CREATE INDEX lost_and_found_items_person ON lost_and_found_items (person_id, id) INCLUDE (state);
