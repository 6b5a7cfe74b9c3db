"""Webhooks: kept, held by the worker that sends, switched off."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from banyan.features.webhooks.models import Webhook, WebhookRow
from banyan.infra.database.work import Connection, Work
from banyan.kernel.ids import LAST_ID

_WEBHOOK = """id, url, description, signals, active, created_at, updated_at, secret, previous_secret,
    previous_until, failing_since, disabled_at, disabled_reason"""


async def lock_number(work: Work) -> int:
    """How many webhooks there are; nobody else adds one until the transaction ends."""
    await work.write("SELECT pg_advisory_xact_lock(hashtextextended('webhooks_webhooks', 0))")
    number: int = await work.write_value("SELECT count(*) FROM webhooks_webhooks")
    return number


async def insert_webhook(work: Work, row: WebhookRow) -> None:
    webhook = row.webhook
    await work.write(
        """INSERT INTO webhooks_webhooks (id, url, description, signals, secret, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $6)""",
        webhook.id,
        webhook.url,
        webhook.description,
        webhook.signals,
        row.secret,
        webhook.created_at,
    )


async def find_webhook(work: Work, webhook_id: UUID) -> WebhookRow | None:
    row = await work.row(f"SELECT {_WEBHOOK} FROM webhooks_webhooks WHERE id = $1", webhook_id)
    return None if row is None else _webhook(row)


async def lock_webhook(work: Work, webhook_id: UUID) -> WebhookRow | None:
    """As it is until the transaction ends."""
    row = await work.write_row(f"SELECT {_WEBHOOK} FROM webhooks_webhooks WHERE id = $1 FOR UPDATE", webhook_id)
    return None if row is None else _webhook(row)


async def list_webhooks(work: Work, before: UUID | None, limit: int) -> list[Webhook]:
    """Newest first."""
    rows = await work.rows(
        f"SELECT {_WEBHOOK} FROM webhooks_webhooks WHERE id < $1 ORDER BY id DESC LIMIT $2", before or LAST_ID, limit
    )
    return [_webhook(row).webhook for row in rows]


async def update_webhook(work: Work, webhook: Webhook) -> None:
    """What an admin may change; whatever was wrong counts anew."""
    await work.write(
        """UPDATE webhooks_webhooks SET url = $2, description = $3, signals = $4, active = $5, updated_at = $6,
               failing_since = $7, disabled_at = $8, disabled_reason = $9
           WHERE id = $1""",
        webhook.id,
        webhook.url,
        webhook.description,
        webhook.signals,
        webhook.active,
        webhook.updated_at,
        webhook.failing_since,
        webhook.disabled_at,
        webhook.disabled_reason,
    )


async def put_secret(work: Work, webhook_id: UUID, secret: bytes, previous_until: datetime, at: datetime) -> None:
    """The secret so far becomes the previous one; one before that is forgotten."""
    await work.write(
        """UPDATE webhooks_webhooks
           SET previous_secret = secret, secret = $2, previous_until = $3, updated_at = $4 WHERE id = $1""",
        webhook_id,
        secret,
        previous_until,
        at,
    )


async def delete_webhook(work: Work, webhook_id: UUID) -> bool:
    """With all its deliveries."""
    return bool(await work.write("DELETE FROM webhooks_webhooks WHERE id = $1 RETURNING id", webhook_id))


async def hold(
    work: Work, webhook_id: UUID, held: datetime | None, seconds: float
) -> tuple[WebhookRow, datetime] | None:
    """Makes this worker the one that sends to a webhook, for so long; `held` is what it got the last time.

    None when another one is, or the webhook is gone.
    """
    row = await work.write_row(
        f"""UPDATE webhooks_webhooks SET busy_until = clock_timestamp() + make_interval(secs => $3)
            WHERE id = $1 AND (busy_until IS NULL OR busy_until <= clock_timestamp() OR busy_until = $2)
            RETURNING {_WEBHOOK}, busy_until""",
        webhook_id,
        held,
        seconds,
    )
    return None if row is None else (_webhook(row), row["busy_until"])


async def release(work: Work, webhook_id: UUID, held: datetime) -> None:
    """Lets others send. Whoever asks to hold it waits from here on for the transaction's end."""
    await work.write(
        "UPDATE webhooks_webhooks SET busy_until = NULL WHERE id = $1 AND busy_until = $2", webhook_id, held
    )


async def find_busy(work: Work, webhook_id: UUID) -> tuple[bool, datetime | None]:
    """Whether the webhook is there, and how long another worker holds it."""
    row = await work.row("SELECT busy_until FROM webhooks_webhooks WHERE id = $1", webhook_id)
    return (False, None) if row is None else (True, row["busy_until"])


async def list_wanted(connection: Connection) -> frozenset[str]:
    """The names that active webhooks are subscribed to."""
    rows = await connection.fetch("SELECT DISTINCT unnest(signals) AS name FROM webhooks_webhooks WHERE active")
    return frozenset(row["name"] for row in rows)


async def mark_well(work: Work, webhook_id: UUID) -> None:
    """A delivery has succeeded."""
    await work.write(
        "UPDATE webhooks_webhooks SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL", webhook_id
    )


async def mark_failing(work: Work, webhook_id: UUID, at: datetime) -> None:
    """A delivery has failed; the first such moment counts."""
    await work.write(
        "UPDATE webhooks_webhooks SET failing_since = $2 WHERE id = $1 AND failing_since IS NULL", webhook_id, at
    )


async def switch_off(work: Work, webhook_id: UUID, failing_before: datetime, at: datetime, reason: str) -> bool:
    """Only if it has failed since before then, and is on."""
    rows = await work.write(
        """UPDATE webhooks_webhooks SET active = false, disabled_at = $3, disabled_reason = $4, updated_at = $3
           WHERE id = $1 AND active AND failing_since <= $2 RETURNING id""",
        webhook_id,
        failing_before,
        at,
        reason,
    )
    return bool(rows)


async def list_subscribed(work: Work, names: Sequence[str]) -> list[UUID]:
    """The active webhooks that want any of these names."""
    rows = await work.rows(
        "SELECT id FROM webhooks_webhooks WHERE active AND signals && $1::text[] ORDER BY id", list(names)
    )
    return [row["id"] for row in rows]


def _webhook(row: asyncpg.Record) -> WebhookRow:
    webhook = Webhook(
        id=row["id"],
        url=row["url"],
        description=row["description"],
        signals=row["signals"],
        active=row["active"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        previous_secret_until=row["previous_until"],
        failing_since=row["failing_since"],
        disabled_at=row["disabled_at"],
        disabled_reason=row["disabled_reason"],
    )
    return WebhookRow(webhook, row["secret"], row["previous_secret"])
