"""Background jobs and dead letters, for admins."""

from typing import Annotated
from uuid import UUID

from msgspec import Struct

from banyan.infra.http.routing import (
    Controller,
    Cursor,
    FromPath,
    Limit,
    QueryParameter,
    Request,
    delete,
    get,
    post,
)
from banyan.infra.jobs import operations
from banyan.infra.jobs.errors import JobNotFound, JobRunning
from banyan.infra.jobs.operator_queries import JobView, State
from banyan.kernel.pages import DEFAULT_LIMIT, Page

OfState = Annotated[State | None, QueryParameter(name="state", description="`dead`: those that were given up.")]
OfKind = Annotated[str | None, QueryParameter(name="kind", max_length=100, description="Only jobs of this kind.")]


class JobsChanged(Struct, frozen=True):
    """How many jobs an order was carried out on."""

    jobs: int


class AdminJobRoutes(Controller):
    path = "/v1/admin/jobs"
    tags = ["admin"]

    @get(access="admin")
    async def list(
        self,
        request: Request,
        of_state: OfState = None,
        of_kind: OfKind = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Page[JobView]:
        """Background jobs, newest first, without their payloads. A job that is done is in no list."""
        return await operations.list_jobs(request.work, of_state, of_kind, limit, cursor)

    @get("/{job_id:uuid}", access="admin", raises=[JobNotFound])
    async def show(self, request: Request, job_id: FromPath[UUID]) -> JobView:
        """One job: its payload may hold what people wrote; of a mail, recipient and subject."""
        return await operations.get_job(request.work, request.actor, job_id)

    @post("/retry-dead", access="admin", status=200)
    async def retry_dead(self, request: Request) -> JobsChanged:
        """Let all dead letters run now, with all their tries again."""
        return JobsChanged(len(await operations.retry_all_dead(request.work, request.actor)))

    @post("/drop-dead", access="admin", status=200)
    async def drop_dead(self, request: Request) -> JobsChanged:
        """Delete all dead letters for good: what they were to do will not happen."""
        return JobsChanged(len(await operations.drop_all_dead(request.work, request.actor)))

    @post("/{job_id:uuid}/retry", access="admin", raises=[JobNotFound, JobRunning], status=204)
    async def retry(self, request: Request, job_id: FromPath[UUID]) -> None:
        """Let a dead or waiting job run now, with all its tries again.

        Where a newer job with the same key waits, that one does the work of both.
        """
        await operations.retry_job(request.work, request.actor, job_id)

    @delete("/{job_id:uuid}", access="admin", raises=[JobNotFound, JobRunning])
    async def drop(self, request: Request, job_id: FromPath[UUID]) -> None:
        """Delete a dead or waiting job for good: what it was to do will not happen."""
        await operations.drop_job(request.work, request.actor, job_id)
