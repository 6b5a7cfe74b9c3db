"""The rules of notifications: telling, reading, choosing."""
