"""Posts: publishing, audiences, comments, reactions, profile feeds and the home feed with its table."""
