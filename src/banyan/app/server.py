"""Serving HTTP: the listening socket and uvicorn on the running event loop."""

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn

from banyan.infra.http.protocol import bounded_protocol
from banyan.infra.http.settings import HttpSettings
from banyan.infra.metrics import HTTP_CONNECTIONS

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_BACKLOG = 2048
_KEEP_ALIVE_SECONDS = 75
# What a signal calls now; a process has one event loop that hears them.
_stops: list[Callable[[], None]] = []


class CannotListen(Exception):
    """The address is taken or not ours; the message says what would be right."""


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 takes a free one. Raises CannotListen."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        raise CannotListen(_advice(error, host, port)) from None
    listener.setblocking(False)
    return listener


def _advice(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken. Stop what uses it, or choose another with --port."
    if error.errno == errno.EACCES:
        return f"This user may not listen on port {port}. Choose one above 1023 with --port."
    return f"Cannot listen on {host}:{port}: {error.strerror or error}. Check --host and --port."


class Server(uvicorn.Server):
    """uvicorn without its signal handling: the process decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def uvicorn_config(app: Any, settings: HttpSettings) -> uvicorn.Config:
    """How uvicorn serves `app`: everything that the gateway does itself is off."""
    return uvicorn.Config(
        app,
        http=bounded_protocol(settings),
        ws="none",
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
    on_ready: Callable[[], None],
    on_stop: Callable[[], None],
) -> None:
    """Answers until SIGINT or SIGTERM, then finishes what is at work; a second signal ends it at once.

    `on_ready` is called when requests are taken and signals are heard.
    """
    server = Server(uvicorn_config(app, settings))
    HTTP_CONNECTIONS.set_function(lambda: len(server.server_state.connections))

    def stop() -> None:
        on_stop()
        server.force_exit = server.should_exit
        server.should_exit = True

    with stopping_on_signals(stop):
        on_ready()
        await server.serve(sockets=[listener])


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
