"""Passwords, signing keys and access tokens: who is calling, proven without asking the database each time."""
