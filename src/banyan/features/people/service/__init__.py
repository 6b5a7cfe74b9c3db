"""The rules of people, by what they are about."""
