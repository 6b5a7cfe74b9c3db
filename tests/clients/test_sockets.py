"""The sockets of both clients, over connections that are lost at random points, and what they are told."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from banyan.app.wiring import Platform
from tests.clients.conftest import PYTHON, Teller
from tests.clients.cutter import Cuts, Cutter, cutter_on_a_free_port
from tests.support.eventually import eventually
from tests.support.platform import running_platform, serving, settings_for

pytestmark = pytest.mark.asyncio(loop_scope="module")

_HERE = Path(__file__).resolve().parent


@pytest.fixture(params=["python", "typescript"])
def teller(request: pytest.FixtureRequest) -> Teller:
    if request.param == "python":
        root = _HERE.parents[1]
        return Teller([sys.executable, _HERE / "sockets.py"], {"PYTHONPATH": f"{PYTHON / 'src'}:{root}"})
    built: Path = request.getfixturevalue("built")
    # Node has sockets of its own from version 22 on; before, they have to be asked for.
    return Teller(["node", "--experimental-websocket", "--no-warnings", built / "sockets.js"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cutter() -> AsyncIterator[Cutter]:
    async with cutter_on_a_free_port(random.randrange(1000)) as cutter:
        yield cutter


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def platform(shared_database_url: str, cutter: Cutter) -> AsyncIterator[Platform]:
    address = f"ws://127.0.0.1:{cutter.port}/v1/socket"
    async with running_platform(settings_for(shared_database_url, realtime={"url": address})) as platform:
        yield platform


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(platform: Platform, cutter: Cutter) -> AsyncIterator[str]:
    """The API itself; the sockets go through the cutter."""
    async with serving(platform) as url:
        cutter.upstream = int(url.rpartition(":")[2])
        yield url


@pytest_asyncio.fixture(loop_scope="module")
async def whole(cutter: Cutter) -> AsyncIterator[None]:
    cutter.cuts = None
    yield


async def test_drops_at_random_points(teller: Teller, url: str, cutter: Cutter) -> None:
    """Old state and events are the fresh state, nothing comes twice, nothing is missing, and nobody began anew."""
    cutter.cuts, cutter.lost = Cuts(), 0
    found = await teller.tell("drops", url)
    cutter.cuts = None
    assert cutter.lost > 3
    assert found == {"reloads": [1, 1], "drops": True, "twice": 0, "in_order": True, "some": True}


async def test_places(teller: Teller, url: str, whole: None) -> None:
    assert await teller.tell("places", url) == {
        "durable": True,
        "recovered": [False, True, False],
        "missed": "Two",
        "ended": [],
    }


async def test_refusals(teller: Teller, url: str, whole: None) -> None:
    assert await teller.tell("refusals", url) == {
        "unknown": [404, "not_found"],
        "cut": [404, "not_found"],
        "published": 422,
        "ended": True,
        "anonymous": [404, "not_found"],
    }


async def test_typing(teller: Teller, url: str, whole: None) -> None:
    assert await teller.tell("typing", url) == {"early": True, "typing": True, "place": None}


async def test_who_is_sent_away_comes_back(teller: Teller, url: str, whole: None, platform: Platform) -> None:
    telling = asyncio.create_task(teller.tell("away", url))

    async def is_there() -> bool:
        channel = platform.realtime.hub.channels.get("posts:public")
        return channel is not None and len(channel.members) > 0

    await eventually(is_there, 300)
    for connection in list(platform.realtime.hub.channels["posts:public"].members):
        connection.cut("restarting", reconnect=True, after_seconds=0.05)
    assert await telling == {
        "reasons": ["restarting"],
        "pointers": ["published", "deleted"],
        "recovered": [False, False],
    }


async def test_an_app_that_does_not_read(teller: Teller, url: str, whole: None) -> None:
    assert await teller.tell("slow", url) == {"all": True, "left": True}


async def test_pointers_to_conversations(teller: Teller, url: str, whole: None) -> None:
    assert await teller.tell("pointers", url) == {"same": True, "kind": "conversation"}
