"""One call: encoded once, signed, tried again where that is safe, and decoded."""

import asyncio
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypedDict, TypeVar, Unpack, cast, overload
from urllib.parse import quote

import httpx
import msgspec
from msgspec import UNSET, Struct

from banyan_client.errors import FieldError, Problem, UnexpectedAnswer, Unreachable
from banyan_client.pages import Page, Pages
from banyan_client.retries import Retries, is_passing, read_retry_after
from banyan_client.tokens import Session, Tokens, TokenStorage
from banyan_client.variants import pick

T = TypeVar("T")

_KEY: Final = "Idempotency-Key"
# Refusals of the access token itself; any other 401 is about what the request says.
_OUTDATED: Final = frozenset({"token_expired", "invalid_token"})
# A lost refresh may be repeated for 30 seconds: three tries of this length fit.
_REFRESH_TRY_SECONDS: Final = 8.0
# Removed or followed wherever addresses are read, however they are escaped.
_NO_SEGMENTS: Final = frozenset({"", ".", ".."})
# What no further try can mend.
_HOPELESS: Final = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)


class Options(TypedDict, total=False):
    """What a call may have beside method, path and answer; `body` is bytes, or a value to be sent as JSON."""

    query: Mapping[str, Any]
    body: Any
    content_type: str
    key: str | None
    signed: bool
    timeout_seconds: float
    keeps_tokens: bool
    forgets_tokens: bool


class _Pair(Struct, frozen=True):
    access_token: str
    refresh_token: str
    expires_in: int


class _Document(Struct, frozen=True):
    """A problem as it is sent (RFC 9457)."""

    code: str
    title: str = ""
    detail: str = ""
    request_id: str = ""
    errors: list[FieldError] = []


class Transport:
    """Makes calls on one server, signed by `api_key` or else by the tokens of the session."""

    def __init__(
        self, http: httpx.AsyncClient, base_url: str, api_key: str | None, storage: TokenStorage, retries: Retries
    ) -> None:
        self.session = Session(storage, self._exchange)
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._api_key = api_key
        self._retries = retries

    @overload
    async def call(self, method: str, path: str, answer: None, **options: Unpack[Options]) -> None: ...
    @overload
    async def call(self, method: str, path: str, answer: type[T], **options: Unpack[Options]) -> T: ...
    @overload
    async def call(self, method: str, path: str, answer: Mapping[int, Any], **options: Unpack[Options]) -> Any: ...

    async def call(self, method: str, path: str, answer: Any, **options: Unpack[Options]) -> Any:
        """The answer as `answer` says: None for no body, one type, or a type for each status.

        Raises Problem, Unreachable, UnexpectedAnswer.
        """
        request = self._request(method, path, options)
        response = await self._send(request, signed=options.get("signed", True))
        value = _decode(response, answer)
        if options.get("keeps_tokens") and hasattr(value, "refresh_token"):
            await self.session.keep(value)
        if options.get("forgets_tokens"):
            await self.session.forget()
        return value

    def list(self, path: str, item: type[T], query: Mapping[str, Any], *, signed: bool = True) -> Pages[T]:
        """A list whose pages are fetched as they are read."""

        async def fetch(cursor: str | None) -> Page[T]:
            kind: Any = Page[item]  # type: ignore[valid-type]
            page = await self.call("GET", path, kind, query={**query, "cursor": cursor}, signed=signed)
            return cast(Page[T], page)

        return Pages(fetch, query.get("cursor"))

    async def _exchange(self, refresh_token: str, key: str) -> _Pair:
        return await self.call(
            "POST",
            "/v1/auth/refresh",
            _Pair,
            body={"refresh_token": refresh_token},
            key=key,
            signed=False,
            timeout_seconds=_REFRESH_TRY_SECONDS,
        )

    def _request(self, method: str, path: str, options: Options) -> httpx.Request:
        headers = {"Accept": "application/json, */*;q=0.5"}
        content = None
        if "body" in options:
            # Once for all tries: a key belongs to these very bytes.
            content = _encode(options["body"])
            headers["Content-Type"] = options.get("content_type", "application/json")
        if method == "POST":
            headers[_KEY] = options.get("key") or str(uuid.uuid4())
        return self._http.build_request(
            method,
            self._base_url + path,
            params=_parameters(options.get("query", {})),
            content=content,
            headers=headers,
            timeout=options.get("timeout_seconds", httpx.USE_CLIENT_DEFAULT),
        )

    async def _send(self, request: httpx.Request, *, signed: bool) -> httpx.Response:
        """The answer to a request that succeeded, of whichever try."""
        tried, renewed, lost = 0, False, False
        while True:
            tokens = await self._sign(request) if signed else None
            tried += 1
            try:
                response = await self._http.send(request)
            except httpx.TransportError as error:
                wait = None if isinstance(error, _HOPELESS) else self._retries.wait_seconds(tried)
                if wait is None:
                    what = f"{request.method} {request.url.copy_with(query=None)}"
                    raise Unreachable(f"{what}: {error!r}", request.headers.get(_KEY)) from error
                lost = True
            else:
                if response.is_success or (lost and _is_gone(request, response)):
                    return response
                problem = _problem(response)
                if tokens is not None and problem.code in _OUTDATED and not renewed:
                    renewed = True
                    await self.session.renew(tokens)
                    continue
                if not is_passing(problem.status, problem.code):
                    raise problem
                wait = self._retries.wait_seconds(tried, problem.retry_after_seconds)
                if wait is None:
                    raise problem
            await asyncio.sleep(wait)

    async def _sign(self, request: httpx.Request) -> Tokens | None:
        """Puts the present credential on a request; returns the tokens where it is theirs."""
        if self._api_key is not None:
            request.headers["Authorization"] = f"Bearer {self._api_key}"
            return None
        tokens = await self.session.fresh_tokens()
        request.headers.pop("Authorization", None)
        if tokens is not None:
            request.headers["Authorization"] = f"Bearer {tokens.access_token}"
        return tokens


