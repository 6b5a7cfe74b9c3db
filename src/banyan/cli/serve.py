"""`banyan serve`: chosen roles or services of a larger installation, on a database that is named."""

from typing import Annotated

import typer

from banyan.app.modules import running
from banyan.app.server import listen, serve, wait_for_signal
from banyan.app.settings import Settings, load_settings
from banyan.app.targets import TARGETS, Targets
from banyan.app.wiring import open_platform
from banyan.cli.options import named_database
from banyan.cli.output import console
from banyan.cli.process import host_in_url, run, site_host, warn_if_unlimited
from banyan.cli.workers import leave_with_parent, run_workers
from banyan.infra.log import LogStream, configure_logs

_DEFAULT_PORT = 8000

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command("serve")
def serve_command(
    target: Annotated[
        str, typer.Option(help=f"What this process is for, with commas between: {', '.join(TARGETS)}.")
    ] = "all",
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port to listen on: 8000 without it. A worker or scheduler listens only where it is named, for health"
            " and metrics.",
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=256, help="Processes that share the port, one per core: for realtime and api.")
    ] = 1,
    shared: Annotated[bool, typer.Option("--shared", hidden=True, help="One of several on its port.")] = False,
) -> None:
    """Run part of an installation. The database and the secrets come from the settings.

    Set DATABASE_URL, BANYAN_AUTH__SIGNING_KEY and BANYAN_AUTH__SECRET (or their ..._FILE forms), the same for all
    processes, and run `banyan migrate` once before.
    """
    run(_serve(target, host, port, workers, shared))


async def _serve(target: str, host: str, port: int | None, workers: int, shared: bool) -> None:
    targets = Targets.read(target)
    named_database()
    if port is None and targets.serves:
        port = _DEFAULT_PORT
    if workers > 1:
        await run_workers(workers, target, host, port)
        return
    # Links in a worker's mails lead to the site, not to its own health.
    site_port = port if port is not None and targets.serves else _DEFAULT_PORT
    settings = load_settings(None, {"http": {"public_url": f"http://{site_host(host)}:{site_port}"}})
    log = LogStream.to_stderr()
    configure_logs(settings.log, log)
    warn_if_unlimited(settings.limits)
    if shared:
        await leave_with_parent()
    await _run(settings, targets, host, port, log, shared=shared)


async def _run(
    settings: Settings, targets: Targets, host: str, port: int | None, log: LogStream, *, shared: bool
) -> None:
    async with open_platform(settings, targets, log) as platform, running(platform, targets):
        words = f"Running {' and '.join(sorted(targets.roles))}"
        if port is None:
            console.print(words)
            await wait_for_signal()
            return
        http = settings.http
        listener = listen(host, port, shared=shared)
        url = f"http://{host_in_url(host)}:{listener.getsockname()[1]}"
        if targets.serves:
            words = f"Listening on {url}"
        else:
            words = f"{words}, health and metrics on {url}"
            # No load balancer sends people here: there is nobody to wait for.
            http = http.model_copy(update={"linger_seconds": 0})
        await serve(
            platform.asgi,
            listener,
            http,
            sockets=platform.sockets,
            on_ready=lambda: console.print(words, soft_wrap=True),
            on_stop=platform.stop,
        )
