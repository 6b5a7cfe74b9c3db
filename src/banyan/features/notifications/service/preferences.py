"""How people want to be told."""

from uuid import UUID

from msgspec import UNSET

from banyan.features.accounts.api import AccountsApi
from banyan.features.notifications.models import (
    ChannelChanges,
    Channels,
    KindInfo,
    PreferenceChanges,
    Preferences,
    StoredPreferences,
)
from banyan.features.notifications.queries import preferences as queries
from banyan.features.notifications.service.kinds import Kinds, words_of
from banyan.features.notifications.service.quiet import check_zone, read_quiet, show_quiet
from banyan.infra.database.work import Work
from banyan.kernel.clock import now
from banyan.kernel.errors import Invalid


class PreferenceBook:
    """Reads and changes one person's choices."""

    def __init__(self, kinds: Kinds, accounts: AccountsApi) -> None:
        self._kinds = kinds
        self._accounts = accounts

    async def list_kinds(self, work: Work, person_id: UUID) -> list[KindInfo]:
        """Every kind that there is."""
        language = (await self._accounts.get_login(work, person_id)).language
        return [KindInfo(name, words_of(kind, language).title) for name, kind in self._kinds.by_name.items()]

    async def get_preferences(self, work: Work, person_id: UUID) -> Preferences:
        return self._show(await queries.find_preferences(work, person_id))

    async def update_preferences(self, work: Work, person_id: UUID, changes: PreferenceChanges) -> Preferences:
        """Raises Invalid."""
        stored = await queries.lock_preferences(work, person_id)
        changed = StoredPreferences(
            kinds=stored.kinds if changes.kinds is UNSET else self._change(stored, changes.kinds),
            quiet=stored.quiet if changes.quiet_hours is UNSET else read_quiet(changes.quiet_hours),
            time_zone=stored.time_zone if changes.time_zone is UNSET else check_zone(changes.time_zone),
            digest_hour=stored.digest_hour if changes.digest_hour is UNSET else changes.digest_hour,
        )
        await queries.put_preferences(work, person_id, changed, now())
        return self._show(changed)

    def _change(self, stored: StoredPreferences, changes: dict[str, ChannelChanges]) -> dict[str, Channels]:
        chosen = dict(stored.kinds)
        for name, change in changes.items():
            kind = self._kinds.find(name)
            if kind is None:
                raise Invalid.field("kinds", "unknown_kind", "GET /v1/notifications/kinds lists all that there are.")
            old = self._kinds.channels(stored, kind)
            chosen[name] = Channels(
                old.in_app if change.in_app is UNSET else change.in_app,
                old.email if change.email is UNSET else change.email,
                old.push if change.push is UNSET else change.push,
            )
        return chosen

    def _show(self, stored: StoredPreferences) -> Preferences:
        return Preferences(
            {name: self._kinds.channels(stored, kind) for name, kind in self._kinds.by_name.items()},
            show_quiet(stored.quiet),
            stored.time_zone,
            stored.digest_hour,
        )
