"""`banyan status`: how a running server is doing, read from its own metrics."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from banyan.app.status import Samples, Status, build_status
from banyan.cli.options import HERE, Data, Output, running_url
from banyan.cli.output import Format, duration, print_json, refuse
from banyan.infra.health import Readiness

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

_TIMEOUT_SECONDS = 5
_TOKEN_VARIABLE = "BANYAN_HTTP__METRICS_TOKEN"


class NotReachable(Exception):
    """No server answers there."""


@app.command()
def status(
    data: Data = HERE,
    url: Annotated[str | None, typer.Option(help="Base URL of a server, instead of --data.")] = None,
    token: Annotated[
        str | None, typer.Option(envvar=_TOKEN_VARIABLE, help="The server's http.metrics_token, from elsewhere.")
    ] = None,
    format: Output = Format.table,
) -> None:
    """Show queue lag, waiting for the pool, sockets and versions. Status 1 when the server is not ready."""
    try:
        found = read_status(url.rstrip("/") if url else _find_url(data), token)
    except NotReachable as error:
        refuse(str(error), status=2)
    if format is Format.json:
        print_json(found)
    else:
        Console(highlight=False).print(_table(found))
    raise typer.Exit(0 if found.ready else 1)


def read_status(base_url: str, token: str | None) -> Status:
    """Asks the server at `base_url`. Raises NotReachable."""
    try:
        readiness = msgspec.json.decode(_fetch(f"{base_url}/readyz", None), type=Readiness)
        samples = Samples(_fetch(f"{base_url}/metrics", token).decode())
    except ValueError:
        raise NotReachable(f"What answers at {base_url} is not Banyan. Give the server's base URL.") from None
    return build_status(base_url, readiness, samples)


def _find_url(data: Path) -> str:
    url = running_url(data)
    if url is None:
        raise NotReachable(f"No server has run in {data}. Name the directory with --data, or a server with --url.")
    return url


def _fetch(url: str, token: str | None) -> bytes:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        if error.code == 503:
            return error.read()
        raise NotReachable(f"{url} answers {error.code}: from another machine, give --token.") from None
    except (OSError, http.client.HTTPException) as error:
        raise NotReachable(f"Nothing answers at {url} ({error}). Is the server running?") from None


def _table(found: Status) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in _rows(found):
        table.add_row(f"[dim]{name}[/]", value)
    return table


def _rows(found: Status) -> Iterable[tuple[str, str]]:
    failing = ", ".join(f"{name}: {words}" for name, words in found.checks.items() if words != "ok")
    yield "Server", found.url
    yield "Ready", (f"[green]yes[/]{f' ({failing})' if failing else ''}" if found.ready else f"[red]no[/] ({failing})")
    yield (
        "Versions",
        (f"Banyan {found.version}, Python {found.python}, PostgreSQL {found.postgresql}, migration {found.migration}"),
    )
    if found.plugins:
        yield "Plug-ins", ", ".join(f"{name} {version}" for name, version in found.plugins.items())
    yield "Up for", _number(None) if found.uptime_seconds is None else duration(found.uptime_seconds)
    yield "Memory", _number(found.resident_bytes and found.resident_bytes / 2**20, " MiB")
    yield "Requests", f"{_number(found.requests_in_flight)} at work, {_number(found.requests_shed)} shed"
    yield "Connections", _number(found.http_connections)
    yield "Sockets", f"{_number(found.sockets)}, with {_number(found.topics_joined)} topics joined"
    if found.redis_connected is not None:
        lag = _number(found.redis_mean_lag_seconds and found.redis_mean_lag_seconds * 1000, " ms")
        state = "connected" if found.redis_connected else "away: events go over the database"
        yield "Redis", f"{state}, mean lag {lag}, {_number(found.redis_dropped)} dropped"
    yield (
        "Queue",
        (
            f"lag {_number(found.queue_lag_seconds, ' s')}, {_number(found.jobs_running)} running, "
            f"{_number(found.dead_letters)} dead letters"
        ),
    )
    yield (
        "Pool",
        (
            f"{_number(found.pool_size)} connections, {_number(found.pool_waiting)} waiting, "
            f"mean wait {_number(found.pool_mean_wait_seconds and found.pool_mean_wait_seconds * 1000, ' ms')}"
        ),
    )
    if found.backup_failing is not None:
        made = f"{found.last_backup_at:%Y-%m-%d %H:%M} UTC" if found.last_backup_at else "none yet"
        yield "Backup", f"{made}, [red]the last try failed: see the log[/]" if found.backup_failing else made


def _number(value: float | None, unit: str = "") -> str:
    return "not reported" if value is None else f"{value:,.4g}{unit}" if value < 1000 else f"{value:,.0f}{unit}"
