"""All rules of messaging."""
