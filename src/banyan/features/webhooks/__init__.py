"""Webhooks: signals sent to addresses outside, signed, retried and kept in a log of deliveries."""
