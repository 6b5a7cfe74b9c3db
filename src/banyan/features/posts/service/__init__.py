"""The rules of posts."""
