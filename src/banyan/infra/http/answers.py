"""One answer on its way out, and the memory of hot ones: ETag, 304, compression, finished bytes."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from banyan.infra.cache import Cache

Headers = list[tuple[bytes, bytes]]

# Level 4 costs half of level 6 and gives up a few per cent of size on JSON.
_GZIP_LEVEL = 4
_COMPRESSIBLE = (
    b"application/json",
    b"application/problem+json",
    b"text/",
    b"image/svg+xml",
    b"application/javascript",
)


@dataclass(slots=True)
class Answer:
    """A whole answer: status, headers and body, before what the gateway adds to every one."""

    status: int
    headers: Headers
    body: bytes
    etag: bytes | None = None
    zipped: bytes | None = field(default=None, repr=False)
    # The route's template, for the metrics of an answer that is served from memory.
    route: str = ""

    def header(self, name: bytes) -> bytes | None:
        """The first header of that (lower-case) name."""
        for key, value in self.headers:
            if key == name:
                return value
        return None


def make_etag(body: bytes) -> bytes:
    """A weak entity tag: the same body has the same one in every process (96 bits of SHA-256)."""
    return b'W/"' + hashlib.sha256(body).hexdigest()[:24].encode() + b'"'


def is_unchanged(etag: bytes, if_none_match: bytes) -> bool:
    """Whether an `If-None-Match` header names `etag` (weak comparison, RFC 9110 section 13.1.2)."""
    if if_none_match.strip() == b"*":
        return True
    wanted = etag.removeprefix(b"W/")
    return any(candidate.strip().removeprefix(b"W/") == wanted for candidate in if_none_match.split(b","))


def accepts_gzip(accept_encoding: bytes) -> bool:
    """Whether the client takes gzip: itself, or else `*`, named without q=0 (RFC 9110 section 12.5.3)."""
    named: dict[bytes, bool] = {}
    for item in accept_encoding.lower().split(b","):
        coding, _, parameters = item.partition(b";")
        named[coding.strip()] = parameters.replace(b" ", b"") not in (b"q=0", b"q=0.0", b"q=0.00", b"q=0.000")
    return named.get(b"gzip", named.get(b"*", False))


def is_compressible(headers: Mapping[bytes, bytes]) -> bool:
    """Whether gzip would pay: text of a kind that shrinks and is not coded already."""
    return headers.get(b"content-type", b"").startswith(_COMPRESSIBLE) and b"content-encoding" not in headers


def zipped(answer: Answer) -> bytes:
    """The gzip form of the body, made once per kept answer; no timestamp, so equal bodies give equal bytes."""
    if answer.zipped is None:
        answer.zipped = gzip.compress(answer.body, _GZIP_LEVEL, mtime=0)
    return answer.zipped


class HotAnswers:
    """Finished anonymous answers by path and query. `drop` a tag when what it stands for changes."""

    def __init__(self, max_entries: int, ttl_seconds: float) -> None:
        self._answers: Cache[bytes, Answer] = Cache(max_entries=max(1, max_entries), ttl_seconds=ttl_seconds)
        self._keys_by_tag: dict[str, set[bytes]] = {}
        self._kept_since_sweep = 0
        self._enabled = max_entries > 0
        # Counts announcements: an answer read before one and finished after it must not be kept.
        self.drops = 0

    def find(self, key: bytes) -> Answer | None:
        return self._answers.find(key)

    def keep(self, key: bytes, tags: tuple[str, ...], answer: Answer, drops_before: int) -> None:
        """Keeps `answer` unless anything was dropped since `drops_before` was read, before the answer was made."""
        if self._enabled and drops_before == self.drops:
            self._answers.put(key, answer)
            self._kept_since_sweep += 1
            if self._kept_since_sweep > 4 * len(self._answers) + 1000:
                self._forget_expired_tags()
            for tag in tags:
                self._keys_by_tag.setdefault(tag, set()).add(key)

    def drop(self, tags: tuple[str, ...]) -> None:
        self.drops += 1
        for tag in tags:
            for key in self._keys_by_tag.pop(tag, ()):
                self._answers.drop(key)

    def clear(self) -> None:
        self.drops += 1
        self._answers.clear()
        self._keys_by_tag.clear()

    def _forget_expired_tags(self) -> None:
        alive: dict[str, set[bytes]] = {}
        for tag, keys in self._keys_by_tag.items():
            kept = {key for key in keys if key in self._answers}
            if kept:
                alive[tag] = kept
        self._keys_by_tag = alive
        self._kept_since_sweep = 0
