"""Changes over HTTP."""

from typing import Annotated

from banyan.features.sync.models import SyncPage
from banyan.features.sync.service import Sync
from banyan.infra.http.routing import Controller, QueryParameter, Request, get
from banyan.infra.streams.models import Changes

_DEFAULT_LIMIT = 500
_MAX_LIMIT = 1000

Since = Annotated[str | None, QueryParameter(description="`next` of the answer before; none to begin anew.")]
SyncLimit = Annotated[int, QueryParameter(ge=1, le=_MAX_LIMIT, description="How many items at most.")]


class SyncRoutes(Controller):
    path = "/v1/sync"
    tags = ["sync"]
    sync: Sync

    @get(answers=SyncPage)
    async def show(self, request: Request, since: Since = None, limit: SyncLimit = _DEFAULT_LIMIT) -> Changes:
        """What changed of all that one keeps offline.

        Posts of one's feed and those saved, connections and lists, each as it is now, or as a delete when one no
        longer has or sees it. Without `since`, or when that lies too far back, `reset` is true and the items begin
        with the whole state.
        """
        return await self.sync.list_changes(request.work, request.account_id, since, limit)
