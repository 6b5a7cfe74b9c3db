"""Sync: everything that a client keeps offline, and what changed of it since it last looked."""
