"""The API, tag by tag."""
