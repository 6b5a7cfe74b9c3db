-- Devices that are told by push: browsers with the keys to encrypt for them, and apps by the token of their service.
CREATE TABLE notifications_devices (
    id uuid PRIMARY KEY,
    person_id uuid NOT NULL,
    -- It was registered in this session, and is told nothing once that has ended.
    session_id uuid NOT NULL,
    service text NOT NULL CHECK (service IN ('web', 'fcm', 'apns')),
    address text NOT NULL,
    -- SHA-256: addresses may be longer than an index takes.
    address_digest bytea NOT NULL,
    p256dh bytea NOT NULL,
    auth bytea NOT NULL,
    user_agent text NOT NULL,
    created_at timestamptz NOT NULL,
    -- When the device has told its address the last time.
    seen_at timestamptz NOT NULL,
    -- To the hour.
    pushed_at timestamptz,
    -- Since the first failure after the last success.
    failing_since timestamptz
) WITH (fillfactor = 85);
CREATE UNIQUE INDEX notifications_devices_address ON notifications_devices (service, address_digest);
CREATE INDEX notifications_devices_person ON notifications_devices (person_id, id);
CREATE INDEX notifications_devices_failing ON notifications_devices (failing_since) WHERE failing_since IS NOT NULL;

-- What waits to be pushed: a notification, to a device.
CREATE TABLE notifications_pushes (
    item_id uuid NOT NULL REFERENCES notifications_items ON DELETE CASCADE,
    device_id uuid NOT NULL REFERENCES notifications_devices ON DELETE CASCADE,
    -- The service, and `.troubled` after it for devices whose last try has failed: they hold up nobody else.
    lane text NOT NULL,
    -- Moved on while it is under way: if the worker dies, it is due again then.
    due_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    -- Counts what was to be told: what comes while a push is under way is told by another one.
    asked integer NOT NULL DEFAULT 1,
    PRIMARY KEY (item_id, device_id)
) WITH (fillfactor = 85);
CREATE INDEX notifications_pushes_due ON notifications_pushes (lane, due_at);
CREATE INDEX notifications_pushes_device ON notifications_pushes (device_id);

-- One worker at a time sends what is due on a lane: until then, prolonged while it does.
CREATE TABLE notifications_push_lanes (
    lane text PRIMARY KEY,
    busy_until timestamptz
);
INSERT INTO notifications_push_lanes (lane)
    VALUES ('web'), ('web.troubled'), ('fcm'), ('fcm.troubled'), ('apns'), ('apns.troubled');

-- How often a notification was pushed: the next time waits longer.
ALTER TABLE notifications_items ADD COLUMN pushes smallint NOT NULL DEFAULT 0;
