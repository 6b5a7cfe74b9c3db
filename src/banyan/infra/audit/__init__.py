"""The audit log: who did or looked at what as an operator, append-only, each entry chained to the one before."""
