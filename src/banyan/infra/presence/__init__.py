"""Who is online, and when somebody was last.

Each process with sockets keeps a lease and, under it, its people: written when they come and go, in batches, and
nothing at heartbeats. Who died is not believed for long.
"""
