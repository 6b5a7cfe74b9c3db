"""How requests find a server."""

from enum import StrEnum


class Dispatch(StrEnum):
    """One queue for all servers, or a queue at each and a rule that picks one."""

    SHARED = "shared"
    RANDOM = "random"
    ROUND_ROBIN = "round_robin"
    LEAST_CONNECTIONS = "least_connections"
