"""Outbox, job queue and scheduler in one small table set.

A transaction's signals and jobs become rows of `jobs` with its commit (`outbox`), the relay tells the other
processes, workers claim, run and delete them (`worker`), and the scheduler adds those that are due (`scheduler`).
Effects in the database happen exactly once; effects elsewhere at least once.
"""
