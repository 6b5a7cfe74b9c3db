"""HTTP for every feature: the gateway around all routes, problems, idempotency, routing, OpenAPI."""
