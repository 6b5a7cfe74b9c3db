"""The parts under every feature: settings, database, jobs, bus, cache, mail, auth, HTTP, metrics, logs."""
