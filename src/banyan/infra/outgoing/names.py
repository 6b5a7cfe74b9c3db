"""Names that somebody has entered, looked up apart from all else.

The event loop does two look-ups at a time, gives none of them up and does not end before the last one has. A name
server that is silent, of one receiver, would hold up the way to the database and the end of the process.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from threading import Thread

# The addresses of a host, as text. Raises OSError or UnicodeError where there are none.
LookUp = Callable[[str], Awaitable[Sequence[str]]]

# Each is a thread for as long as the system's resolver tries, half a minute where a name server is silent.
_MOST_AT_ONCE = 64


class Names:
    """Asks the system's resolver, in threads that nobody waits for. One for each event loop."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(_MOST_AT_ONCE)

    async def look_up(self, host: str) -> Sequence[str]:
        """The addresses of `host`. Who gives up leaves the look-up alone: its place is free when the resolver ends."""
        await self._places.acquire()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[str]] = loop.create_future()

        def tell(found: Sequence[str], error: Exception | None) -> None:
            self._places.release()
            if answer.done():
                return
            if error is None:
                answer.set_result(found)
            else:
                answer.set_exception(error)

        def look() -> None:
            found: Sequence[str] = ()
            failure: Exception | None = None
            try:
                found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
            except (OSError, UnicodeError) as error:
                failure = error
            # Of a loop that is closed nobody waits for it.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(partial(tell, found, failure))

        Thread(target=look, name=f"look up {host}"[:40], daemon=True).start()
        return await answer
