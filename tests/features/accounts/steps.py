"""What tests of accounts do again and again over HTTP."""

import base64
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from banyan.app.settings import Settings
from banyan.app.targets import Targets
from banyan.app.wiring import open_platform
from banyan.infra.log import LogStream
from tests.support.eventually import eventually
from tests.support.platform import MAILBOX_KEY, PASSWORD, Api, api_of


class Mail(Struct):
    """A mail of the dev mailbox."""

    id: str
    to: str
    subject: str
    text: str
    html: str
    created_at: str

    @property
    def token(self) -> str:
        """The token in the mail's link."""
        return self.text.partition("#token=")[2].split()[0]


@asynccontextmanager
async def quiet_api(settings: Settings) -> AsyncIterator[Api]:
    """A platform in which nothing runs beside the requests: for counting statements."""
    opened = open_platform(settings, Targets.read("api"), LogStream(io.BytesIO()))
    async with opened as platform, api_of(platform) as api:
        yield api


@asynccontextmanager
async def losing_answers(api: Api) -> AsyncIterator[Api]:
    """A client whose connection breaks whenever an answer is on its way."""

    async def drop(message: object) -> None:
        raise ConnectionResetError

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await api.platform.asgi(scope, receive, drop)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://banyan.test") as http:
        yield Api(api.platform, http)


def code(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal, which is a problem document."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


def sign_up_body(handle: str, **changes: Any) -> dict[str, Any]:
    body = {"email": f"{handle}@example.org", "password": PASSWORD, "handle": handle, "display_name": handle.title()}
    return body | changes


async def sign_in(api: Api, handle: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
    body = {"email": f"{handle}@example.org", "password": password}
    return await api.post("/v1/auth/token", body, **headers)


async def refresh(api: Api, token: str, **headers: str) -> httpx.Response:
    return await api.post("/v1/auth/refresh", {"refresh_token": token}, **headers)


def bearer(answer: httpx.Response) -> dict[str, str]:
    """Headers that use an answer's access token."""
    assert answer.status_code in (200, 201), answer.text
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


async def holds(api: Api, answer: httpx.Response) -> bool:
    """Whether the access token of an answer is accepted."""
    status = (await api.get("/v1/auth/sessions", **bearer(answer))).status_code
    assert status in (200, 401)
    return status == 200


async def mails(api: Api) -> list[Mail]:
    """All mails in the dev mailbox, newest first."""
    answer = await api.get("/dev/mailbox/messages?limit=100", x_mailbox_key=MAILBOX_KEY)
    assert answer.status_code == 200, answer.text
    return msgspec.convert(answer.json()["items"], list[Mail])


async def mails_to(api: Api, handle: str, count: int) -> list[Mail]:
    """The mails to HANDLE@example.org, newest first, once there are `count`."""
    found: list[Mail] = []

    async def arrived() -> bool:
        found[:] = [mail for mail in await mails(api) if mail.to == f"{handle}@example.org"]
        return len(found) >= count

    await eventually(arrived)
    assert len(found) == count
    return found


async def jobs_done(api: Api) -> None:
    """Returns once the worker has nothing left to do. Jobs of later (mail of notifications) stay where they are."""

    async def done() -> bool:
        return not await api.platform.pool.work().value(
            "SELECT count(*) FROM jobs WHERE state <> 'dead' AND run_at < now() + interval '30 seconds'"
        )

    await eventually(done)


def payload(access_token: str) -> dict[str, Any]:
    """What an access token says, unchecked."""
    part = access_token.split(".")[1]
    decoded: dict[str, Any] = msgspec.json.decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return decoded
