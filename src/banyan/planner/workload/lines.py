"""Where each key of a TOML text stands: the standard library's parser keeps no positions."""

import bisect
import re
from collections.abc import Iterator

Key = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR_ENDS = ",]}#\r\n"


class Lines:
    """Line numbers by key; a list's elements are numbered, as pydantic names them."""

    def __init__(self, lines: dict[Key, int]) -> None:
        self._lines = lines

    def of(self, key: Key) -> int:
        """The line of the key, or of what encloses it when it is not in the text (1 for the file itself)."""
        for length in range(len(key), 0, -1):
            if key[:length] in self._lines:
                return self._lines[key[:length]]
        return 1

    def of_dotted(self, dotted: str) -> int | None:
        """The line of a key written with dots, as findings name it; None when nothing of it is in the text."""
        key = tuple(int(part) if part.isdigit() else part for part in dotted.split("."))
        return self.of(key) if key[:1] in self._lines else None


def dotted(key: Key) -> str:
    """`("phases", 0, "total_month")` as people write it: `phases.0.total_month`."""
    return ".".join(str(part) for part in key)


def find_lines(text: str) -> Lines:
    """Reads where keys stand. The text must be valid TOML: what is wrong in it is tomllib's to say."""
    return Lines(dict(_Scanner(text).keys()))


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._newlines = [place for place, letter in enumerate(text) if letter == "\n"]
        self._counts: dict[Key, int] = {}  # tables in each array of tables

    def keys(self) -> Iterator[tuple[Key, int]]:
        table: Key = ()
        named: set[Key] = set()
        while self._skip_blank(newlines=True):
            line = self._line()
            if self._take("[["):
                table = self._table(array=True)
                yield table[:-1], line
            elif self._take("["):
                table = self._table(array=False)
            else:
                yield from self._pair(table)
                continue
            # What has no header of its own begins with that of its first part.
            for length in range(1, len(table)):
                if table[:length] not in named:
                    yield table[:length], line
                    named.add(table[:length])
            yield table, line
            named.add(table)

    def _table(self, *, array: bool) -> Key:
        parts = self._dotted_key()
        self._at += 2 if array else 1
        key: Key = ()
        for number, part in enumerate(parts, start=1):
            key = (*key, part)
            if array and number == len(parts):
                self._counts[key] = self._counts.get(key, 0) + 1
            if key in self._counts:
                key = (*key, self._counts[key] - 1)
        return key

    def _pair(self, table: Key) -> Iterator[tuple[Key, int]]:
        line = self._line()
        key = (*table, *self._dotted_key())
        self._at += 1  # the equals sign
        for length in range(len(table) + 1, len(key) + 1):
            yield key[:length], line
        yield from self._value(key)

    def _dotted_key(self) -> list[str]:
        parts = []
        while True:
            self._skip_blank()
            if self._text[self._at] in "\"'":
                parts.append(self._string()[1:-1])
            else:
                found = _BARE.match(self._text, self._at)
                if found is None:
                    return parts
                self._at = found.end()
                parts.append(found.group())
            self._skip_blank()
            if not self._take("."):
                return parts

    def _value(self, key: Key) -> Iterator[tuple[Key, int]]:
        self._skip_blank()
        if self._take("["):
            number = 0
            while self._skip_blank(newlines=True) and not self._take("]"):
                yield (*key, number), self._line()
                yield from self._value((*key, number))
                number += 1
                self._skip_blank(newlines=True)
                self._take(",")
        elif self._take("{"):
            while self._skip_blank(newlines=True) and not self._take("}"):
                yield from self._pair(key)
                self._skip_blank(newlines=True)
                self._take(",")
        elif self._text[self._at] in "\"'":
            self._string()
        else:
            while self._at < len(self._text) and self._text[self._at] not in _SCALAR_ENDS:
                self._at += 1

    def _string(self) -> str:
        start, quote = self._at, self._text[self._at]
        end = quote * 3 if self._text.startswith(quote * 3, self._at) else quote
        self._at += len(end)
        while not self._text.startswith(end, self._at):
            self._at += 2 if self._text[self._at] == "\\" and quote == '"' else 1
        self._at += len(end)
        # Up to two quotes may stand right before the closing three.
        while len(end) == 3 and self._at < len(self._text) and self._text[self._at] == quote:
            self._at += 1
        return self._text[start : self._at]

    def _skip_blank(self, *, newlines: bool = False) -> bool:
        """Whether anything is left."""
        blank = " \t\r\n" if newlines else " \t"
        while self._at < len(self._text):
            if self._text[self._at] in blank:
                self._at += 1
            elif newlines and self._text[self._at] == "#":
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            else:
                return True
        return False

    def _take(self, mark: str) -> bool:
        if self._text.startswith(mark, self._at):
            self._at += len(mark)
            return True
        return False

    def _line(self) -> int:
        return bisect.bisect_left(self._newlines, self._at) + 1
