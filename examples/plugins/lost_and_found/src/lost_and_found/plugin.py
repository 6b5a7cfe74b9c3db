"""What Banyan loads."""

from pathlib import Path

from banyan.infra.http.application import bind
from banyan.plugin import Context, Parts, Plugin
from lost_and_found.kinds import notification_kinds
from lost_and_found.personal_data import personal_data
from lost_and_found.routes import HelperRoutes, LostAndFoundRoutes
from lost_and_found.service import LostAndFound
from lost_and_found.settings import LostAndFoundSettings
from lost_and_found.signals import ItemReported, ItemReturned
from lost_and_found.subscribers import SCHEDULES, job_kinds, subscribers


def build(context: Context) -> Parts:
    """The rules, and what stands on them."""
    items = LostAndFound(context.people, context.settings)
    return Parts(
        controllers=(bind(LostAndFoundRoutes, items=items), bind(HelperRoutes, items=items)),
        subscribers=subscribers(items),
        job_kinds=job_kinds(items),
        schedules=SCHEDULES,
        notification_kinds=notification_kinds(items),
        personal_data=personal_data(items),
    )


PLUGIN = Plugin(
    name="lost_and_found",
    version="1.0.0",
    build=build,
    migrations=Path(__file__).parent / "migrations",
    settings=LostAndFoundSettings,
    signals=(ItemReported, ItemReturned),
)
