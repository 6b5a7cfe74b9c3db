"""Where the lines come from: a keyboard, whose line stays in place while others write above it, or a pipe."""

import asyncio
import codecs
import os
import shutil
import sys
import termios
import tty
from types import TracebackType
from typing import Any, Protocol, Self

from rich.cells import cell_len, set_cell_size

_CHUNK_BYTES = 4096
_ENTER, _BACKSPACE = ("\r", "\n"), ("\x7f", "\x08")
_END, _CLEAR, _ESCAPE = "\x04", "\x15", "\x1b"


class Lines(Protocol):
    """`read` gives one line, None at the end. `erase` and `draw` go around what is printed meanwhile."""

    async def read(self) -> str | None: ...
    async def wait_for_key(self) -> None: ...
    def erase(self) -> None: ...
    def draw(self, prompt: str) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Pipe:
    """Lines of a file or another program."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._left = b""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reading: asyncio.Task[None] | None = None

    async def read(self) -> str | None:
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_all())
        return await self._lines.get()

    async def wait_for_key(self) -> None:
        """Never: nobody types."""
        await asyncio.Event().wait()

    def erase(self) -> None:
        """Nothing is in the way."""

    def draw(self, prompt: str) -> None:
        """Nobody is asked."""

    async def _read_all(self) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            self._lines.put_nowait(line.decode(errors="replace").rstrip("\r\n"))
        self._lines.put_nowait(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])


class Keyboard:
    """Reads key by key, so that the line one is writing survives what others say; Ctrl-D ends, Ctrl-U clears."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._line = ""
        self._prompt = ""
        self._escaping = False
        self._typed = asyncio.Event()
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._before: list[Any] | None = None

    async def read(self) -> str | None:
        return await self._lines.get()

    async def wait_for_key(self) -> None:
        """Returns once something of a message was typed."""
        self._typed.clear()
        await self._typed.wait()

    def erase(self) -> None:
        sys.stdout.write("\r\x1b[K")

    def draw(self, prompt: str) -> None:
        self._prompt = prompt
        # One row, for a second one could not be erased: the beginning of the prompt, and the end of the line.
        columns = shutil.get_terminal_size().columns
        head = _first_cells(prompt, max(2, columns // 2))
        sys.stdout.write(f"\r\x1b[K{head}{_last_cells(self._line, columns - cell_len(head) - 1)}")
        sys.stdout.flush()

    async def __aenter__(self) -> Self:
        self._before = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)
        asyncio.get_running_loop().add_reader(sys.stdin, self._hear)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_reader(sys.stdin)
        if self._before is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)
        self.erase()
        sys.stdout.flush()

    def _hear(self) -> None:
        data = os.read(sys.stdin.fileno(), _CHUNK_BYTES)
        if not data:
            self._lines.put_nowait(None)
        for key in self._decoder.decode(data):
            self._take(key)
        self.draw(self._prompt)

    def _take(self, key: str) -> None:
        if self._escaping:
            # Arrows and the like: ended by a letter or a tilde.
            self._escaping = not (key.isalpha() or key == "~")
        elif key == _ESCAPE:
            self._escaping = True
        elif key in _ENTER:
            self._lines.put_nowait(self._line)
            self._line = ""
        elif key in _BACKSPACE:
            self._line = self._line[:-1]
        elif key == _CLEAR:
            self._line = ""
        elif key == _END and not self._line:
            self._lines.put_nowait(None)
        elif key.isprintable():
            self._line += key
            if not self._line.startswith("/"):
                self._typed.set()


def _first_cells(text: str, cells: int) -> str:
    """As much of a text as goes into so many cells of a terminal: some letters take two."""
    return text if cell_len(text) <= cells else f"{set_cell_size(text, cells - 2)}… "


def _last_cells(text: str, cells: int) -> str:
    start = len(text)
    while start and (cells := cells - cell_len(text[start - 1])) >= 0:
        start -= 1
    return text[start:]
