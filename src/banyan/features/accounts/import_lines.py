"""Reads a file of accounts, CSV or JSON lines, one line at a time: nobody's file is held in memory."""

import csv
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

_FIELDS = (
    "email",
    "handle",
    "display_name",
    "password_hash",
    "email_verified",
    "role",
    "created_at",
    "language",
)
_REQUIRED = ("email", "handle", "display_name")
_CHUNK_BYTES = 1 << 20
_LONGEST_LINE_BYTES = 64 * 1024


class BadImportFile(ValueError):
    """The file as a whole cannot be read; the message says what would be right."""


class ImportLine(Struct, frozen=True):
    """The fields of one line as text, missing ones left out; or what is wrong with the line."""

    line: int
    fields: dict[str, str] = {}
    problem: str | None = None


def count_lines(path: Path) -> int:
    """How many line ends the file has: for a progress bar. Raises BadImportFile."""
    try:
        with path.open("rb") as file:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(_CHUNK_BYTES), b""))
    except OSError as error:
        raise BadImportFile(f"{path} cannot be read: {error.strerror}.") from None


def read_lines(path: Path) -> Iterator[ImportLine]:
    """The lines of a file that begins with `{` (JSON lines) or with the names of its columns (CSV).

    Raises BadImportFile.
    """
    try:
        with path.open("rb") as file:
            beginning = file.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError as error:
        raise BadImportFile(f"{path} cannot be read: {error.strerror}.") from None
    yield from _read_json(path) if beginning.startswith(b"{") else _read_csv(path)


def _read_json(path: Path) -> Iterator[ImportLine]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            text = line.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else line.strip()
            if text:
                yield _json_line(number, text)


def _json_line(number: int, text: bytes) -> ImportLine:
    if len(text) > _LONGEST_LINE_BYTES:
        return ImportLine(number, problem=f"At most {_LONGEST_LINE_BYTES} bytes a line.")
    try:
        given = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        given = None
    if not isinstance(given, dict):
        return ImportLine(number, problem="One JSON object a line, in UTF-8.")
    unknown = sorted(given.keys() - set(_FIELDS))
    if unknown:
        return ImportLine(number, problem=f"There is no field {unknown[0]!r}; there are: {', '.join(_FIELDS)}.")
    fields: dict[str, str] = {}
    for name, value in given.items():
        if isinstance(value, bool) and name == "email_verified":
            fields[name] = "true" if value else "false"
        elif isinstance(value, str):
            fields[name] = value
        elif value is not None:
            return ImportLine(number, problem=f"{name}: text in double quotes.")
    return ImportLine(number, fields)


def _read_csv(path: Path) -> Iterator[ImportLine]:
    # Wrong bytes become lone surrogates: only their line is refused.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, strict=True)
        columns = _columns(path, next(reader, []))
        while True:
            began = reader.line_num + 1
            try:
                values = next(reader, None)
            except csv.Error as error:
                yield ImportLine(began, problem=f"The quotes of this line do not fit together ({error}).")
                continue
            if values is None:
                return
            if not any(value.strip() for value in values):
                continue
            if not _is_utf8(values):
                yield ImportLine(began, problem="This line is not UTF-8: save the file as UTF-8.")
                continue
            if len(values) != len(columns):
                yield ImportLine(began, problem=f"{len(columns)} columns as in the first line, not {len(values)}.")
                continue
            yield ImportLine(began, {name: value for name, value in zip(columns, values, strict=True) if value})


def _is_utf8(values: list[str]) -> bool:
    try:
        "".join(values).encode()
    except UnicodeEncodeError:
        return False
    return True


def _columns(path: Path, header: list[str]) -> list[str]:
    columns = [name.strip().lower() for name in header]
    unknown = [name for name in columns if name not in _FIELDS]
    missing = [name for name in _REQUIRED if name not in columns]
    if unknown or missing or len(set(columns)) != len(columns):
        raise BadImportFile(
            f"{path}: the first line names the columns: {', '.join(_REQUIRED)}, and if you have them "
            f"{', '.join(_FIELDS[3:])}. Or give one JSON object with these fields a line."
        )
    return columns
