"""How many sockets there are, by address and account."""

from banyan.infra.realtime.connection import Connection
from banyan.infra.realtime.errors import TooManySockets
from banyan.infra.realtime.settings import RealtimeSettings

_RETRY_SECONDS = 10.0


class Counts:
    """Counts in this process. Whoever shares an address with a whole campus must not be locked out, so signed-in
    sockets count loosely there, and anonymous ones apart.
    """

    def __init__(self, settings: RealtimeSettings) -> None:
        self._settings = settings
        self.total = 0
        self._by_address: dict[str, int] = {}
        self._anonymous_by_address: dict[str, int] = {}

    def admit(self, address: str) -> None:
        """Raises TooManySockets for one more from there."""
        if self.total >= self._settings.max_sockets:
            raise TooManySockets("This server carries as many as it can.", retry_after_seconds=_RETRY_SECONDS)
        if self._by_address.get(address, 0) >= self._settings.sockets_per_address or (
            self._anonymous_by_address.get(address, 0) >= self._settings.anonymous_sockets_per_address
        ):
            raise TooManySockets("Your address has as many as it may.", retry_after_seconds=_RETRY_SECONDS)

    def add(self, connection: Connection) -> None:
        """A new one, which counts as anonymous until it says who it is."""
        self.total += 1
        _count(self._by_address, connection.address, 1)
        _count(self._anonymous_by_address, connection.address, 1)

    def sign_in(self, connection: Connection) -> None:
        _count(self._anonymous_by_address, connection.address, -1)

    def remove(self, connection: Connection) -> None:
        self.total -= 1
        _count(self._by_address, connection.address, -1)
        if connection.account_id is None:
            _count(self._anonymous_by_address, connection.address, -1)


def _count(counts: dict[str, int], key: str, change: int) -> None:
    count = counts.get(key, 0) + change
    if count > 0:
        counts[key] = count
    else:
        counts.pop(key, None)
