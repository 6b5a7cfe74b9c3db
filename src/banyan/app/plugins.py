"""Plug-ins: found by entry point or by folder, loaded by importlib, checked, and joined to the house."""

import importlib
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from banyan.infra.database.migrate import BANYAN, Source, newest
from banyan.infra.http.routing import Controller
from banyan.infra.http.table import Table
from banyan.infra.settings import BadSettings, explain
from banyan.kernel.signals import Signal, kind_of
from banyan.plugin.declarations import Context, Parts, Plugin

GROUP = "banyan.plugins"

_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_LONGEST_NAME = 40
_OFFERED = "PLUGIN"


class PluginError(BadSettings):
    """A plug-in that cannot be used; the message names it and says what would be right."""


class PluginsSettings(BaseModel):
    """Which plug-ins run. Every other key is the section of the plug-in that it names: `[plugins.lost_and_found]`."""

    model_config = ConfigDict(extra="allow", frozen=True)

    names: list[str] | None = Field(
        None, description="Those of the installed plug-ins that run; unset, all do. [] is none."
    )
    paths: list[Path] = Field([], description="Folders of plug-ins that are not installed.")

    def section(self, name: str) -> Any:
        """What is set for one plug-in."""
        return (self.model_extra or {}).get(name, {})

    def sections(self) -> set[str]:
        return set(self.model_extra or {})


@dataclass(frozen=True, slots=True)
class Loaded:
    """A plug-in and where it came from: a folder, or the package that offers it."""

    plugin: Plugin
    origin: str


@dataclass(frozen=True, slots=True)
class Plugged:
    """A plug-in at work."""

    loaded: Loaded
    parts: Parts


class PluginInfo(Struct, frozen=True):
    """A plug-in at work; `origin` is its folder, or what its installed package offers."""

    name: str
    version: str
    origin: str
    routes: list[str]
    signals: list[str]
    newest_migration: int | None


def load_plugins(settings: PluginsSettings) -> tuple[Loaded, ...]:
    """All that the settings ask for, by name. Raises PluginError."""
    found = [*_installed(settings.names), *(_from_folder(path) for path in settings.paths)]
    by_name: dict[str, Loaded] = {}
    for loaded in found:
        twin = by_name.setdefault(loaded.plugin.name, loaded)
        if twin is not loaded:
            raise PluginError(
                f"plug-in {loaded.plugin.name}: offered by {twin.origin} and by {loaded.origin}; keep one of them "
                "(plugins.names, plugins.paths)"
            )
    for name in sorted(settings.sections() - by_name.keys()):
        raise PluginError(f"plugins.{name}: no plug-in of this name is loaded; loaded: {', '.join(by_name) or 'none'}")
    return tuple(by_name[name] for name in sorted(by_name))


def migration_sources(plugins: Iterable[Loaded]) -> list[Source]:
    """Banyan's own migrations, then each plug-in's. Raises PluginError for a folder that is not there."""
    sources = [BANYAN]
    for loaded in plugins:
        folder = loaded.plugin.migrations
        if folder is None:
            continue
        if not folder.is_dir():
            raise PluginError(f"plug-in {loaded.plugin.name}: there is no folder {folder} with its migrations")
        sources.append(Source(loaded.plugin.name, folder))
    return sources


def read_section(settings: PluginsSettings, plugin: Plugin) -> Any:
    """A plug-in's own settings, None where it has none. Raises PluginError that names the wrong one."""
    section = settings.section(plugin.name)
    if plugin.settings is None:
        if section:
            raise PluginError(f"plugins.{plugin.name}: this plug-in has no settings")
        return None
    try:
        return plugin.settings.model_validate(section)
    except ValidationError as error:
        raise PluginError(str(explain(error, "plugins", plugin.name))) from None


def signals_of(plugins: Iterable[Loaded]) -> list[type[Signal]]:
    """What webhooks may tell of plug-ins."""
    return [signal for loaded in plugins for signal in loaded.plugin.signals]


def plug_in(plugins: Iterable[Loaded], context_of: Callable[[Plugin], Context]) -> list[Plugged]:
    """Builds each from its context. Raises PluginError."""
    return [Plugged(loaded, _build(loaded.plugin, context_of(loaded.plugin))) for loaded in plugins]


def plugin_controllers(plugged: Iterable[Plugged], taken: Sequence[type[Controller]]) -> list[type[Controller]]:
    """The routes of all plug-ins beside the house's own, `taken`. Raises PluginError for one that is in the way."""
    used = list(taken)
    found: list[type[Controller]] = []
    for plugin in plugged:
        for controller in plugin.parts.controllers:
            _check_controller(plugin.loaded.plugin.name, controller, used)
        used += plugin.parts.controllers
        found += plugin.parts.controllers
    return found


def describe_plugins(plugged: Iterable[Plugged]) -> list[PluginInfo]:
    """What admins see of them."""
    return [
        PluginInfo(
            name=one.loaded.plugin.name,
            version=one.loaded.plugin.version,
            origin=one.loaded.origin,
            routes=sorted(controller.path for controller in one.parts.controllers),
            signals=sorted(kind_of(signal) for signal in one.loaded.plugin.signals),
            newest_migration=_newest(one.loaded),
        )
        for one in plugged
    ]


