"""One-time tickets: who may open a socket without showing their access token to whatever logs addresses."""

import secrets
from datetime import timedelta
from uuid import UUID

from msgspec import Struct

from banyan.infra.auth.digests import hash_token
from banyan.infra.auth.principal import Principal
from banyan.infra.database.work import Work
from banyan.infra.declare import AnyJobKind, JobKind, Schedule
from banyan.infra.realtime.errors import InvalidTicket
from banyan.kernel.signals import Job

_TICKET_BYTES = 24


class Bearer(Struct, frozen=True):
    """Whom a ticket stands for; both None for anybody."""

    account_id: UUID | None
    session_id: UUID | None


async def issue_ticket(work: Work, principal: Principal | None, seconds: float) -> str:
    """A ticket for who asks; 32 characters that are good once."""
    ticket = secrets.token_urlsafe(_TICKET_BYTES)
    await work.write(
        """INSERT INTO realtime_tickets (digest, account_id, session_id, expires_at)
           VALUES ($1, $2, $3, now() + $4::interval)""",
        hash_token(ticket),
        principal.account_id if principal else None,
        principal.session_id if principal else None,
        timedelta(seconds=seconds),
    )
    return ticket


async def redeem_ticket(work: Work, ticket: str) -> Bearer:
    """Whom it stands for, once. Raises InvalidTicket."""
    row = await work.write_row(
        "DELETE FROM realtime_tickets WHERE digest = $1 RETURNING account_id, session_id, expires_at > now() AS good",
        hash_token(ticket),
    )
    if row is None or not row["good"]:
        raise InvalidTicket("Get a new one from GET /v1/realtime: each is good once, for a short time.")
    return Bearer(row["account_id"], row["session_id"])


class ForgetTickets(Job, frozen=True):
    """Removes tickets that nobody used in time."""


async def _forget(work: Work, job: ForgetTickets) -> None:
    await work.write("DELETE FROM realtime_tickets WHERE expires_at < now()")


JOB_KINDS: tuple[AnyJobKind, ...] = (JobKind(ForgetTickets, _forget),)
SCHEDULES = (Schedule("realtime.forget_tickets", 300, ForgetTickets()),)
