"""What software needs per operation: a file per profile, with its day, its machine and its source."""