def _newest(loaded: Loaded) -> int | None:
    return next((newest(source) or None for source in migration_sources([loaded])[1:]), None)


def _build(plugin: Plugin, context: Context) -> Parts:
    try:
        parts = plugin.build(context)
    except BadSettings:
        raise
    except Exception as error:
        raise PluginError(f"plug-in {plugin.name}: its `build` failed: {type(error).__name__}: {error}") from error
    if not isinstance(parts, Parts):
        raise PluginError(f"plug-in {plugin.name}: its `build` must return banyan.plugin.Parts")
    names = [
        *(subscriber.name for subscriber in parts.subscribers),
        *(kind_of(kind.job) for kind in parts.job_kinds),
        *(schedule.name for schedule in parts.schedules),
        *(kind.name for kind in parts.notification_kinds),
        *(kind_of(signal) for signal in plugin.signals),
    ]
    if parts.personal_data is not None and parts.personal_data.feature != plugin.name:
        raise PluginError(f"plug-in {plugin.name}: its personal data must be those of the feature {plugin.name}")
    for name in names:
        if not name.startswith(f"{plugin.name}."):
            raise PluginError(f"plug-in {plugin.name}: {name} must begin with {plugin.name}. like all that it declares")
    return parts


def _check_controller(name: str, controller: type[Controller], used: Sequence[type[Controller]]) -> None:
    """Its routes are where no others are, and its operations have names of their own."""
    path = controller.path
    whose = f"plug-in {name}: {controller.__name__}"
    first = _first_segment(path)
    own_admin = f"/v1/admin/{name.replace('_', '-')}"
    if not path.startswith("/v1/") or first == "":
        raise PluginError(f"{whose}.path is {path!r}: it must begin with /v1/ and a word of its own")
    under_admin = first == "admin" and (path + "/").startswith(own_admin + "/")
    if first == "admin" and not under_admin:
        raise PluginError(f"{whose}.path is {path!r}: its routes for admins are below {own_admin}")
    theirs = [other for other in used if other.__module__.split(".")[0] != controller.__module__.split(".")[0]]
    if not under_admin and first in {_first_segment(other.path) for other in theirs}:
        raise PluginError(f"{whose}.path is {path!r}: /v1/{first} is in use already")
    if controller.__name__ in {other.__name__ for other in used}:
        raise PluginError(f"{whose}: another one has this name, and with it the same operation ids in OpenAPI")
    if list(controller.tags) != [name]:
        raise PluginError(f"{whose}.tags must be [{name!r}]: scopes of API keys and the documentation go by it")
    try:
        Table([controller]).signatures()
    except (TypeError, NameError) as error:
        raise PluginError(f"{whose}: {error}") from None


def _first_segment(path: str) -> str:
    return path.removeprefix("/v1/").split("/")[0] if path.startswith("/v1/") else ""


def _installed(names: Sequence[str] | None) -> list[Loaded]:
    offered = {entry.name: entry for entry in entry_points(group=GROUP)}
    wanted = sorted(offered) if names is None else names
    for name in wanted:
        if name not in offered:
            raise PluginError(
                f"plugins.names: {name} is not installed; installed: {', '.join(sorted(offered)) or 'none'}. "
                "A folder that is not installed is named in plugins.paths."
            )
    return [_load(offered[name].value, f"{offered[name].value} (installed)") for name in wanted]


def _from_folder(path: Path) -> Loaded:
    folder = path.expanduser().resolve()
    if not (folder / "plugin.py").is_file():
        below = next(iter(sorted(folder.glob("src/*/plugin.py"))), None)
        hint = f". Did you mean {below.parent}?" if below else ""
        raise PluginError(f"plugins.paths: {path} is no folder of a plug-in: it has no plugin.py{hint}")
    # Its modules import each other by the folder's name.
    if str(folder.parent) not in sys.path:
        sys.path.append(str(folder.parent))
    loaded = _load(f"{folder.name}.plugin:{_OFFERED}", str(folder))
    module = sys.modules[f"{folder.name}.plugin"]
    if Path(str(module.__file__)).resolve() != folder / "plugin.py":
        raise PluginError(f"plugins.paths: {path}: another package is called {folder.name}; rename the folder")
    return loaded


def _load(place: str, origin: str) -> Loaded:
    """`package.plugin:PLUGIN`, imported. Raises PluginError."""
    module, _, name = place.partition(":")
    try:
        offered = getattr(importlib.import_module(module), name or _OFFERED)
    except Exception as error:
        raise PluginError(f"plug-in {place}: it cannot be imported: {type(error).__name__}: {error}") from error
    if not isinstance(offered, Plugin):
        raise PluginError(f"plug-in {place}: it must be a banyan.plugin.Plugin, not {type(offered).__name__}")
    folder = module.split(".")[-2] if "." in module else module
    if not _NAME.fullmatch(offered.name) or len(offered.name) > _LONGEST_NAME or offered.name == BANYAN.package:
        raise PluginError(f"plug-in {place}: {offered.name!r} is no name: lower case letters, digits and `_`")
    if offered.name != folder:
        raise PluginError(
            f"plug-in {place}: it is called {offered.name}, but its folder {folder}; jobs and signals go by the folder"
        )
    return Loaded(offered, origin)
