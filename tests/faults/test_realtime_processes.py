"""Sockets in processes of their own: what one process commits reaches the sockets of the others, and one may die."""

import os
import signal
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.support.banyan import Installation, Server
from tests.support.eventually import eventually
from tests.support.sockets import Socket, connected

_PASSWORD = "a long enough password"
# Three processes start at once, on a machine that may run much else.
_START_SECONDS = 300


async def test_events_and_ended_sessions_cross_processes(installation: Installation) -> None:
    api = await installation.start("api,worker,scheduler")
    sockets = await installation.start("realtime")
    async with httpx.AsyncClient(base_url=api.url, timeout=120) as http, connected(sockets.url) as socket:
        token = await _sign_up(http)
        await _greet(socket, token)
        assert (await socket.subscribe("posts:public"))["type"] == "subscribed"
        assert (await socket.subscribe("me"))["durable"] is True
        headers = {"authorization": f"Bearer {token}"}
        published = await http.post("/v1/posts", json={"body": "Hello", "audience": "public"}, headers=headers)
        events = [await socket.read(), await socket.read()]
        assert {event["topic"] for event in events} == {"posts:public", "me"}
        ids = {event["data"].get("post_id") or event["data"]["id"] for event in events}
        assert ids == {published.json()["id"]}
        for url in (api.url, sockets.url):
            # A proxy that lets no upgrade through: said where the sockets are, too.
            refused = await http.get(f"{url}/v1/socket", headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (426, "upgrade_required")
        assert (await http.post("/v1/auth/sign-out", headers=headers)).status_code == 204
        assert (await socket.read())["reason"] == "session_ended"


async def test_an_address_that_means_all_is_no_address_for_clients(installation: Installation) -> None:
    for host in ("0.0.0.0", "::"):
        api = await installation.start("api", "--host", host)
        async with httpx.AsyncClient(timeout=120) as http:
            told = (await http.get(f"http://localhost:{urlsplit(api.url).port}/v1/realtime")).json()["url"]
        assert urlsplit(told).hostname == "localhost"


async def test_what_somebody_loses_is_cut_in_other_processes(installation: Installation) -> None:
    api = await installation.start("api")
    sockets = await installation.start("realtime")
    async with httpx.AsyncClient(base_url=api.url, timeout=120) as http, connected(sockets.url) as socket:
        ada, ben = [await _sign_up(http, name) for name in ("ada", "ben")]
        ben_id = (await http.get("/v1/me", headers=_as(ben))).json()["id"]
        group, direct = [
            (await http.post("/v1/conversations", json={"member_ids": [ben_id], **title}, headers=_as(ada))).json()[
                "id"
            ]
            for title in ({"title": "Group"}, {})
        ]
        await _greet(socket, ben)
        topics = {f"{kind}:{place}" for kind in ("conversation", "typing") for place in (group, direct)}
        for topic in topics:
            assert (await socket.subscribe(topic))["type"] == "subscribed"
        gone = await http.delete(f"/v1/conversations/{group}/members/{ben_id}", headers=_as(ada))
        assert gone.status_code == 204
        blocked = await http.put(f"/v1/blocks/{ben_id}", headers=_as(ada))
        assert blocked.status_code < 300
        cut: set[str] = set()
        while cut != topics:
            frame = await socket.read_until("error")
            assert frame["code"] == "not_found"
            cut.add(frame["topic"])
        for topic in topics:
            assert (await socket.subscribe(topic))["code"] == "not_found"


async def test_several_workers_share_a_port_and_one_that_dies_is_replaced(installation: Installation) -> None:
    server = await installation.start("realtime", "--workers", "2")
    await _until_started(server, 2)
    first, second = _children(server.pid)
    os.kill(first, signal.SIGKILL)
    await _until_started(server, 3)
    async with connected(server.url) as socket:
        assert (await socket.ask({"type": "ping", "id": 1}))["type"] == "pong"
        server.child.send(signal.SIGTERM)
        goodbye = await socket.read()
        assert (goodbye["type"], goodbye["reason"], goodbye["reconnect"]) == ("goodbye", "restarting", True)
        await socket.wait_closed()
        assert socket.close_code == 1001
    assert await server.child.ended() == 0
    assert not Path(f"/proc/{second}").exists()


async def test_workers_leave_with_the_process_that_started_them(installation: Installation) -> None:
    server = await installation.start("realtime", "--workers", "2")
    await _until_started(server, 2)
    workers = _children(server.pid)
    server.child.kill()
    await eventually(lambda: not any(_runs(pid) for pid in workers), _START_SECONDS)


async def _until_started(server: Server, count: int) -> None:
    """So many workers have come to listen since the beginning, those that have died since among them."""
    await eventually(lambda: server.child.stderr.count("Listening on") >= count, _START_SECONDS)


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def _as(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def _sign_up(http: httpx.AsyncClient, name: str = "ada") -> str:
    body = {"email": f"{name}@example.org", "password": _PASSWORD, "handle": name, "display_name": name}
    answer = await http.post("/v1/accounts", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["access_token"])


async def _greet(socket: Socket, token: str) -> None:
    assert (await socket.ask({"type": "hello", "token": token}))["type"] == "hello"
