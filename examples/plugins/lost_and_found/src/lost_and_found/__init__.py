"""Lost and found: what members have lost or found, until it is back with its owner."""
