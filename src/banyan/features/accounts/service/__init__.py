"""The rules of accounts: signing up and in, proving an address, sessions, the first admin."""
