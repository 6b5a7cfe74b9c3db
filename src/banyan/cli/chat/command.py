"""`banyan chat`: asks who one is, and lets one talk."""

import asyncio
import getpass
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

import typer
from msgspec import UNSET

from banyan.cli.chat.keyboard import Keyboard, Lines, Pipe
from banyan.cli.chat.screen import JsonScreen, Screen, TerminalScreen
from banyan.cli.chat.talk import Talk
from banyan.cli.options import HERE, Data, running_url
from banyan.cli.output import Format, refuse
from banyan.cli.process import STOPPED
from banyan_client import Banyan, BanyanError, Problem, SocketEnded, Unreachable

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

_DEFAULT_URL = "http://127.0.0.1:8000"


@app.command()
def chat(
    handle: Annotated[
        str | None, typer.Argument(help="Whom to talk to; without it one's conversations are listed.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="Base URL of the community, instead of --data.")] = None,
    email: Annotated[str | None, typer.Option(help="Whose account; asked for without it.")] = None,
    socket_url: Annotated[str | None, typer.Option(help="Where the socket is, if not where the server says.")] = None,
    data: Data = HERE,
    format: Annotated[Format, typer.Option(help="`json`: one line per happening, for scripts.")] = Format.table,
) -> None:
    """Talk to people of a community, live. The password is asked for, or read from the first line of a pipe.

    What one types is sent to the open conversation. `/help` lists what else there is.
    """
    base_url = url or running_url(data) or _DEFAULT_URL
    by_hand = sys.stdin.isatty() and format is Format.table
    try:
        # Before there is a loop, so that Ctrl-C ends it.
        email = email or (input("E-mail: ") if by_hand else None)
        login = Login(email, getpass.getpass("Password: ") if by_hand else None)
        with suppress(_NeedsCode):
            asyncio.run(_chat(base_url, login, handle, socket_url, format))
            return
        login.otp = input("Code: ")
        asyncio.run(_chat(base_url, login, handle, socket_url, format))
    except (BanyanError, EOFError) as error:
        refuse(_words(error, base_url))
    except KeyboardInterrupt:
        raise typer.Exit(STOPPED) from None


class _NeedsCode(Exception):
    """The account has a second factor."""


@dataclass
class Login:
    """Who one is; what is missing is in the first lines of a pipe."""

    email: str | None
    password: str | None
    otp: str | None = None


def _words(error: BaseException, base_url: str) -> str:
    if isinstance(error, Problem):
        return ". ".join(dict.fromkeys(words for words in (error.title, error.detail) if words))
    if isinstance(error, Unreachable):
        return f"No answer from {base_url}. Is a server running there? --url names another address."
    if isinstance(error, SocketEnded):
        return f"The server has ended this chat: {error.reason.replace('_', ' ')}."
    return str(error) or "The input has ended."


async def _chat(base_url: str, login: Login, handle: str | None, socket_url: str | None, format: Format) -> None:
    lines: Lines = Keyboard() if login.password is not None else Pipe()
    screen: Screen = JsonScreen() if format is Format.json else TerminalScreen(lines)
    async with Banyan(base_url) as client:
        await _sign_in(client, login, lines)
        try:
            async with client.socket(url=socket_url) as socket, lines:
                await Talk(client, socket, screen, lines).run(handle)
        finally:
            await _sign_out(client)


async def _sign_in(client: Banyan, login: Login, lines: Lines) -> None:
    """Raises Problem, Unreachable, _NeedsCode."""
    email = login.email or await _next(lines, "e-mail address")
    by_hand = login.password is not None
    password = login.password or await _next(lines, "password")
    try:
        await client.auth.sign_in(email=email, password=password, otp=login.otp or UNSET)
    except Problem as problem:
        if problem.code != "otp_required":
            raise
        if by_hand:
            raise _NeedsCode from problem
        await client.auth.sign_in(email=email, password=password, otp=await _next(lines, "code"))


async def _next(lines: Lines, what: str) -> str:
    """The next line of a pipe. Raises EOFError."""
    line = await lines.read()
    if line is None:
        raise EOFError(f"the input has ended before the {what}")
    return line


async def _sign_out(client: Banyan) -> None:
    """The session of a chat ends with it; a server that is away ends it when it is too old."""
    with suppress(BanyanError):
        await client.auth.sign_out()
