"""Accounts: who may sign in, how, and for how long. An account has the id of its person, made in one transaction."""
