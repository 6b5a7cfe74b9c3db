-- Links to one address are bounded whichever accounts ask for them.
CREATE INDEX accounts_email_changes_address ON accounts_email_changes (email_key);
