"""Values that every part shares: ids, clock, errors, pages. Standard library and msgspec only."""
