"""All SQL of posts, by what it is about."""
