"""All settings of a process: each part owns its own class, here they come together."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from banyan.app.plugins import PluginsSettings
from banyan.features.accounts.settings import AccountsSettings
from banyan.features.notifications.settings import NotificationsSettings
from banyan.features.people.settings import PeopleSettings
from banyan.features.posts.settings import PostsSettings
from banyan.features.webhooks.settings import WebhooksSettings
from banyan.infra.attributes.settings import AttributesSettings
from banyan.infra.auth.settings import AuthSettings
from banyan.infra.database.settings import DatabaseSettings
from banyan.infra.http.settings import HttpSettings
from banyan.infra.jobs.settings import JobsSettings
from banyan.infra.log import LogSettings
from banyan.infra.mail.settings import MailSettings
from banyan.infra.push.settings import PushSettings
from banyan.infra.ratelimit import LimitsSettings
from banyan.infra.realtime.settings import RealtimeSettings
from banyan.infra.redis.settings import RedisSettings
from banyan.infra.settings import BadSettings, Sources, read_settings
from banyan.ops.backup.settings import BackupSettings

CONFIG_VARIABLE = "BANYAN_CONFIG"
# What most hosts call it; it wins over everything else.
DATABASE_VARIABLE = "DATABASE_URL"


class CommunitySettings(BaseModel):
    """What the community is called on its pages and in its mails, and what its first page says below the name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # One line each: the name also stands in the headers of mails.
    name: str = Field("Banyan", min_length=1, max_length=100, pattern=r"^[^\r\n]+$", description="Its name.")
    tagline: str = Field(
        "A place for the people around you.", max_length=200, pattern=r"^[^\r\n]*$", description="One line below it."
    )


class Settings(Sources):
    """Everything an operator may set."""

    community: CommunitySettings = CommunitySettings()
    database: DatabaseSettings
    http: HttpSettings = HttpSettings()
    limits: LimitsSettings = LimitsSettings()
    log: LogSettings = LogSettings()
    auth: AuthSettings = AuthSettings()
    mail: MailSettings = MailSettings()
    jobs: JobsSettings = JobsSettings()
    accounts: AccountsSettings = AccountsSettings()
    people: PeopleSettings = PeopleSettings()
    posts: PostsSettings = PostsSettings()
    realtime: RealtimeSettings = RealtimeSettings()
    redis: RedisSettings = RedisSettings()
    webhooks: WebhooksSettings = WebhooksSettings()
    notifications: NotificationsSettings = NotificationsSettings()
    push: PushSettings = PushSettings()
    plugins: PluginsSettings = PluginsSettings()
    attributes: AttributesSettings = AttributesSettings()
    backup: BackupSettings = BackupSettings()


class _DatabaseOnly(Sources):
    model_config = Sources.model_config | {"extra": "ignore"}

    database: dict[str, Any] = {}


class _SecretOnly(Sources):
    model_config = Sources.model_config | {"extra": "ignore"}

    auth: dict[str, Any] = {}


class _AttributesOnly(Sources):
    model_config = Sources.model_config | {"extra": "ignore"}

    attributes: AttributesSettings = AttributesSettings()


class _PluginsOnly(Sources):
    model_config = Sources.model_config | {"extra": "ignore"}

    plugins: PluginsSettings = PluginsSettings()


def load_settings(data: Path | None = None, defaults: Mapping[str, Any] | None = None) -> Settings:
    """Settings from the environment and `banyan.toml` of the data directory, over `defaults`.

    Raises BadSettings that names the setting and says what would be right.
    """
    url = os.environ.get(DATABASE_VARIABLE)
    fixed: dict[str, Any] = {"database": {"url": url}} if url else {}
    return read_settings(Settings, toml_file=_toml_file(data), defaults=defaults or {}, fixed=fixed)


def find_database_url(data: Path | None) -> str | None:
    """The database that an operator has named, or None: then the embedded one serves."""
    named = read_settings(_DatabaseOnly, toml_file=_toml_file(data), defaults={}, fixed={})
    return os.environ.get(DATABASE_VARIABLE) or named.database.get("url")


def names_secret(data: Path | None) -> bool:
    """Whether an operator has named the installation's secret: else a data directory has one of its own."""
    named = read_settings(_SecretOnly, toml_file=_toml_file(data), defaults={}, fixed={})
    return "secret" in named.auth


def find_plugins_settings(data: Path | None) -> PluginsSettings:
    """Which plug-ins an operator has chosen, for commands that need no other setting. Raises BadSettings."""
    return read_settings(_PluginsOnly, toml_file=_toml_file(data), defaults={}, fixed={}).plugins


def find_attributes_settings(data: Path | None) -> AttributesSettings:
    """What an operator has declared, for commands that need no other setting. Raises BadSettings."""
    return read_settings(_AttributesOnly, toml_file=_toml_file(data), defaults={}, fixed={}).attributes


def _toml_file(data: Path | None) -> Path | None:
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        if not Path(named).is_file():
            raise BadSettings(f"{CONFIG_VARIABLE}: there is no file {named}.")
        return Path(named)
    beside = data / "banyan.toml" if data else None
    return beside if beside and beside.is_file() else None
