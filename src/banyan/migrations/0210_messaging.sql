-- Logs of events, each told once and in one order to all who may read it: what happened in a conversation. `seq` is
-- given under this row's lock.
CREATE TABLE streams_logs (
    id uuid PRIMARY KEY,
    -- Another one after a restored backup, and where events had to be taken out: readers then begin anew.
    epoch uuid NOT NULL DEFAULT gen_random_uuid(),
    last_seq bigint NOT NULL DEFAULT 0,
    -- Events up to here are forgotten.
    floor_seq bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 70);

-- No foreign key: its check would cost as much as the row, and whoever writes here holds the lock of the log's row.
CREATE TABLE streams_events (
    log_id uuid NOT NULL,
    seq bigint NOT NULL,
    -- What the event is about, for events whose content has to go with it.
    subject_id uuid,
    -- As it goes to clients, in JSON.
    body bytea NOT NULL,
    PRIMARY KEY (log_id, seq)
);

CREATE TABLE messaging_conversations (
    id uuid PRIMARY KEY,
    title text,
    -- Of a group: who may rename it and take members out.
    owner_id uuid,
    -- Of a direct conversation: its two people, the lower id first.
    low_id uuid,
    high_id uuid,
    created_at timestamptz NOT NULL,
    -- The number of its last message; the next one is given under this row's lock.
    seq bigint NOT NULL DEFAULT 0,
    member_count integer NOT NULL,
    -- Its own id and then that of its last message: the key of pages by activity. Not indexed, so that a message
    -- touches no index here.
    activity_id uuid NOT NULL,
    CHECK ((low_id IS NULL) = (high_id IS NULL) AND low_id < high_id)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX messaging_conversations_pair ON messaging_conversations (low_id, high_id);

CREATE TABLE messaging_members (
    conversation_id uuid NOT NULL,
    person_id uuid NOT NULL,
    -- Read up to here. One's own messages above it are counted: they are not unread.
    read_seq bigint NOT NULL,
    own_above integer NOT NULL DEFAULT 0,
    muted boolean NOT NULL DEFAULT false,
    -- Counts changes of this row that its owner's devices have to learn of.
    version bigint NOT NULL DEFAULT 0,
    joined_at timestamptz NOT NULL,
    PRIMARY KEY (conversation_id, person_id)
) WITH (fillfactor = 70);
CREATE INDEX messaging_members_person ON messaging_members (person_id);

CREATE TABLE messaging_messages (
    id uuid PRIMARY KEY,
    conversation_id uuid NOT NULL,
    seq bigint NOT NULL,
    -- The nil id of an account that is gone.
    author_id uuid NOT NULL,
    -- The author's name for it, and a digest of what was sent under that name: a retry finds the first.
    client_id text,
    digest bytea,
    body text NOT NULL,
    reply_to uuid,
    attachments uuid[] NOT NULL DEFAULT '{}',
    -- {"like": 2}. Null: none.
    reaction_counts jsonb,
    created_at timestamptz NOT NULL,
    edited_at timestamptz,
    deleted boolean NOT NULL DEFAULT false
) WITH (fillfactor = 90);
CREATE UNIQUE INDEX messaging_messages_order ON messaging_messages (conversation_id, seq);
CREATE UNIQUE INDEX messaging_messages_client ON messaging_messages (author_id, conversation_id, client_id);

CREATE TABLE messaging_reactions (
    message_id uuid NOT NULL,
    person_id uuid NOT NULL,
    kind text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (message_id, person_id)
);
CREATE INDEX messaging_reactions_person ON messaging_reactions (person_id, message_id);
