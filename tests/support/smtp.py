"""A small real SMTP server that keeps what it is sent."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Received:
    """One mail as it came over the wire."""

    sender: str
    recipients: list[str]
    content: bytes
    encrypted: bool
    user: str | None


@dataclass
class SmtpServer:
    """`refuse` maps a command to the reply it gets instead (`{"RCPT": "550 no such user"}`). With `tls` it offers
    STARTTLS, or speaks TLS from the start when `implicit`.
    """

    tls: ssl.SSLContext | None = None
    implicit: bool = False
    utf8: bool = False
    refuse: dict[str, str] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator["SmtpServer"]:
        """Listens on a free port of this machine for the length of the block."""
        context = self.tls if self.implicit else None
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await _Conversation(self, reader, writer).run()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()


class _Conversation:
    def __init__(self, server: SmtpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._encrypted = server.implicit
        self._user: str | None = None
        self._sender = ""
        self._recipients: list[str] = []

    async def run(self) -> None:
        await self._say("220 sink ESMTP")
        while line := await self._reader.readline():
            text = line.decode().rstrip("\r\n")
            command = text.split(" ")[0].upper()
            refusal = self._server.refuse.get(command)
            if refusal:
                await self._say(refusal)
            elif command == "QUIT":
                await self._say("221 bye")
                return
            elif command == "STARTTLS":
                await self._start_tls()
            else:
                await self._answer(command, text)

    async def _answer(self, command: str, text: str) -> None:
        if command == "EHLO":
            await self._say(*self._greeting())
        elif command == "AUTH":
            self._user = base64.b64decode(text.split(" ")[2]).split(b"\0")[1].decode()
            await self._say("235 welcome")
        elif command == "MAIL":
            self._sender = text.partition("<")[2].partition(">")[0]
            await self._say("250 ok")
        elif command == "RCPT":
            self._recipients.append(text.partition("<")[2].partition(">")[0])
            await self._say("250 ok")
        elif command == "DATA":
            await self._take_content()
        else:
            await self._say("250 ok")

    def _greeting(self) -> list[str]:
        lines = ["250-sink", "250-8BITMIME", "250-AUTH PLAIN"]
        if self._server.tls and not self._encrypted:
            lines.append("250-STARTTLS")
        if self._server.utf8:
            lines.append("250-SMTPUTF8")
        return [*lines, "250 HELP"]

    async def _take_content(self) -> None:
        await self._say("354 go on")
        content = await self._reader.readuntil(b"\r\n.\r\n")
        refusal = self._server.refuse.get("CONTENT")
        if refusal is None:
            self._server.received.append(
                Received(self._sender, self._recipients, content[:-5], self._encrypted, self._user)
            )
        self._recipients = []
        await self._say(refusal or "250 taken")

    async def _start_tls(self) -> None:
        assert self._server.tls is not None
        await self._say("220 go on")
        await self._writer.start_tls(self._server.tls)
        self._encrypted = True

    async def _say(self, *lines: str) -> None:
        self._writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await self._writer.drain()
