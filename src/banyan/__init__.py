"""Banyan: a self-hosted backend for community apps, with its own capacity planner."""

__version__ = "0.1.0"
