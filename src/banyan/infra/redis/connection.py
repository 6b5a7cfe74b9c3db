"""Single connections to Redis, and the map of a cluster."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from redis.asyncio.connection import AbstractConnection, Connection, parse_url
from redis.crc import key_slot
from redis.exceptions import RedisError, ResponseError

from banyan.infra.redis.settings import RedisSettings

# What a connection or a server can be lost with. Never of a value that we sent.
REDIS_ERRORS = (RedisError, OSError, TimeoutError)

Address = tuple[str, int]

_SLOTS = 16384


class Link:
    """One connection. All methods raise one of REDIS_ERRORS, after which it is of no use."""

    def __init__(self, settings: RedisSettings, address: Address | None = None) -> None:
        """To the server that is configured, or to another member of its cluster."""
        assert settings.url is not None
        arguments: dict[str, Any] = dict(parse_url(settings.url.get_secret_value()))
        kind: type[AbstractConnection] = arguments.pop("connection_class", Connection)
        if address is not None:
            arguments["host"], arguments["port"] = address
        self._seconds = settings.timeout_seconds
        # Our own timeouts for the rest: redis-py's `wait_for` can swallow a cancellation before Python 3.12.
        self._connection = kind(
            **arguments, protocol=2, socket_timeout=None, socket_connect_timeout=self._seconds, driver_info=None
        )

    async def open(self) -> None:
        async with asyncio.timeout(self._seconds):
            await self._connection.connect()  # type: ignore[no-untyped-call]

    async def close(self) -> None:
        """At once; what waits is thrown away."""
        await self._connection.disconnect(nowait=True)

    async def send(self, *commands: Sequence[bytes | str | int]) -> None:
        async with asyncio.timeout(self._seconds):
            await self._connection.send_packed_command(self._connection.pack_commands(commands))

    async def read(self) -> Any:
        """The next answer or message; an error that the server answers is raised, as ResponseError."""
        async with asyncio.timeout(self._seconds):
            return await self._connection.read_response(disable_decoding=True)

    async def ask(self, *command: bytes | str | int) -> Any:
        await self.send(command)
        return await self.read()

    async def ask_many(self, commands: Sequence[Sequence[bytes | str | int]]) -> list[Any]:
        """One answer for each, errors of the server among them, by one pipeline."""
        await self.send(*commands)
        answers: list[Any] = []
        for _ in commands:
            try:
                answers.append(await self.read())
            except ResponseError as error:
                answers.append(error)
        return answers


class SlotMap:
    """Which member of a cluster has which keys; None of a single server, which has all."""

    def __init__(self, owners: Sequence[Address | None]) -> None:
        self._owners = owners

    @property
    def members(self) -> list[Address | None]:
        return list(dict.fromkeys(self._owners))

    @property
    def sharded(self) -> bool:
        return self._owners[0] is not None

    def owner(self, key: bytes) -> Address | None:
        return self._owners[key_slot(key) if self.sharded else 0]


async def find_slots(settings: RedisSettings, known: Iterable[Address | None] = ()) -> SlotMap:
    """Asks the configured server, then the others that are known. Raises one of REDIS_ERRORS."""
    failure: BaseException = RedisError("no member of the cluster answers")
    for address in dict.fromkeys((None, *known)):
        link = Link(settings, address)
        try:
            await link.open()
            return await _ask_slots(link)
        except REDIS_ERRORS as error:
            failure = error
        finally:
            await link.close()
    raise failure


async def _ask_slots(link: Link) -> SlotMap:
    info = await link.ask("INFO", "cluster")
    if b"cluster_enabled:1" not in info:
        return SlotMap([None])
    owners: list[Address | None] = [None] * _SLOTS
    for first, last, master, *_ in await link.ask("CLUSTER", "SLOTS"):
        # An empty name means: the address that was asked.
        owners[first : last + 1] = [(master[0].decode(), master[1])] * (last + 1 - first)
    if not all(owner and owner[0] for owner in owners):
        raise RedisError("the cluster is not complete")
    return SlotMap(owners)
