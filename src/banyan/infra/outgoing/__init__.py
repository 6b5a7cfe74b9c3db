"""Requests to addresses that people have entered: never into a private network, bounded in time and size."""
