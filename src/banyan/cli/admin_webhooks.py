"""`banyan admin webhooks`: what /v1/admin/webhooks does, from the server's shell."""

from collections.abc import Awaitable
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from msgspec import UNSET

from banyan.app.console import has_secret
from banyan.cli.asking import Many, Place, ask, pages, report, show_rows, shown_time, shown_value
from banyan.cli.options import HERE, Data, Output, Url
from banyan.cli.output import Format, print_answer, print_json, refuse
from banyan.features.webhooks.models import (
    Delivery,
    DeliveryState,
    DeliveryWithPayload,
    NewWebhook,
    SignalInfo,
    Webhook,
    WebhookChanges,
    WebhookWithSecret,
)

app = typer.Typer(no_args_is_help=True, help="Who outside is told of what happens here, and how that went.")

Id = Annotated[UUID, typer.Argument(help="Id of a webhook, as `list` shows it.")]
DeliveryId = Annotated[UUID, typer.Argument(help="Id of a delivery, as `deliveries` shows it.")]
Description = Annotated[str | None, typer.Option(help="What it is for: one line.")]


@app.command("list")
def list_webhooks(limit: Many = 50, data: Data = HERE, url: Url = None, format: Output = Format.table) -> None:
    """List webhooks, newest first."""

    def read(place: Place) -> Awaitable[list[Webhook]]:
        return pages(place, limit, place.webhooks.list_webhooks)

    found = ask(data, url, read)
    if format is Format.json:
        print_json(found)
        return
    show_rows(
        ("ID", "URL", "SIGNALS", "STATE", "DESCRIPTION"),
        ((str(one.id), one.url, ", ".join(one.signals), _state(one), one.description) for one in found),
    )


@app.command("signals")
def list_signals(data: Data = HERE, url: Url = None, format: Output = Format.table) -> None:
    """List what webhooks can hear, with the schema of its data as JSON."""

    async def read(place: Place) -> list[SignalInfo]:
        return place.webhooks.list_signals()

    found = ask(data, url, read)
    if format is Format.json:
        print_json(found)
        return
    show_rows(("SIGNAL", "WHAT IT SAYS"), ((one.name, one.description) for one in found))


@app.command("show")
def show_webhook(id: Id, data: Data = HERE, url: Url = None, format: Output = Format.table) -> None:
    """Show one webhook; its secret is shown only when it is made."""

    async def read(place: Place) -> Webhook:
        async with place.platform.pool.work() as work:
            return await place.webhooks.get_webhook(work, id)

    report(ask(data, url, read), format)


@app.command("create")
def create_webhook(
    address: Annotated[str, typer.Argument(help="https://, on the public internet.")],
    signals: Annotated[list[str], typer.Argument(help="Names as `signals` lists them, or '*' for every one.")],
    description: Description = None,
    data: Data = HERE,
    url: Url = None,
    format: Output = Format.table,
) -> None:
    """Make a webhook, and print the secret that signs its messages: it is not shown again."""
    _check_secret(data)
    new = NewWebhook(url=address, signals=signals, description=description or "")

    async def create(place: Place) -> WebhookWithSecret:
        async with place.platform.pool.work() as work:
            return await place.webhooks.create_webhook(work, place.actor, new)

    report(ask(data, url, create), format)


@app.command("change")
def change_webhook(
    id: Id,
    address: Annotated[str | None, typer.Option(help="Another address.")] = None,
    signal: Annotated[list[str] | None, typer.Option(help="What it hears from now on; give it once for each.")] = None,
    description: Description = None,
    active: Annotated[bool | None, typer.Option("--on/--off", help="Switch it on, with what waited, or off.")] = None,
    data: Data = HERE,
    url: Url = None,
    format: Output = Format.table,
) -> None:
    """Change what is named; the rest stays as it is."""
    changes = WebhookChanges(
        url=UNSET if address is None else address,
        signals=signal or UNSET,
        description=UNSET if description is None else description,
        active=UNSET if active is None else active,
    )

    async def change(place: Place) -> Webhook:
        async with place.platform.pool.work() as work:
            return await place.webhooks.update_webhook(work, place.actor, id, changes)

    report(ask(data, url, change), format)


@app.command("delete")
def delete_webhook(id: Id, data: Data = HERE, url: Url = None, format: Output = Format.table) -> None:
    """Delete a webhook with its log."""

    async def delete(place: Place) -> None:
        async with place.platform.pool.work() as work:
            await place.webhooks.delete_webhook(work, place.actor, id)

    ask(data, url, delete)
    print_answer({"deleted": id}, f"{id} is deleted, with its log", format)


@app.command("rotate-secret")
def rotate_secret(id: Id, data: Data = HERE, url: Url = None, format: Output = Format.table) -> None:
    """Make a new secret and print it; the old one signs beside it for a while."""
    _check_secret(data)

    async def rotate(place: Place) -> WebhookWithSecret:
        async with place.platform.pool.work() as work:
            return await place.webhooks.rotate_secret(work, place.actor, id)

    report(ask(data, url, rotate), format)


@app.command("test")
def send_test(id: Id, data: Data = HERE, url: Url = None, format: Output = Format.table) -> None:
    """Let the running server send a message that tells nothing; `deliveries` says how it went."""

    async def test(place: Place) -> Delivery:
        async with place.platform.pool.work() as work:
            return await place.webhooks.send_test(work, place.actor, id)

    report(ask(data, url, test), format)


@app.command("deliveries")
def list_deliveries(
    id: Id,
    state: Annotated[DeliveryState | None, typer.Option(help="Only deliveries in this state.")] = None,
    limit: Many = 50,
    data: Data = HERE,
    url: Url = None,
    format: Output = Format.table,
) -> None:
    """The log of a webhook, newest first."""

    def read(place: Place) -> Awaitable[list[Delivery]]:
        return pages(
            place, limit, lambda work, size, cursor: place.webhooks.list_deliveries(work, id, state, size, cursor)
        )

    found = ask(data, url, read)
    if format is Format.json:
        print_json(found)
        return
    show_rows(
        ("ID", "AT", "SIGNAL", "STATE", "TRIES", "STATUS", "ERROR"),
        (
            (
                str(one.id),
                shown_time(one.created_at),
                one.signal,
                one.state,
                str(one.attempts),
                shown_value(one.status),
                shown_value(one.error),
            )
            for one in found
        ),
    )


@app.command("delivery")
def show_delivery(
    id: Id, delivery: DeliveryId, data: Data = HERE, url: Url = None, format: Output = Format.table
) -> None:
    """Show one delivery with what it sends."""

    async def read(place: Place) -> DeliveryWithPayload:
        async with place.platform.pool.work() as work:
            return await place.webhooks.get_delivery(work, id, delivery)

    report(ask(data, url, read), format)


@app.command("replay")
def replay_delivery(
    id: Id, delivery: DeliveryId, data: Data = HERE, url: Url = None, format: Output = Format.table
) -> None:
    """Let the running server send a delivery again, under the same id."""

    async def replay(place: Place) -> Delivery:
        async with place.platform.pool.work() as work:
            return await place.webhooks.replay_delivery(work, place.actor, id, delivery)

    report(ask(data, url, replay), format)


def _state(webhook: Webhook) -> str:
    return "on" if webhook.active else webhook.disabled_reason or "off"


def _check_secret(data: Path) -> None:
    """A secret that is sealed under any other key than the servers' cannot be read by them."""
    if not has_secret(data):
        refuse(f"{data} holds no secret: name the installation's directory with --data, or BANYAN_AUTH__SECRET_FILE.")
