"""Static files under names that hold a hash of their content, so that browsers may keep them for ever.

Files refer to each other by plain absolute names in quotes (`"/assets/shared/dom.js"`); loading rewrites
these to the hashed names. A file's hash covers the rewritten text: a change deep down renames all above it.
"""

import hashlib
import re
from pathlib import Path

import msgspec

STATIC = Path(__file__).parent / "static"
ASSET_PREFIX = "/assets/"

CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

_REFERENCE = re.compile(r'"/assets/([^"#]+)(?=["#])')
_COMMENT = re.compile(r"^\s*(?://[^\n]*|/\*.*?\*/)\n", re.MULTILINE | re.DOTALL)
_INDENT = re.compile(r"^[ \n]+", re.MULTILINE)
_IMPORT = re.compile(r'^(?:import|export)\b[^"()]*"/assets/([^"]+\.js)"', re.MULTILINE)


class BrokenAsset(ValueError):
    """A static file refers to one that is not there, or to itself over others."""


class Asset(msgspec.Struct, frozen=True):
    """A file as it is served."""

    url: str
    body: bytes
    content_type: str
    digest: str


def digest_of(body: bytes) -> str:
    """The first 12 hex digits of SHA-256: 48 bits name a version among a handful."""
    return hashlib.sha256(body).hexdigest()[:12]


def _squeeze(source: str) -> str:
    """Without indentation, empty lines and comments that fill a line: a tenth less for thin networks.

    No script may hold a string over several lines; the tests look for them.
    """
    return _INDENT.sub("", _COMMENT.sub("", source))


class Assets:
    """The files under `static/`, each read, rewritten and hashed once."""

    def __init__(self, root: Path = STATIC) -> None:
        self._root = root
        self._done: dict[str, Asset] = {}
        self._open: list[str] = []

    def asset(self, name: str) -> Asset:
        """The asset with this plain name, such as `app/main.js`; raises BrokenAsset."""
        if name not in self._done:
            self._done[name] = self._make(name)
        return self._done[name]

    def all(self) -> list[Asset]:
        """Every style, script and picture below `static/`."""
        files = (file for file in sorted(self._root.rglob("*")) if file.suffix in CONTENT_TYPES)
        names = (file.relative_to(self._root).as_posix() for file in files if file.suffix != ".html")
        return [self.asset(name) for name in names]

    def page(self, name: str) -> bytes:
        """An HTML file with hashed names and its scripts' imports announced in the head.

        Without `modulepreload` a browser finds nested imports one round trip after the other.
        """
        source = self._read(name)
        entries = [found[1] for found in re.finditer(r'<script [^>]*src="/assets/([^"]+\.js)"', source)]
        deeper = sorted(self._imports(entries) - set(entries))
        links = "".join(f'<link rel="modulepreload" href="{self.asset(module).url}">\n' for module in deeper)
        return self._rewrite(source).replace("</head>", f"{links}</head>", 1).encode()

    def _make(self, name: str) -> Asset:
        if name in self._open:
            raise BrokenAsset(f"{name} refers to itself: {' > '.join([*self._open, name])}")
        self._open.append(name)
        body = self._rewrite(self._read(name)).encode()
        self._open.pop()
        digest = digest_of(body)
        stem, dot, extension = name.rpartition(".")
        url = f"{ASSET_PREFIX}{stem}.{digest}{dot}{extension}"
        return Asset(url=url, body=body, content_type=CONTENT_TYPES[f".{extension}"], digest=digest)

    def _rewrite(self, source: str) -> str:
        return _REFERENCE.sub(lambda found: f'"{self.asset(found[1]).url}', _squeeze(source))

    def _read(self, name: str) -> str:
        try:
            return (self._root / name).read_text(encoding="utf-8")
        except OSError as error:
            raise BrokenAsset(f"{name} is named by {self._open[-1:] or 'the page table'}, but not there") from error

    def _imports(self, modules: list[str]) -> set[str]:
        seen: set[str] = set()
        waiting = list(modules)
        while waiting:
            module = waiting.pop()
            if module not in seen:
                seen.add(module)
                waiting += _IMPORT.findall(self._read(module))
        return seen
