"""All SQL of people, by what it is about."""
