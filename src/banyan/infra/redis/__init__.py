"""Redis or Valkey, where one is configured: one server, or a cluster.

Nothing depends on it for being right: what it carries can be found elsewhere, only later, and what it counts is counted
in each process while it is away. Loaded only where `redis.url` is set.
"""
