"""The installation for admins: settings as they are seen, counts, and how this process is doing."""

from msgspec import Struct

from banyan.app.settings import Settings
from banyan.app.status import Samples, Status, build_status
from banyan.features.accounts.service.administration import Administration
from banyan.features.posts.service.community import Communities
from banyan.infra import metrics
from banyan.infra.database.work import Work
from banyan.infra.health import Health
from banyan.infra.http.routing import Controller, Request, get
from banyan.infra.jobs import operations
from banyan.infra.settings_view import SettingView, view_settings


class SettingList(Struct, frozen=True):
    """All settings by name."""

    items: list[SettingView]


class Counts(Struct, frozen=True):
    """How many there are, by name: `people`, `accounts.suspended`, `jobs.dead`. Above a million estimates."""

    counts: dict[str, int]


class InstallationRoutes(Controller):
    path = "/v1/admin"
    tags = ["admin"]
    settings: Settings
    health: Health
    administration: Administration
    communities: Communities

    @get("/settings", access="admin")
    async def show_settings(self, request: Request) -> SettingList:
        """The settings of this process, each with where its value comes from; secrets show as `***`."""
        return SettingList(view_settings(self.settings))

    @get("/counts", access="admin")
    async def show_counts(self, request: Request) -> Counts:
        """How many accounts, sessions, people, posts, comments, reactions and jobs there are."""
        return Counts(await count_all(request.work, self.administration, self.communities))

    @get("/status", access="admin")
    async def show_status(self, request: Request) -> Status:
        """How the process that answers is doing: the figures of `banyan status`."""
        url = self.settings.http.public_url or ""
        return build_status(url, await self.health.readiness(), Samples(metrics.render().decode()))


async def count_all(work: Work, administration: Administration, communities: Communities) -> dict[str, int]:
    """Everything that is counted, by name."""
    community = await communities.get_community(work)
    counted = {
        "people": community.people,
        "posts": community.posts,
        "comments": community.comments,
        "reactions": community.reactions,
    }
    return counted | await administration.count(work) | await operations.count_jobs(work)
