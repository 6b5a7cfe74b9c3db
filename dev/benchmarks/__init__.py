"""What `dev/bench` measures: CPU per request and ratios inside one run, never wall-clock speed alone."""
