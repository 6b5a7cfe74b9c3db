"""Makes the typed clients in `clients/` from the OpenAPI document: `dev/clients`."""
