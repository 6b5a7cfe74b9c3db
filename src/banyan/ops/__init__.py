"""What runs around the platform on a machine: the data directory with its lock and secrets, and the embedded
PostgreSQL that `banyan up` initialises, starts, watches, restarts and stops."""
