-- A projection of the signal ItemReturned.
CREATE TABLE lost_and_found_helpers (
    person_id uuid PRIMARY KEY,
    -- Made when the person last helped: the key of the list's pages.
    id uuid NOT NULL UNIQUE,
    returned_count integer NOT NULL CHECK (returned_count > 0)
);
