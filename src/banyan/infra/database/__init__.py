"""PostgreSQL: settings, the FIFO hand-off pool, one request's `Work`, and migrations."""
