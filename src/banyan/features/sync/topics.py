"""The realtime topic of sync."""

from uuid import UUID

from banyan.features.sync.models import SyncItem
from banyan.features.sync.service import OwnLog
from banyan.infra.database.work import Work
from banyan.infra.declare import Topic
from banyan.infra.streams.streams import Streams


def topics(streams: Streams) -> tuple[Topic, ...]:
    return (Topic("me", _may_join, log=OwnLog(streams), address="me", events=SyncItem),)


async def _may_join(work: Work, viewer_id: UUID | None, key: str) -> bool:
    """Everybody has their own, which takes no key."""
    return viewer_id is not None and not key