def segment(value: object) -> str:
    """One part of a path, escaped. Raises ValueError for what would name another path than it was meant for."""
    text = str(value)
    if text in _NO_SEGMENTS:
        raise ValueError(f"{text!r} names nothing")
    return quote(text, safe="")


def _encode(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    if isinstance(body, dict):
        body = {name: value for name, value in body.items() if value is not UNSET}
    return msgspec.json.encode(body)


def _parameters(query: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Names and texts; what is None or UNSET is left out, a list repeats its name."""
    return tuple(
        (name, _text(one))
        for name, value in query.items()
        for one in (value if isinstance(value, list | tuple) else [value])
        if one is not None and one is not UNSET
    )


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _is_gone(request: httpx.Request, response: httpx.Response) -> bool:
    """Whether an earlier try, whose answer was lost, has removed what this one does not find."""
    return request.method == "DELETE" and response.status_code == 404


def _decode(response: httpx.Response, answer: Any) -> Any:
    status = response.status_code
    if isinstance(answer, Mapping):
        if status not in answer:
            raise UnexpectedAnswer(f"{response.request.method} {response.request.url.path}: status {status}")
        answer = answer[status]
    if answer is None:
        return None
    if answer is bytes:
        return response.content
    try:
        return msgspec.json.decode(response.content, type=answer, dec_hook=pick)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnexpectedAnswer(f"{response.request.method} {response.request.url.path}: {error}") from error


def _problem(response: httpx.Response) -> Problem:
    status = response.status_code
    retry_after = read_retry_after(response.headers.get("Retry-After"))
    try:
        document = msgspec.json.decode(response.content, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Problem(
            status=status,
            code=f"http_{status}",
            title=response.reason_phrase,
            request_id=response.headers.get("X-Request-Id", ""),
            retry_after_seconds=retry_after,
        )
    return Problem(
        status=status,
        code=document.code,
        title=document.title,
        detail=document.detail,
        request_id=document.request_id,
        errors=document.errors,
        retry_after_seconds=retry_after,
    )
