"""People: profiles and handles, connections by request and acceptance, blocks."""
