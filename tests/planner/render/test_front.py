"""nginx reads its file, and passes real traffic on as it says."""

import asyncio
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from banyan.app.targets import Targets
from banyan.app.wiring import open_platform
from banyan.infra.log import LogStream
from banyan.planner.deployment import Deployment, Process
from banyan.planner.render.nginx import SERVICE_PATHS
from tests.planner.render.described import replicated, single, split
from tests.planner.render.front import DOMAIN, Front, backend, fronted, serving
from tests.support.banyan import find_port
from tests.support.platform import settings_for


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A directory with a certificate of its own making."""
    path = Path(tempfile.mkdtemp(prefix="bn-", dir="/tmp"))
    path.chmod(0o755)
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-days", "2", "-subj", f"/CN={DOMAIN}", "-addext", f"subjectAltName=DNS:{DOMAIN}"]
    files = ["-keyout", str(path / "privkey.pem"), "-out", str(path / "fullchain.pem")]
    subprocess.run([*command, *names, *files], check=True, capture_output=True)
    yield path
    shutil.rmtree(path)


@pytest.mark.parametrize("shape", [single, split])
async def test_traffic_goes_to_the_processes_by_path(shape: Callable[[], Deployment], place: Path) -> None:
    async with fronted(shape(), place) as front, front.client() as client:
        answer = await client.get("/v1/feed", headers={"X-Forwarded-For": "6.6.6.6", "Accept-Encoding": "gzip"})
        assert answer.status_code == 200
        assert answer.http_version == "HTTP/2"
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.text.startswith("api-800")
        head = answer.text.lower()
        assert "x-forwarded-for: 127.0.0.1\r\n" in head
        assert "6.6.6.6" not in head
        assert "x-forwarded-proto: https" in head
        assert f"host: {DOMAIN}" in head
        assert (await client.get("/v1/socket")).text.startswith("realtime-82")
        assert (await client.get("/readyz")).text.startswith("api-")
        assert (await client.get("/metrics")).status_code == 404
        assert await front.announce(11 * 1024 * 1024) == 413
        # Workers and schedulers have ports too, for health and metrics: nobody is sent there.
        assert not re.search("worker|scheduler|:8400|:8600", re.sub("worker_.*", "", front.file.read_text()))
        used = {(await client.get("/v1/feed")).text.split("\n")[0] for _ in range(20)}
        assert used == {"api-8000", "api-8001"}
        plain = await asyncio.to_thread(httpx.get, f"http://127.0.0.1:{front.plain_port}/v1/feed?a=b")
        assert plain.status_code == 301
        assert plain.headers["location"].endswith("/v1/feed?a=b")


async def test_sockets_are_passed_on_and_come_back_to_the_same_process(place: Path) -> None:
    async with fronted(single(), place) as front:
        for device in ("a telephone", "a desk", "a tablet"):
            assert len({await front.upgrade(device) for _ in range(3)}) == 1
        everywhere = {await front.upgrade(f"device {number}") for number in range(24)}
        assert everywhere == {"realtime-8200", "realtime-8201"}


async def test_a_flood_from_one_address_is_refused(place: Path) -> None:
    # One request a second, as nobody would set it: the rest of a burst is refused however slow the machine is.
    async with fronted(single(), place) as front:
        text = front.file.read_text()
        assert "rate=100r/s" in text
        assert "burst=400 nodelay" in text
    async with backend("api") as alive:
        front = Front(single(), place, {port: alive for port in (8000, 8001, 8200, 8201)})
        front.file.write_text(
            front.file.read_text().replace("rate=100r/s", "rate=1r/m").replace("burst=400", "burst=2")
        )
        async with serving(front), front.client() as client:
            answers = [(await client.get("/v1/feed")).status_code for _ in range(6)]
            assert (await client.get("/healthz")).status_code == 200
    assert answers == [200, 200, 200, 429, 429, 429]


async def test_a_process_that_is_gone_is_passed_over(place: Path) -> None:
    async with backend("api-8000") as alive:
        front = Front(single(), place, {8000: alive, 8001: find_port(), 8200: alive, 8201: alive})
        async with serving(front), front.client() as client:
            answers = [(await client.get("/v1/feed")).status_code for _ in range(6)]
    assert answers == [200] * 6


@pytest.mark.parametrize("balancer", [0, 1])
async def test_each_balancer_reaches_every_application_machine(balancer: int, place: Path) -> None:
    async with backend("app-1") as first, backend("app-2") as second, backend("certbot") as certbot:
        ports: dict[int | str, int] = {f"10.0.0.12:{port}": first for port in (8000, 8001, 8200, 8201)}
        ports |= {f"10.0.0.13:{port}": second for port in (8000, 8001, 8200, 8201)}
        front = Front(replicated(), place, {**ports, "http://10.0.0.10": certbot}, host=balancer)
        # The backend's port stands behind the address alone.
        front.file.write_text(front.file.read_text().replace("proxy_pass 127.0.0.1:", "proxy_pass http://127.0.0.1:"))
        (place / ".well-known" / "acme-challenge").mkdir(parents=True, exist_ok=True)
        (place / ".well-known" / "acme-challenge" / "proof").write_text("here")
        async with serving(front), front.client() as client:
            answers = {(await client.get("/v1/feed")).text.split("\n")[0] for _ in range(20)}
            proof = f"http://127.0.0.1:{front.plain_port}/.well-known/acme-challenge/proof"
            proven = (await asyncio.to_thread(httpx.get, proof)).text.split("\n")[0]
    assert answers == {"app-1", "app-2"}
    assert proven == ("here" if balancer == 0 else "certbot")


async def test_services_of_their_own_get_their_paths(place: Path) -> None:
    services = [Process("api", "api", 1, 160, 8, 8000)]
    services += [Process(name, name, 1, 160, 4, 8100 + at) for at, name in enumerate(("people", "posts", "messaging"))]
    wanted = {
        "/v1/me": "people",
        "/v1/messages/1": "messaging",
        "/v1/people/ada": "people",
        "/v1/people/ada/posts": "posts",
        "/v1/posts": "posts",
        "/v1/auth/token": "api",
        "/v1/postscript": "api",
    }
    async with fronted(single(services), place) as front, front.client() as client:
        for path, service in wanted.items():
            assert (await client.get(path)).text.split("-")[0] == service, path


@pytest.mark.parametrize("service", SERVICE_PATHS)
async def test_the_paths_of_a_service_are_those_that_it_answers(service: str, database_url: str) -> None:
    async with open_platform(settings_for(database_url), Targets.read(service), LogStream.to_stderr()) as platform:
        paths = {path for path in platform.openapi()["paths"] if path.startswith(("/v1/", "/.well-known/"))}
    assert paths
    # Sockets and posts of a person have locations of their own.
    for path in paths - {"/v1/people/{handle}/posts", "/v1/socket"}:
        fits = [(len(prefix), name) for name, all_ in SERVICE_PATHS.items() for prefix in all_ if _under(path, prefix)]
        assert max(fits, default=(0, "nobody"))[1] == service, path
    for prefix in SERVICE_PATHS[service]:
        assert any(_under(path, prefix) for path in paths), prefix


def _under(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")
