"""What a plug-in declares, and what it is given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from banyan.features.accounts.api import AccountsApi
from banyan.features.people.api import PeopleApi
from banyan.features.posts.api import PostsApi
from banyan.infra.bus import Bus
from banyan.infra.declare import (
    AnyJobKind,
    AnyNoticeEnd,
    AnyNotificationKind,
    AnySubscriber,
    PersonalData,
    Schedule,
)
from banyan.infra.http.routing import Controller
from banyan.kernel.signals import Signal


@dataclass(frozen=True, slots=True)
class Context:
    """What a plug-in is built from. `settings` is its own section, read into its own class."""

    settings: Any
    community_name: str
    public_url: str
    accounts: AccountsApi
    people: PeopleApi
    posts: PostsApi


@dataclass(frozen=True, slots=True)
class Parts:
    """A plug-in at work: routes bound to its rules, and what it does after signals, as jobs and by the clock.

    `notification_kinds` are reasons to tell people something, `notice_ends` signals after which that is over.
    `listen` is called with the bus, to drop cached values when others have changed what they were made of.
    `personal_data` says what export and deletion of a person mean here: leave it out only if nothing of people is kept.
    """

    controllers: Sequence[type[Controller]] = ()
    subscribers: Sequence[AnySubscriber] = ()
    job_kinds: Sequence[AnyJobKind] = ()
    schedules: Sequence[Schedule] = ()
    notification_kinds: Sequence[AnyNotificationKind] = ()
    notice_ends: Sequence[AnyNoticeEnd] = ()
    listen: Callable[[Bus], None] | None = None
    personal_data: PersonalData | None = None


@dataclass(frozen=True, slots=True)
class Plugin:
    """One plug-in. `name` is that of its folder; its tables, jobs and signals begin with it.

    `migrations` is a folder of NNNN_what_it_does.sql, numbered for itself; `settings` the class of the section
    `[plugins.NAME]`; `signals` are those that webhooks may tell of.
    """

    name: str
    build: Callable[[Context], Parts]
    version: str = "0"
    migrations: Path | None = None
    settings: type[BaseModel] | None = None
    signals: tuple[type[Signal], ...] = ()
