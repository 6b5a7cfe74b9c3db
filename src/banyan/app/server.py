"""Serving HTTP: the listening socket and uvicorn on the running event loop."""

import asyncio
import contextlib
import errno
import gc
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn

from banyan.infra.http.protocol import Sockets, bounded_protocol
from banyan.infra.http.settings import HttpSettings
from banyan.infra.metrics import HTTP_CONNECTIONS
from banyan.infra.realtime.wire import SocketProtocol

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_BACKLOG = 2048
_GC_ALLOCATIONS = 7_000
_KEEP_ALIVE_SECONDS = 75
_HANG_UP = (b"connection", b"close")
# What a signal calls now; a process has one event loop that hears them.
_stops: list[Callable[[], None]] = []


class CannotListen(Exception):
    """The address is taken or not ours; the message says what would be right."""


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A listening TCP socket; port 0 takes a free one. Raises CannotListen."""
    listener = bind(host, port, shared=shared)
    try:
        listener.listen(_BACKLOG)
    except OSError as error:
        raise CannotListen(_advice(error, host, port)) from None
    listener.setblocking(False)
    return listener


def bind(host: str, port: int, *, shared: bool) -> socket.socket:
    """A TCP socket that has the port, alone or `shared` with others that ask for it so. Raises CannotListen."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        holder = socket.socket(family, socket.SOCK_STREAM)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind((host, port))
    except OSError as error:
        raise CannotListen(_advice(error, host, port)) from None
    return holder


def _advice(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken. Stop what uses it, or choose another with --port."
    if error.errno == errno.EACCES:
        return f"This user may not listen on port {port}. Choose one above 1023 with --port."
    return f"Cannot listen on {host}:{port}: {error.strerror or error}. Check --host and --port."


class Server(uvicorn.Server):
    """uvicorn without its signal handling: the process decides when to stop."""

    leaving = False

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def leave(self, linger_seconds: float) -> None:
        """Stops, but answers on for so long: what is on its way already must not be lost. Each answer tells its
        client to take another connection next time, which a load balancer then opens to another process.
        """
        self.leaving = True
        self.config.encoded_headers.append(_HANG_UP)
        self.server_state.default_headers = [*self.server_state.default_headers, _HANG_UP]
        asyncio.get_running_loop().call_later(linger_seconds, self.end)

    def end(self) -> None:
        """Takes nothing new from now on, and ends when everything at work is answered."""
        self.should_exit = True


def uvicorn_config(app: Any, settings: HttpSettings, sockets: Sockets | None = None) -> uvicorn.Config:
    """How uvicorn serves `app` and sockets: everything that the gateway does itself is off."""
    return uvicorn.Config(
        app,
        http=bounded_protocol(settings, sockets),
        ws="none" if sockets is None else SocketProtocol,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, round(settings.drain_seconds)),
    )


async def serve(
    app: Any,
    listener: socket.socket,
    settings: HttpSettings,
    *,
    sockets: Sockets | None = None,
    on_ready: Callable[[], None],
    on_stop: Callable[[], None],
) -> None:
    """Answers until SIGINT or SIGTERM, then finishes what is at work; a second signal ends it at once.

    `on_ready` is called when requests are taken and signals are heard.
    """
    server = Server(uvicorn_config(app, settings, sockets))
    HTTP_CONNECTIONS.set_function(lambda: len(server.server_state.connections))

    def stop() -> None:
        if server.leaving:
            server.force_exit = True
            server.end()
            return
        on_stop()
        server.leave(settings.linger_seconds)

    _tune_garbage_collection()
    with stopping_on_signals(stop):
        on_ready()
        await server.serve(sockets=[listener])


def _tune_garbage_collection() -> None:
    """What was made at the start stays for ever: it is not looked at again. Requests make few cycles, so the
    collector runs a tenth as often as by default; it took 7% of the CPU of a feed request.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_ALLOCATIONS, 10, 10)


async def wait_for_signal() -> None:
    """For a process that serves no HTTP: returns at SIGINT or SIGTERM."""
    stopped = asyncio.Event()
    with stopping_on_signals(stopped.set):
        await stopped.wait()


@contextlib.contextmanager
def stopping_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Calls `stop` at every SIGINT and SIGTERM; where such blocks stand in each other, only that of the inner one."""
    loop = asyncio.get_running_loop()
    if not _stops:
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, _stop_innermost)
    _stops.append(stop)
    try:
        yield
    finally:
        _stops.pop()
        if not _stops:
            for number in STOP_SIGNALS:
                loop.remove_signal_handler(number)


def _stop_innermost() -> None:
    _stops[-1]()
