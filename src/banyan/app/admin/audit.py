"""The audit log, for admins."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from banyan.infra.audit import trail
from banyan.infra.audit.models import AuditEntry, Filter, Via
from banyan.infra.http.routing import Controller, Cursor, Limit, QueryParameter, Request, get
from banyan.kernel.clock import check_instant
from banyan.kernel.pages import DEFAULT_LIMIT, Page

OfAction = Annotated[
    str | None,
    QueryParameter(
        name="action", max_length=100, description="Such as `people.suspend`; `people.` takes all of people."
    ),
]
OfAccount = Annotated[UUID | None, QueryParameter(name="account_id", description="Only what this account did.")]
OfVia = Annotated[Via | None, QueryParameter(name="via", description="Only what was done by this way.")]
OfSubject = Annotated[
    str | None, QueryParameter(name="subject_id", max_length=200, description="Only what was done to this.")
]
Since = Annotated[datetime | None, QueryParameter(description="Not before this time.")]
Until = Annotated[datetime | None, QueryParameter(description="Before this time.")]


class AuditRoutes(Controller):
    path = "/v1/admin/audit"
    tags = ["admin"]

    @get(access="admin")
    async def list(
        self,
        request: Request,
        of_action: OfAction = None,
        of_account: OfAccount = None,
        of_via: OfVia = None,
        of_subject: OfSubject = None,
        since: Since = None,
        until: Until = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Page[AuditEntry]:
        """What operators did and looked at, newest first.

        Entries are never changed or deleted. `hash` is SHA-256 over the hash before it and the entry.
        """
        wanted = Filter(
            action=of_action,
            account_id=of_account,
            via=of_via,
            subject_id=of_subject,
            since=None if since is None else check_instant(since, "since"),
            until=None if until is None else check_instant(until, "until"),
        )
        return await trail.list_entries(request.work, wanted, limit, cursor)
