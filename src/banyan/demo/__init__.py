"""Demo communities: planned from a seed, then made through the features' own rules."""
