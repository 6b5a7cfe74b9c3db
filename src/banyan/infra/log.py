"""Structured logs: one JSON line per event on stderr, the access log among them."""

import asyncio
import logging
import sys
import time
from pathlib import Path
from typing import BinaryIO, Literal, Protocol, TextIO, cast
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct
from prometheus_client import Counter
from pydantic import BaseModel, ConfigDict, Field

_FLUSH_SECONDS = 0.1
_FLUSH_LINES = 256
_LOG_FILE_BYTES = 16 * 1024 * 1024
_FAILED_WRITES = Counter("banyan_log_failed_writes_total", "Log lines, or batches of them, that could not be written.")


class LogSettings(BaseModel):
    """How much is logged and in which form."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Nothing below it is logged.")
    format: Literal["json", "console"] = Field("json", description="JSON lines, or text for people.")


class LogStream:
    """Where log lines go: a stream of the process, or a file that is set aside as `NAME.1` when it is full.

    A disk without room, or a reader that is gone, costs lines and never the work that they tell of.
    """

    def __init__(self, file: BinaryIO | None, path: Path | None = None) -> None:
        self._own_file = file
        self._path = path

    @property
    def _file(self) -> BinaryIO:
        # Looked up at each write: whoever replaces sys.stderr for a while may close what it put there.
        return self._own_file or sys.stderr.buffer

    @property
    def is_terminal(self) -> bool:
        return self._own_file is None and sys.stderr.isatty()

    @classmethod
    def to_file(cls, path: Path) -> "LogStream":
        """Appends to `path`; it and its predecessor hold at most 2 x 16 MiB."""
        return cls(path.open("ab"), path)

    @classmethod
    def to_stderr(cls) -> "LogStream":
        """For a process whose output somebody else keeps (systemd, a container)."""
        return cls(None)

    def write(self, text: str) -> int:
        """For structlog and logging."""
        return self.write_bytes(text.encode())

    def write_bytes(self, line: bytes) -> int:
        try:
            if self._path is not None and self._file.tell() > _LOG_FILE_BYTES:
                self._set_aside(self._path)
            return self._file.write(line)
        except OSError:
            _FAILED_WRITES.inc()
            return 0

    def _set_aside(self, path: Path) -> None:
        path.replace(path.with_name(path.name + ".1"))
        full, self._own_file = self._file, path.open("ab")
        full.close()

    def flush(self) -> None:
        try:
            self._file.flush()
        except OSError:
            _FAILED_WRITES.inc()


def configure_logs(settings: LogSettings, stream: LogStream) -> None:
    """Sets up structlog and the standard library's loggers (of libraries) for this process."""
    level = getattr(logging, settings.level.upper())
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=stream.is_terminal)
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, stream)),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(cast(TextIO, stream))
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared))
    logging.basicConfig(level=level, handlers=[handler], force=True)


class Asked(Protocol):
    """What the access log reads of a request."""

    request_id: str
    client_ip: str

    @property
    def account_id(self) -> UUID | None: ...
    @property
    def error_code(self) -> str | None: ...


class AccessLine(Struct, omit_defaults=True, gc=False):
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

    def __init__(self, stream: LogStream) -> None:
        self._stream = stream
        self._encode = msgspec.json.Encoder().encode_lines
        self._lines: list[AccessLine] = []

    def write(self, asked: Asked, method: str, path: str, status: int, size_bytes: int, seconds: float) -> None:
        """Adds the line of one request."""
        line = AccessLine(
            # To the millisecond, and below to a hundredth of one: `round` takes as long as all the rest.
            time.time_ns() // 1_000_000 / 1000,
            "request",
            asked.request_id,
            method,
            path,
            status,
            int(seconds * 100_000 + 0.5) / 100,
            size_bytes,
            asked.client_ip,
            asked.account_id,
            asked.error_code,
        )
        self._lines.append(line)
        if len(self._lines) == 1:
            asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self.flush)
        elif len(self._lines) >= _FLUSH_LINES:
            self.flush()

    def flush(self) -> None:
        """Writes what has been collected."""
        lines, self._lines = self._lines, []
        if lines:
            self._stream.write_bytes(self._encode(lines))
            self._stream.flush()
