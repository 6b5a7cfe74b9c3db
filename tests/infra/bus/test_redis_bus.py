"""Messages reach who listens, over one server, Valkey or a cluster; a server that is lost is noticed, what it did not
take goes another way, and it is used again once it is back.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.crc import key_slot

from banyan.infra.bus.ephemeral import Message
from banyan.infra.bus.redis_bus import RedisBus
from banyan.infra.redis.settings import RedisSettings
from tests.support.eventually import eventually
from tests.support.redis import REDIS, RedisCluster, RedisServer, valkey

_PATIENCE_SECONDS = 300


class Ears:
    """A process with a bus, and what it heard."""

    def __init__(self, settings: RedisSettings) -> None:
        self.heard: dict[str, list[bytes]] = {}
        self.confirmed: list[str] = []
        self.diverted: list[Message] = []
        self.bus = RedisBus(settings, self.diverted.extend)
        self.bus.on_heard(self.confirmed.extend)

    def listen(self, *channels: str) -> None:
        for channel in channels:
            self.bus.subscribe(channel, self.heard.setdefault(channel, []).append)

    async def connected(self) -> None:
        await eventually(lambda: self.bus.sure, _PATIENCE_SECONDS)

    async def hears(self, *channels: str) -> None:
        await eventually(lambda: set(channels) <= set(self.confirmed), _PATIENCE_SECONDS)


@asynccontextmanager
async def running(settings: RedisSettings) -> AsyncIterator[Ears]:
    ears = Ears(settings)
    await ears.bus.start()
    try:
        await ears.connected()
        yield ears
    finally:
        await ears.bus.stop()


@pytest.fixture(params=["redis", "valkey"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path, REDIS if request.param == "redis" else valkey())
    server.start()
    yield server
    server.kill()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RedisCluster]:
    cluster = RedisCluster(tmp_path)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.kill()


async def test_who_listens_hears_in_order_and_nobody_else_does(server: RedisServer) -> None:
    async with running(server.settings()) as one, running(server.settings()) as two:
        two.listen("a", "b")
        one.listen("c")
        await two.hears("a", "b")
        for number in range(1000):
            one.bus.publish("a", b"%d" % number)
        one.bus.publish("b", "é".encode())
        await eventually(lambda: two.heard["b"], _PATIENCE_SECONDS)
        assert two.heard == {"a": [b"%d" % number for number in range(1000)], "b": ["é".encode()]}
        two.bus.unsubscribe("a")
        two.bus.subscribe("b", two.heard.setdefault("again", []).append)
        one.bus.publish("a", b"late")
        one.bus.publish("b", b"last")
        await eventually(lambda: two.heard["again"], _PATIENCE_SECONDS)
        assert b"late" not in two.heard["a"]
        assert one.heard == {"c": []}
        assert one.diverted == two.diverted == []


async def test_channels_that_come_and_go_quickly_end_as_they_are_wanted(server: RedisServer) -> None:
    async with running(server.settings()) as ears:
        for turn in range(50):
            ears.listen("here")
            ears.bus.unsubscribe("here")
            if turn % 7 == 0:
                await asyncio.sleep(0)
            ears.listen("there")
        ears.listen("here")
        ears.bus.unsubscribe("there")
        await ears.hears("here")
        await eventually(lambda: _said(ears, "here"), _PATIENCE_SECONDS)
        assert ears.bus.sure
        assert ears.diverted == []


def _said(ears: Ears, channel: str) -> bool:
    ears.bus.publish(channel, b"1")
    return bool(ears.heard[channel])


async def test_a_killed_server_is_noticed_gone_around_and_used_again(server: RedisServer) -> None:
    async with running(server.settings()) as one, running(server.settings()) as two:
        two.listen("a")
        await two.hears("a")
        server.kill()
        one.bus.publish("a", b"lost?")
        await eventually(lambda: not one.bus.sure and not two.bus.sure, _PATIENCE_SECONDS)
        one.bus.publish("a", b"around")
        await eventually(lambda: len(one.diverted) == 2, _PATIENCE_SECONDS)
        assert one.diverted == [Message("a", b"lost?"), Message("a", b"around")]
        two.confirmed.clear()
        server.start()
        await one.connected()
        await two.connected()
        # Asked for anew without being told, and said so.
        await two.hears("a")
        one.bus.publish("a", b"back")
        await eventually(lambda: two.heard["a"], _PATIENCE_SECONDS)
        assert two.heard["a"] == [b"back"]


async def test_a_hung_server_counts_as_gone(server: RedisServer) -> None:
    settings = server.settings(timeout_seconds=0.5)
    async with running(settings) as one:
        one.listen("a")
        await one.hears("a")
        server.hang()
        one.bus.publish("a", b"into the void")
        await eventually(lambda: not one.bus.sure, _PATIENCE_SECONDS)
        await eventually(lambda: one.diverted == [Message("a", b"into the void")], _PATIENCE_SECONDS)
        server.go_on()
        await one.connected()
        await eventually(lambda: _said(one, "a"), _PATIENCE_SECONDS)


async def test_nobody_waits_for_a_server_that_never_was(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    ears = Ears(server.settings())
    await ears.bus.start()
    ears.listen("a")
    ears.bus.publish("a", b"1")
    assert ears.diverted == [Message("a", b"1")]
    assert not ears.bus.sure
    try:
        server.start()
        await ears.connected()
        await ears.hears("a")
    finally:
        await ears.bus.stop()
        server.kill()


async def test_a_password_is_sent_and_a_wrong_one_leaves_it_away(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, REDIS, "--requirepass", "open sesame")
    server.start()
    try:
        url = server.url.replace("//", "//:open%20sesame@")
        async with running(RedisSettings.model_validate({"url": url})):
            wrong = Ears(server.settings())
            await wrong.bus.start()
            await asyncio.sleep(0.2)
            assert not wrong.bus.sure
            await wrong.bus.stop()
    finally:
        server.kill()


async def test_a_cluster_carries_channels_on_all_its_members(cluster: RedisCluster) -> None:
    channels = [f"conversation:{number}" for number in range(60)]
    async with running(cluster.settings()) as one, running(cluster.settings()) as two:
        two.listen(*channels)
        await two.hears(*channels)
        _publish(one, channels, b"1")
        await eventually(lambda: _all_heard(two, [b"1"]), _PATIENCE_SECONDS)
        shares = [cluster.tool("-p", str(one.port), "pubsub", "shardnumsub") for one in cluster.members]
        assert len(shares) == 3
        used = [cluster.tool("-p", str(one.port), "pubsub", "shardchannels").split() for one in cluster.members]
        assert all(used)
        assert sum(map(len, used)) == 60


async def test_a_cluster_that_loses_a_member_is_gone_around_until_it_is_whole(cluster: RedisCluster) -> None:
    channels = [f"conversation:{number}" for number in range(30)]
    async with running(cluster.settings()) as one, running(cluster.settings()) as two:
        two.listen(*channels)
        await two.hears(*channels)
        cluster.members[0].kill()
        await eventually(lambda: not one.bus.sure and not two.bus.sure, _PATIENCE_SECONDS)
        _publish(one, channels, b"around")
        await eventually(lambda: len(one.diverted) == 30, _PATIENCE_SECONDS)
        two.confirmed.clear()
        cluster.members[0].start()
        await one.connected()
        await two.hears(*channels)
        await eventually(lambda: _said_on_all(one, two, channels), _PATIENCE_SECONDS)


async def test_keys_that_move_to_another_member_are_followed(cluster: RedisCluster) -> None:
    channels = [f"conversation:{number}" for number in range(30)]
    async with running(cluster.settings()) as one, running(cluster.settings()) as two:
        two.listen(*channels)
        await two.hears(*channels)
        two.confirmed.clear()
        for channel in channels[:3]:
            _move(cluster, f"banyan:{channel}")
        await two.hears(*channels)
        await eventually(lambda: _said_on_all(one, two, channels), _PATIENCE_SECONDS)


def _move(cluster: RedisCluster, key: str) -> None:
    """Gives the slot of a key, which holds nothing, to the next member: announced first, because only then is the new
    owner's claim newer than what the old one may still be telling the others.
    """
    slot = key_slot(key.encode())
    owner = next(place for place, one in enumerate(cluster.members) if _is_owner(cluster, one, slot))
    target = (owner + 1) % 3
    _set_slot(cluster, target, slot, "importing", owner)
    _set_slot(cluster, owner, slot, "migrating", target)
    for turn in range(3):
        _set_slot(cluster, (target + turn) % 3, slot, "node", target)


def _set_slot(cluster: RedisCluster, place: int, slot: int, state: str, other: int) -> None:
    port = str(cluster.members[place].port)
    cluster.tool("-p", port, "cluster", "setslot", str(slot), state, _member_id(cluster, other))


def _is_owner(cluster: RedisCluster, member: RedisServer, slot: int) -> bool:
    myself = next(
        line for line in cluster.tool("-p", str(member.port), "cluster", "nodes").splitlines() if "myself" in line
    )
    ranges = [part.split("-") for part in myself.split()[8:] if not part.startswith("[")]
    return any(int(part[0]) <= slot <= int(part[-1]) for part in ranges)


def _member_id(cluster: RedisCluster, place: int) -> str:
    return cluster.tool("-p", str(cluster.members[place].port), "cluster", "myid").strip()


def _publish(ears: Ears, channels: Sequence[str], payload: bytes) -> None:
    for channel in channels:
        ears.bus.publish(channel, payload)


def _all_heard(ears: Ears, messages: list[bytes]) -> bool:
    return all(heard == messages for heard in ears.heard.values())


def _said_on_all(one: Ears, two: Ears, channels: Sequence[str]) -> bool:
    _publish(one, channels, b"again")
    return one.bus.sure and two.bus.sure and all(b"again" in two.heard[channel] for channel in channels)
