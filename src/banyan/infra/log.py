"""Structured logs: one JSON line per event on stderr, the access log among them."""

import asyncio
import logging
import time
from typing import Literal, Protocol, TextIO
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct
from pydantic import BaseModel, ConfigDict

_FLUSH_SECONDS = 0.1
_FLUSH_LINES = 256


class LogSettings(BaseModel):
    """How much is logged and in which form."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"


def configure_logs(settings: LogSettings, stream: TextIO) -> None:
    """Sets up structlog and the standard library's loggers (of libraries) for this process."""
    level = getattr(logging, settings.level.upper())
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if settings.format == "json" else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(level, logging.WARNING), format="%(message)s", stream=stream, force=True)


class Asked(Protocol):
    """What the access log reads of a request."""

    request_id: str
    client_ip: str

    @property
    def account_id(self) -> UUID | None: ...
    @property
    def error_code(self) -> str | None: ...


class AccessLine(Struct, omit_defaults=True):
    """One answered request. The query is left out: it may hold what people search for."""

    timestamp: float
    event: str
    request_id: str
    method: str
    path: str
    status: int
    duration_ms: float
    bytes: int
    client_ip: str
    account_id: UUID | None = None
    code: str | None = None


class AccessLog:
    """Collects lines and writes them a few times a second: a write per request would cost more than the line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._encode = msgspec.json.Encoder().encode
        self._lines: list[bytes] = []

    def write(self, asked: Asked, method: str, path: str, status: int, size_bytes: int, seconds: float) -> None:
        """Adds the line of one request."""
        now = time.time()
        line = AccessLine(
            round(now, 3),
            "request",
            asked.request_id,
            method,
            path,
            status,
            round(seconds * 1000, 2),
            size_bytes,
            asked.client_ip,
            asked.account_id,
            asked.error_code,
        )
        self._lines.append(self._encode(line))
        if len(self._lines) == 1:
            asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self.flush)
        elif len(self._lines) >= _FLUSH_LINES:
            self.flush()

    def flush(self) -> None:
        """Writes what has been collected."""
        lines, self._lines = self._lines, []
        if lines:
            self._stream.buffer.write(b"\n".join(lines) + b"\n")
            self._stream.flush()
