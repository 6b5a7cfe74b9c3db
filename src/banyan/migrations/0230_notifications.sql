-- What people are told: one row per person, kind and subject while it is unread; what the inbox is not to show has
-- a row of its own.
CREATE TABLE notifications_items (
    id uuid PRIMARY KEY,
    person_id uuid NOT NULL,
    kind text NOT NULL,
    subject_id uuid NOT NULL,
    -- Where a client finds the subject, for a comment its post.
    post_id uuid,
    -- A UUIDv7 of the newest event: order and page key of the inbox.
    place uuid NOT NULL,
    actor_count integer NOT NULL DEFAULT 0 CHECK (actor_count >= 0),
    -- Counts changes.
    version integer NOT NULL DEFAULT 1,
    read_at timestamptz,
    -- False: only mail or push tell of it.
    in_app boolean NOT NULL,
    -- Waits for the next digest.
    digest boolean NOT NULL DEFAULT false,
    mailed_at timestamptz,
    pushed_at timestamptz
) WITH (fillfactor = 85);
CREATE UNIQUE INDEX notifications_items_unread ON notifications_items (person_id, kind, subject_id, in_app)
    WHERE read_at IS NULL;
CREATE INDEX notifications_items_list ON notifications_items (person_id, place) WHERE in_app;
CREATE INDEX notifications_items_digest ON notifications_items (person_id) WHERE digest;
CREATE INDEX notifications_items_subject ON notifications_items (subject_id);
CREATE INDEX notifications_items_place ON notifications_items (place);

-- What happened, once per person, kind and subject: of this, and of who did it, items are made.
CREATE TABLE notifications_events (
    person_id uuid NOT NULL,
    kind text NOT NULL,
    subject_id uuid NOT NULL,
    source_id uuid NOT NULL,
    item_id uuid NOT NULL REFERENCES notifications_items ON DELETE CASCADE,
    actor_id uuid NOT NULL,
    -- A UUIDv7: when it was told, and the order of actors.
    place uuid NOT NULL,
    PRIMARY KEY (person_id, kind, subject_id, source_id)
);
CREATE INDEX notifications_events_actors ON notifications_events (item_id, actor_id);
CREATE INDEX notifications_events_newest ON notifications_events (item_id, place);
CREATE INDEX notifications_events_source ON notifications_events (source_id);
CREATE INDEX notifications_events_actor ON notifications_events (actor_id);

-- What a person has chosen; who has chosen nothing has no row.
CREATE TABLE notifications_preferences (
    person_id uuid PRIMARY KEY,
    -- By kind: {"comment": {"in_app": true, "email": "daily", "push": true}}
    kinds jsonb NOT NULL,
    -- Minutes after midnight in the person's time zone.
    quiet_from smallint CHECK (quiet_from BETWEEN 0 AND 1439),
    quiet_to smallint CHECK (quiet_to BETWEEN 0 AND 1439),
    time_zone text NOT NULL,
    digest_hour smallint NOT NULL CHECK (digest_hour BETWEEN 0 AND 23),
    updated_at timestamptz NOT NULL,
    CHECK ((quiet_from IS NULL) = (quiet_to IS NULL))
);
