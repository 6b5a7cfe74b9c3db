"""`banyan chat` in processes of its own: two people talk, by pipes and at a terminal."""

import asyncio
import json
import os
import pty
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from rich.cells import cell_len

from banyan.app.wiring import Platform
from banyan.cli.chat.keyboard import Keyboard
from tests.support.platform import PASSWORD, Api, api_of, running_platform, serving, settings_for

# A machine that runs other tests too may be ten times slower than one at rest.
_PATIENCE_SECONDS = 180


class Chat:
    """One person's chat with `--format json`: lines in, happenings out."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.heard: list[dict[str, Any]] = []

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")

    async def hear(self, kind: str, wanted: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        """The next happening of a kind that is wanted."""
        assert self.process.stdout is not None
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while line := await self.process.stdout.readline():
                self.heard.append(json.loads(line))
                if self.heard[-1]["type"] == kind and wanted(self.heard[-1]):
                    return self.heard[-1]
        raise AssertionError(f"the chat ended before {kind}: {self.heard}")

    async def end(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await self.process.wait()


def command(url: str, handle: str, *words: str) -> list[str]:
    address = url.replace("http://", "ws://") + "/v1/socket"
    chat = [sys.executable, "-m", "banyan", "chat", *words, "--url", url, "--socket-url", address]
    return [*chat, "--email", f"{handle}@example.org"]


@asynccontextmanager
async def chatting(url: str, handle: str, *words: str, password: str = PASSWORD) -> AsyncIterator[Chat]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command(url, handle, *words, "--format", "json"), stdin=pipe, stdout=pipe, stderr=pipe, cwd="/"
    )
    chat = Chat(process)
    chat.say(password)
    try:
        yield chat
    finally:
        if process.returncode is None:
            process.kill()
        # Read to the end, so that nothing of it is left.
        await process.communicate()


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[Platform]:
    async with running_platform(settings_for(database_url)) as platform:
        yield platform


@pytest.fixture
async def url(platform: Platform) -> AsyncIterator[str]:
    async with serving(platform) as url:
        yield url


@pytest.fixture
async def api(platform: Platform) -> AsyncIterator[Api]:
    async with api_of(platform) as api:
        yield api


async def test_two_people_talk(platform: Platform, url: str, api: Api) -> None:
    ben_api = await api.sign_up("ben")
    await api.sign_up("ada")
    async with chatting(url, "ada", "ben") as ada, chatting(url, "ben") as ben:
        opened = await ada.hear("opened")
        assert opened["members"] == ["ben"]
        await ben.hear("conversations")
        ada.say("Good morning, Ben!")
        said = await ada.hear("message")
        assert (said["mine"], said["from"], said["body"], said["seq"]) == (True, "ada", "Good morning, Ben!", 1)
        # Ben has nothing open yet: his own stream tells him.
        unread = await ben.hear("unread")
        assert (unread["title"], unread["unread_count"]) == ("Ada", 1)
        ben.say("/open ada")
        assert (await ben.hear("message"))["body"] == "Good morning, Ben!"
        assert await ada.hear("read") == {"type": "read", "by": "Ben", "seq": 1}
        ben.say("//not a command")
        assert (await ada.hear("message"))["body"] == "/not a command"
        # What is changed elsewhere is told here.
        answer = await ben_api.post(
            f"/v1/conversations/{opened['id']}/messages", {"body": "Rain", "client_id": "from another device"}
        )
        message_id = answer.json()["id"]
        await ben_api.patch(f"/v1/messages/{message_id}", {"body": "Sun"})
        await ben_api.put(f"/v1/messages/{message_id}/reactions/love")
        await ben_api.delete(f"/v1/messages/{message_id}")
        assert (await ada.hear("message_edited"))["id"] == message_id
        assert (await ada.hear("reaction"))["kind"] == "love"
        assert (await ada.hear("message_deleted"))["id"] == message_id
        # The connection is lost; what is said meanwhile comes once it is back.
        for connection in list(platform.realtime.hub.channels[f"conversation:{opened['id']}"].members):
            connection.cut("restarting", reconnect=True, after_seconds=0.05)
        ben.say("Are you there?")
        assert (await ada.hear("offline"))["reason"] == "restarting"
        await ada.hear("online")
        if not any(one.get("body") == "Are you there?" for one in ada.heard):
            await ada.hear("message", lambda one: one["body"] == "Are you there?")
        assert await ada.end() == 0 and await ben.end() == 0
    bodies = [one["body"] for one in ada.heard if one["type"] == "message"]
    assert bodies.count("Are you there?") == 1
    # The session of a chat ends with it.
    sessions = (await ben_api.get("/v1/auth/sessions")).json()["items"]
    assert len(sessions) == 1


async def test_commands_and_refusals(url: str, api: Api) -> None:
    ada_api, ben_api = await api.sign_up("ada"), await api.sign_up("ben")
    talk = (await ada_api.post("/v1/conversations", {"member_ids": [ben_api.id]})).json()["id"]
    for number in range(25):
        await ben_api.post(f"/v1/conversations/{talk}/messages", {"body": f"No. {number}", "client_id": str(number)})
    async with chatting(url, "ada") as ada:
        ada.say("Hello?")
        assert (await ada.hear("error"))["code"] == "nothing_open"
        ada.say("/dance")
        assert (await ada.hear("error"))["code"] == "unknown_command"
        ada.say("/open nobody.here")
        assert (await ada.hear("error"))["code"] == "person_not_found"
        ada.say("/open 1")
        await ada.hear("message", lambda one: one["body"] == "No. 24")
        assert [one["seq"] for one in ada.heard if one["type"] == "message"] == list(range(6, 26))
        ada.say("/more")
        await ada.hear("message", lambda one: one["seq"] == 5)
        ada.say("/more")
        assert (await ada.hear("note"))["text"] == "This is where it begins."
        ada.say("/who")
        assert (await ada.hear("note"))["text"].startswith("Ben: ")
        ada.say("/quit")
        assert await ada.end() == 0


async def test_a_wrong_password_ends_it(url: str, api: Api) -> None:
    await api.sign_up("ada")
    async with chatting(url, "ada", password="not the password") as ada:
        assert await ada.end() == 1


async def test_a_server_that_is_not_there_is_named() -> None:
    async with chatting("http://127.0.0.1:1", "ada") as chat:
        assert chat.process.stdout is not None and chat.process.stderr is not None
        async with asyncio.timeout(_PATIENCE_SECONDS):
            said = await chat.process.stdout.read() + await chat.process.stderr.read()
        assert "No answer from http://127.0.0.1:1." in said.decode()


@pytest.mark.parametrize("columns", [1, 5, 12, 40, 200])
def test_what_one_writes_stays_in_one_row(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    keyboard = Keyboard()
    for prompt in ("chat> ", "(Ada Obi is typing) The people of the long street> ", "東京の人々と大阪の人々> "):
        for key in "Where is the ladder? 梯子はどこですか?":
            keyboard._take(key)
            keyboard.draw(prompt)
            drawn = capsys.readouterr().out.removeprefix("\r\x1b[K")
            # A row that is full to its end would begin another one. Two cells are the least for a prompt.
            assert cell_len(drawn) <= max(2, columns - 1)
            if columns == 200:
                assert drawn == prompt + keyboard._line
        assert columns < 40 or drawn.endswith("梯子はどこですか?")
        keyboard._take("\x15")


async def test_at_a_terminal(url: str, api: Api) -> None:
    """Keys are told as typing; the line that one writes stays below what is said."""
    ada_api, ben_api = await api.sign_up("ada"), await api.sign_up("ben")
    talk = (await ada_api.post("/v1/conversations", {"member_ids": [ben_api.id]})).json()["id"]
    master, slave = pty.openpty()
    async with chatting(url, "ada", "ben") as ada:
        await ada.hear("opened")
        process = await asyncio.create_subprocess_exec(
            *command(url, "ben", "ada"), stdin=slave, stdout=slave, stderr=slave, cwd="/", start_new_session=True
        )
        os.close(slave)
        screen = Terminal(master)
        try:
            await screen.shows("Password: ")
            screen.type(PASSWORD + "\n")
            await screen.shows("── Ada ──")
            await screen.shows("Ada> ")
            # Keys that came before the topic was joined are told to nobody.
            async with asyncio.timeout(_PATIENCE_SECONDS):
                hearing = asyncio.create_task(ada.hear("typing", lambda one: one["names"] == ["Ben"]))
                while not hearing.done():
                    screen.type("h")
                    await asyncio.wait([hearing], timeout=0.5)
                hearing.result()
            # Nobody changes how somebody else's screen looks.
            said = {"body": "[red]Take your time[/]", "client_id": "1"}
            assert (await ada_api.post(f"/v1/conversations/{talk}/messages", said)).status_code == 201
            await screen.shows("[red]Take your time[/]")
            screen.type("\x15Hello, Adaa\x7f!\n")
            assert (await ada.hear("message", lambda one: one["from"] == "ben"))["body"] == "Hello, Ada!"
            await screen.shows("read by Ada")
            screen.type("\x04")
            async with asyncio.timeout(_PATIENCE_SECONDS):
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            screen.close()


class Terminal:
    """The other end of a pseudo-terminal."""

    def __init__(self, master: int) -> None:
        self.shown = ""
        self._master = master
        self._arrived = asyncio.Event()
        asyncio.get_running_loop().add_reader(master, self._read)

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    async def shows(self, words: str) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while words not in self.shown:
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            raise AssertionError(f"{words!r} is not in {self.shown!r}") from None

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)

    def _read(self) -> None:
        try:
            self.shown += os.read(self._master, 65536).decode(errors="replace")
        except OSError:
            # The program has ended, and the terminal with it.
            asyncio.get_running_loop().remove_reader(self._master)
        self._arrived.set()
