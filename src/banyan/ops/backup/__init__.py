"""Backups: database and files of an installation as one snapshot in one file, checked before anything is restored.

A backup is a tar file: `database.dump` (pg_dump's custom format), `files/...` of the data directory, and at its end
`manifest.json` with the checksum of each and `manifest.sha256`. One without its end is not whole, and is refused.
"""
