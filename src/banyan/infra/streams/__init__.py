"""Streams: what changed for whom, in one durable order per person, so that a client catches up from where it was.

A stream logs ids and versions, never values. It is not written when something happens to a post, but when its person
asks: then what the log says they have is compared with what they may see now, and the difference is appended.
"""
