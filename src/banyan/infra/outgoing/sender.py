"""One POST to an address that somebody has entered: resolved once, checked, and sent to the checked address."""

import asyncio
import re
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import httpx
from msgspec import Struct

from banyan.infra.outgoing.names import LookUp, Names
from banyan.infra.outgoing.networks import Network, is_allowed, read_address, read_literal

_MAX_URL_CHARS = 2000
_SCHEMES = ("https", "http")
# What can stand in DNS; names in other scripts are written in these already (IDNA).
_NAME = re.compile(r"(?=.{1,254}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")


class RefusedTarget(Exception):
    """The address may not be asked; the message says why, in words for the person who entered it."""


class Received(Struct, frozen=True):
    """What came of it: `status` and the head of the answer, or `error` in words when there was none."""

    status: int | None
    body: bytes
    error: str | None
    duration_ms: int
    retry_after_seconds: float | None = None


class Limits(Struct, frozen=True):
    """`seconds` for everything from the name's resolution to the answer's last byte that is read."""

    seconds: float = 10
    answer_bytes: int = 65_536


class Targets:
    """Says which URLs may be asked, and at which address. `exceptions` are networks that are not public but allowed."""

    def __init__(self, exceptions: Sequence[Network], *, allow_http: bool, look_up: LookUp | None = None) -> None:
        self._exceptions = tuple(exceptions)
        self._allow_http = allow_http
        self._look_up = look_up or Names().look_up

    def check(self, url: str) -> str:
        """The URL in its usual form, checked as far as can be without asking for its name. Raises RefusedTarget."""
        try:
            parsed = httpx.URL(url.strip())
            # The name as people read it: fails for what no name reads as, such as `xn--`.
            readable = parsed.host
        except (httpx.InvalidURL, ValueError):
            raise RefusedTarget("This is not a URL.") from None
        if len(url) > _MAX_URL_CHARS:
            raise RefusedTarget(f"At most {_MAX_URL_CHARS} characters.")
        if parsed.scheme not in _SCHEMES or not readable:
            raise RefusedTarget("A URL that begins with https://.")
        if parsed.scheme == "http" and not self._allow_http:
            raise RefusedTarget("Only https:// is asked.")
        if parsed.userinfo or parsed.fragment:
            raise RefusedTarget("Without user, password and fragment.")
        if parsed.port is not None and not 0 < parsed.port < 65536:
            raise RefusedTarget("Ports are 1 to 65535.")
        host = _host(parsed)
        literal = read_literal(host)
        if literal is None and not _NAME.fullmatch(host):
            raise RefusedTarget("This is not a name of a host.")
        if literal is not None and not is_allowed(literal, self._exceptions):
            raise RefusedTarget("This address is not on the public internet.")
        return str(parsed)

    async def resolve(self, url: httpx.URL) -> str:
        """A checked address for the URL's name. Raises RefusedTarget."""
        try:
            found = await self._look_up(_host(url))
        except (OSError, UnicodeError):
            raise RefusedTarget("Its name cannot be resolved.") from None
        for address in map(read_address, found):
            if is_allowed(address, self._exceptions):
                return str(address)
        raise RefusedTarget("Its name leads to an address that is not on the public internet.")


class Sender:
    """Sends over connections that are kept for as long as the sender is open."""

    def __init__(self, client: httpx.AsyncClient, targets: Targets, limits: Limits) -> None:
        self._client = client
        self._targets = targets
        self._limits = limits

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Received:
        """Follows no redirect. Raises nothing for what is the other side's fault."""
        started = time.monotonic()

        def failed(error: str) -> Received:
            return Received(None, b"", error, _milliseconds(started))

        try:
            async with asyncio.timeout(self._limits.seconds):
                return await self._post(httpx.URL(self._targets.check(url)), body, headers, started)
        except RefusedTarget as refusal:
            return failed(f"Refused: {refusal}")
        except TimeoutError:
            return failed(f"No answer within {self._limits.seconds:g} s.")
        except httpx.ConnectError as error:
            return failed(f"No connection: {_cause(error)}.")
        except httpx.HTTPError as error:
            return failed(f"No answer: {type(error).__name__}.")

    async def _post(self, url: httpx.URL, body: bytes, headers: Mapping[str, str], started: float) -> Received:
        # The name is resolved here and nowhere else: between a check and a second look it could lead elsewhere.
        address = await self._targets.resolve(url)
        request = self._client.build_request(
            "POST",
            url.copy_with(host=address),
            content=body,
            headers={**headers, "Host": url.netloc.decode("ascii"), "Accept-Encoding": "identity"},
            extensions={"sni_hostname": url.raw_host.decode("ascii").strip("[]")},
        )
        answer = await self._client.send(request, stream=True)
        try:
            head = await self._read(answer)
        finally:
            await answer.aclose()
        return Received(
            answer.status_code,
            head,
            None,
            _milliseconds(started),
            read_retry_after(answer.headers.get("retry-after", "")),
        )

    async def _read(self, answer: httpx.Response) -> bytes:
        """The first `answer_bytes`; more is not read."""
        head = bytearray()
        async for chunk in answer.aiter_raw():
            head += chunk
            if len(head) >= self._limits.answer_bytes:
                break
        return bytes(head[: self._limits.answer_bytes])


class Outgoing:
    """Opens senders that share one TLS context: making one takes some 10 ms. `http2`: offered to receivers."""

    def __init__(self, targets: Targets, limits: Limits | None = None, *, http2: bool = False) -> None:
        self.targets = targets
        self._limits = limits or Limits()
        self._http2 = http2
        self._context: ssl.SSLContext | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Sender]:
        """A sender for one receiver: connections are kept by address, and two names may share one."""
        if self._context is None:
            self._context = httpx.create_ssl_context()
        # No environment: a proxy named there would resolve the name anew.
        async with httpx.AsyncClient(
            verify=self._context, trust_env=False, timeout=self._limits.seconds, http2=self._http2
        ) as client:
            yield Sender(client, self.targets, self._limits)


def read_retry_after(header: str) -> float | None:
    """Seconds; None for none, and for a date, which clocks that differ would turn into anything."""
    return float(header) if header.isascii() and header.isdigit() else None


def _host(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii").strip("[]")


def _milliseconds(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _cause(error: Exception) -> str:
    """The system's own words, of which the library's are a wrapping."""
    cause: BaseException = error
    while cause.__cause__ is not None or cause.__context__ is not None:
        cause = cause.__cause__ or cause.__context__ or cause
    if isinstance(cause, ssl.SSLError):
        return f"TLS failed ({cause.reason or 'unknown reason'})"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return "refused or cut"
