"""An archive of a person's data: one JSON file per feature, and a page to read it all; written piece by piece."""

import html
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from typing import IO, Any

import msgspec
from msgspec import Struct

_COPY_BYTES = 64 * 1024
_STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1d2420}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:0 1rem;border-top:1px solid #ccd3cd;padding:.5rem 0;"
    "margin:0}dt{color:#5b665f}dd{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}"
)


class _Sink:
    """What a ZIP is written to: it cannot go back, so finished bytes may leave at once."""

    def __init__(self) -> None:
        self.waiting = bytearray()

    def write(self, data: bytes) -> int:
        self.waiting += data
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""


class Archive:
    """Use it as a context; `take` gives what has been written since, the rest comes after `finish`."""

    def __init__(self, title: str) -> None:
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_DEFLATED)  # type: ignore[call-overload]
        # The page grows beside the JSON files, and a ZIP takes one file at a time.
        self._page: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._file: IO[bytes] | None = None
        self._first_section = self._first_row = True
        self._tell(f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{html.escape(title)}</title>\n')
        self._tell(f"<style>{_STYLE}</style>\n<h1 dir=auto>{html.escape(title)}</h1>\n")

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *error: object) -> None:
        self._page.close()

    def begin_feature(self, name: str) -> None:
        """Opens NAME.json."""
        self._file = self._zip.open(f"{name}.json", "w", force_zip64=True)
        self._first_section = True
        self._tell(f"<h2>{html.escape(name.capitalize())}</h2>\n")

    def begin_section(self, name: str, title: str) -> None:
        """Opens a list within the feature's file."""
        self._write(b"{\n" if self._first_section else b",\n")
        self._write(msgspec.json.encode(name) + b": [")
        self._first_section, self._first_row = False, True
        self._tell(f"<h3>{html.escape(title)}</h3>\n")

    def add(self, rows: Sequence[Struct]) -> None:
        """Rows of the open section."""
        for row in rows:
            self._write(b"\n  " if self._first_row else b",\n  ")
            self._write(msgspec.json.encode(row))
            self._first_row = False
            self._tell("".join(_shown(row)))

    def end_section(self) -> None:
        self._write(b"]" if self._first_row else b"\n]")
        if self._first_row:
            self._tell("<p>Nothing.</p>\n")

    def end_feature(self) -> None:
        self._write(b"{}\n" if self._first_section else b"\n}\n")
        if self._file is not None:
            self._file.close()
            self._file = None

    def finish(self) -> Iterator[bytes]:
        """Adds the page and closes the archive: its last bytes, in pieces."""
        self._page.seek(0)
        with self._zip.open("index.html", "w", force_zip64=True) as page:
            while part := self._page.read(_COPY_BYTES):
                page.write(part)
                yield self.take()
        self._zip.close()
        yield self.take()

    @property
    def waiting_bytes(self) -> int:
        """How much `take` would give."""
        return len(self._sink.waiting)

    def take(self) -> bytes:
        data = bytes(self._sink.waiting)
        self._sink.waiting.clear()
        return data

    def _write(self, data: bytes) -> None:
        if self._file is not None:
            self._file.write(data)

    def _tell(self, text: str) -> None:
        self._page.write(text.encode())


def _shown(row: Struct) -> Iterator[str]:
    yield "<dl>"
    for name, value in msgspec.to_builtins(row).items():
        yield f"<dt>{html.escape(name.replace('_', ' '))}</dt><dd dir=auto>{html.escape(_words(value))}</dd>"
    yield "</dl>\n"


def _words(value: Any) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
