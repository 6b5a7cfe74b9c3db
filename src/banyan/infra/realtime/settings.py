"""Settings of the sockets."""

from pydantic import BaseModel, ConfigDict, Field


class RealtimeSettings(BaseModel):
    """How many sockets there may be, and how much each may ask for and leave unread."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str | None = Field(
        None,
        description="Where clients find /v1/socket, such as wss://live.example.org/v1/socket; default: beside the API.",
    )
    ticket_seconds: float = Field(60, gt=0, description="A ticket of GET /v1/realtime holds so long.")
    hello_seconds: float = Field(10, gt=0, description="The first frame must have arrived by then.")
    heartbeat_seconds: int = Field(
        25, ge=1, description="A silent socket is pinged that often, and cut when it is still silent one turn later."
    )
    max_sockets: int = Field(18_000, ge=1, description="In one process; stay below its limit of open files.")
    sockets_per_account: int = Field(20, ge=1, description="In one process.")
    anonymous_sockets_per_address: int = Field(200, ge=1, description="In one process, those before hello included.")
    sockets_per_address: int = Field(10_000, ge=1, description="In one process.")
    topics_per_socket: int = Field(200, ge=1, description="What one socket may have joined.")
    max_message_bytes: int = Field(16 * 1024, ge=1024, le=1024 * 1024, description="One message from a client.")
    frames_per_second: float = Field(20, gt=0, description="Of one client, on average.")
    frames_at_once: int = Field(100, ge=1, description="Of one client, in a burst.")
    max_unread_bytes: int = Field(
        512 * 1024, ge=64 * 1024, description="What waits for one client that reads slowly; beyond, it is cut."
    )
    unread_seconds: float = Field(30, gt=0, description="A client that has read nothing for so long is cut.")
    reconnect_seconds: float = Field(
        10, ge=0, description="When a process stops, clients are asked to come back at random moments within this time."
    )
