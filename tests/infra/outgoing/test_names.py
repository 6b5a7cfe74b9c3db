"""Names whose server is silent hold up nobody: not the loop's own look-ups, not the end of the process."""

import asyncio
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from banyan.infra.outgoing.names import Names

# In namespaces of its own: a network with nothing but a name server that takes every question and answers none, and
# that is asked for a minute.
_SILENT_SERVER = """
    import asyncio, fcntl, socket, struct, uvloop
    from banyan.infra.outgoing.names import Names

    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    # SIOCSIFFLAGS with IFF_UP: a new network's loopback is down.
    fcntl.ioctl(server, 0x8914, struct.pack("16sh", b"lo", 1))
    server.bind(("127.0.0.1", 53))

    async def main():
        names = Names()
        asked = [asyncio.create_task(names.look_up(f"receiver-{number}.example")) for number in range(12)]
        await asyncio.sleep(0.5)
        assert server.recv(512)
        # As the driver of the database does it, and by the same way as the twelve.
        await asyncio.get_running_loop().getaddrinfo("database", 5432)
        assert await names.look_up("database") == ["127.0.0.1"]
        _, waiting = await asyncio.wait(asked, timeout=0.1)
        print(len(waiting), "wait")

    uvloop.run(main())
"""


async def test_a_name_has_the_addresses_that_the_system_knows() -> None:
    known = {str(entry[4][0]) for entry in socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)}
    assert set(await Names().look_up("localhost")) == known


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..b"])
async def test_what_has_no_address_is_an_error(host: str) -> None:
    with pytest.raises((OSError, UnicodeError)):
        await Names().look_up(host)


async def test_who_gives_up_frees_the_place_when_the_resolver_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("banyan.infra.outgoing.names._MOST_AT_ONCE", 1)
    names = Names()
    first = asyncio.create_task(names.look_up("localhost"))
    await asyncio.sleep(0)
    first.cancel()
    assert await names.look_up("localhost")


def test_a_silent_name_server_holds_up_nobody(tmp_path: Path) -> None:
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:30 attempts:2\n")
    (tmp_path / "hosts").write_text("127.0.0.1 localhost database\n")
    (tmp_path / "main.py").write_text(textwrap.dedent(_SILENT_SERVER))
    own = ["unshare", "--map-root-user", "--mount", "--net", "sh", "-euc"]
    begin = """mount --bind "$1/resolv.conf" /etc/resolv.conf; mount --bind "$1/hosts" /etc/hosts
        exec "$2" "$1/main.py\""""
    # The twelve would take six minutes by twos, and one of them a minute.
    answer = subprocess.run(
        [*own, begin, "sh", str(tmp_path), sys.executable],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert answer.stdout == "12 wait\n", answer.stderr
