"""All SQL of accounts, by what it is about."""
