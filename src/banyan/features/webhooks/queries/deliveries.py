"""Deliveries: what is due at a webhook, what came of it, and the log."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from banyan.features.webhooks.models import Delivery, DeliveryState, DeliveryWithPayload, Due, Message, Settled
from banyan.infra.database.work import Work
from banyan.kernel.ids import FIRST_ID, LAST_ID

_DELIVERY = """id, webhook_id, signal, state, attempts, created_at, last_try_at, next_try_at, status, duration_ms,
    response, error"""


async def insert_deliveries(
    work: Work, deliveries: Sequence[tuple[UUID, UUID, str]], signal: str, at: datetime
) -> set[UUID]:
    """(id, webhook id, body) of each; the webhooks that are still there come back."""
    rows = await work.write(
        """INSERT INTO webhooks_deliveries (id, webhook_id, signal, body, created_at, next_try_at)
           SELECT new.id, webhook_id, $4, body, $5, $5
           FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS new(id, webhook_id, body)
           JOIN (SELECT id FROM webhooks_webhooks WHERE id = ANY ($2) FOR KEY SHARE) AS w ON w.id = webhook_id
           RETURNING webhook_id""",
        [delivery[0] for delivery in deliveries],
        [delivery[1] for delivery in deliveries],
        [delivery[2] for delivery in deliveries],
        signal,
        at,
    )
    return {row["webhook_id"] for row in rows}


async def claim_due(work: Work, webhook_id: UUID, limit: int, now: datetime, until: datetime, test: str) -> list[Due]:
    """Takes what is due, the longest due first; whatever happens to this worker, it is due again at `until`.
    While the webhook is off only messages of the kind `test` go out.
    """
    rows = await work.write(
        """WITH due AS MATERIALIZED (
               SELECT d.id FROM webhooks_deliveries d JOIN webhooks_webhooks w ON w.id = d.webhook_id
               WHERE d.webhook_id = $1 AND d.state = 'waiting' AND d.next_try_at <= $3 AND (w.active OR d.signal = $5)
               ORDER BY d.next_try_at LIMIT $2 FOR UPDATE OF d SKIP LOCKED)
           UPDATE webhooks_deliveries SET attempts = attempts + 1, next_try_at = $4, last_try_at = $3
           WHERE id = ANY (ARRAY(SELECT id FROM due)) AND state = 'waiting'
           RETURNING id, body, attempts""",
        webhook_id,
        limit,
        now,
        until,
        test,
    )
    return sorted((Due(row["id"], row["body"], row["attempts"]) for row in rows), key=lambda due: due.id)


async def settle(work: Work, settled: Sequence[Settled]) -> None:
    """Writes down what came of each, unless another worker has taken it meanwhile."""
    await work.write(
        """UPDATE webhooks_deliveries d SET state = new.state, next_try_at = new.next_try_at, status = new.status,
               duration_ms = new.duration_ms, response = new.response, error = new.error
           FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::timestamptz[], $5::integer[], $6::integer[],
               $7::text[], $8::text[]) AS new(id, attempts, state, next_try_at, status, duration_ms, response, error)
           WHERE d.id = new.id AND d.attempts = new.attempts AND d.state = 'waiting'""",
        [one.due.id for one in settled],
        [one.due.attempts for one in settled],
        [one.state for one in settled],
        [one.next_try_at for one in settled],
        [one.status for one in settled],
        [one.duration_ms for one in settled],
        [one.response for one in settled],
        [one.error for one in settled],
    )


async def find_next_due(work: Work, webhook_id: UUID, test: str) -> datetime | None:
    """When the next delivery of a webhook is due; None when nothing waits that would be sent."""
    found: datetime | None = await work.value(
        """SELECT min(d.next_try_at) FROM webhooks_deliveries d JOIN webhooks_webhooks w ON w.id = d.webhook_id
           WHERE d.webhook_id = $1 AND d.state = 'waiting' AND (w.active OR d.signal = $2)""",
        webhook_id,
        test,
    )
    return found


async def list_overdue(work: Work, before: datetime) -> list[UUID]:
    """Active webhooks with deliveries that were due before then."""
    rows = await work.rows(
        """SELECT id FROM webhooks_webhooks w WHERE active AND EXISTS (
               SELECT FROM webhooks_deliveries d
               WHERE d.webhook_id = w.id AND d.state = 'waiting' AND d.next_try_at < $1)""",
        before,
    )
    return [row["id"] for row in rows]


async def send_again(work: Work, webhook_id: UUID, delivery_id: UUID, at: datetime) -> Delivery | None:
    """Lets a delivery begin anew, under its old id."""
    row = await work.write_row(
        f"""UPDATE webhooks_deliveries SET state = 'waiting', attempts = 0, next_try_at = $3, error = NULL
            WHERE id = $2 AND webhook_id = $1 RETURNING {_DELIVERY}""",
        webhook_id,
        delivery_id,
        at,
    )
    return None if row is None else Delivery(**row)


async def find_delivery(work: Work, webhook_id: UUID, delivery_id: UUID) -> DeliveryWithPayload | None:
    row = await work.row(
        f"SELECT {_DELIVERY}, body FROM webhooks_deliveries WHERE id = $2 AND webhook_id = $1", webhook_id, delivery_id
    )
    if row is None:
        return None
    fields: dict[str, Any] = dict(row)
    return DeliveryWithPayload(payload=msgspec.json.decode(fields.pop("body"), type=Message), **fields)


async def list_deliveries(
    work: Work, webhook_id: UUID, state: DeliveryState | None, before: UUID | None, limit: int
) -> list[Delivery]:
    """Newest first."""
    # Written out: with the state as a parameter the planner could not use the index of the dead.
    only = "" if state is None else f"AND state = '{state}'"
    rows = await work.rows(
        f"""SELECT {_DELIVERY} FROM webhooks_deliveries WHERE webhook_id = $1 AND id < $2 {only}
            ORDER BY id DESC LIMIT $3""",
        webhook_id,
        before or LAST_ID,
        limit,
    )
    return [Delivery(**row) for row in rows]


async def delete_old(work: Work, below: UUID, limit: int) -> int:
    """Removes deliveries with lower ids, the oldest first; how many."""
    deleted: int = await work.write_value(
        """WITH gone AS (DELETE FROM webhooks_deliveries WHERE id = ANY (ARRAY(
               SELECT id FROM webhooks_deliveries WHERE id > $3 AND id < $1 ORDER BY id LIMIT $2)) RETURNING 1)
           SELECT count(*) FROM gone""",
        below,
        limit,
        FIRST_ID,
    )
    return deleted
