"""Outgoing mail: written as jobs in the caller's transaction, sent by SMTP or kept in the dev mailbox."""
