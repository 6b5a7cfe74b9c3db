"""The house's own fixtures: a real PostgreSQL, a database per test, the loop that production runs on."""

from tests.conftest import database_url, postgres_major, pytest_asyncio_loop_factories, templates

__all__ = ["database_url", "postgres_major", "pytest_asyncio_loop_factories", "templates"]
