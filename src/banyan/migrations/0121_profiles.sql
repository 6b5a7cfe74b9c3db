-- What a profile says beyond the name, to whom it says it, and whether anybody sees the person at all.
ALTER TABLE people_people
    ADD COLUMN neighbourhood text NOT NULL DEFAULT '',
    -- The middle of a cell of about 1 km: an exact place is never stored.
    ADD COLUMN latitude double precision,
    ADD COLUMN longitude double precision,
    ADD COLUMN visibility text NOT NULL DEFAULT 'everyone',
    -- Since when the person does not exist for anybody else: an account that is being deleted.
    ADD COLUMN hidden_at timestamptz;
-- New rows are checked at once; nothing that is there can break these rules, so nobody waits for a scan.
ALTER TABLE people_people
    ADD CONSTRAINT people_people_place CHECK ((latitude IS NULL) = (longitude IS NULL)) NOT VALID,
    ADD CONSTRAINT people_people_visibility CHECK (visibility IN ('everyone', 'members', 'connections')) NOT VALID;
-- The few who are hidden: every reader's relations hold them, every count leaves them out.
CREATE INDEX people_people_hidden ON people_people (id) WHERE hidden_at IS NOT NULL;

-- Handles that were given up. For a while they lead to the person's present one and nobody else may take them:
-- without a foreign key, so that this holds for those who are deleted too.
CREATE TABLE people_handle_changes (
    id uuid PRIMARY KEY,
    person_id uuid NOT NULL,
    handle text NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE INDEX people_handle_changes_handle ON people_handle_changes (handle, changed_at);
CREATE INDEX people_handle_changes_person ON people_handle_changes (person_id, changed_at);
CREATE INDEX people_handle_changes_time ON people_handle_changes (changed_at);

-- Suggestions that somebody does not want to see again.
CREATE TABLE people_dismissals (
    person_id uuid NOT NULL REFERENCES people_people ON DELETE CASCADE,
    dismissed_id uuid NOT NULL REFERENCES people_people ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (person_id, dismissed_id)
);
CREATE INDEX people_dismissals_dismissed ON people_dismissals (dismissed_id);
