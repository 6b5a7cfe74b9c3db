"""The rules of webhooks: keeping them, recording what they must hear, sending it."""
