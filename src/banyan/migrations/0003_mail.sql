-- The dev mailbox: mail that was not sent because no SMTP server is set. Ids are UUIDv7, so they order by time.
CREATE TABLE mail_messages (
    id uuid PRIMARY KEY,
    recipient text NOT NULL,
    subject text NOT NULL,
    text_body text NOT NULL,
    html_body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
