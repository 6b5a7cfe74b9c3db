"""The realtime gateway: sockets, the topics that they join, and the events that they are sent (docs/realtime.md)."""
