"""Plug-ins are found, checked and joined; what is wrong with one is said with its name and what would be right."""

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from banyan.app import plugins as registry
from banyan.app.plugins import PluginError, PluginsSettings, load_plugins, migration_sources
from banyan.infra.settings import BadSettings
from tests.support.banyan import run_banyan
from tests.support.platform import api_of, running_platform, settings_for

EXAMPLE = Path(__file__).parents[2] / "examples" / "plugins" / "lost_and_found" / "src" / "lost_and_found"

WORKING = '''
from banyan.infra.http.routing import Controller, Request, get
from banyan.plugin import Context, Parts, Plugin


class GreetingRoutes(Controller):
    path = "{path}"
    tags = ["{tag}"]

    @get(access="anyone")
    async def greet(self, request: Request) -> dict[str, str]:
        """Greet."""
        return {{"text": "hello"}}


def build(context: Context) -> Parts:
    return Parts(controllers=[GreetingRoutes])


PLUGIN = Plugin("{name}", build)
'''


@pytest.fixture(autouse=True)
def modules() -> Iterator[None]:
    """What a test imports from its own folders is forgotten with it."""
    known, path = set(sys.modules), list(sys.path)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - known:
        if name.partition(".")[0] in ("greeting", "other", "broken"):
            del sys.modules[name]


def write(folder: Path, name: str, source: str) -> Path:
    package = folder / name
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "plugin.py").write_text(source)
    return package


def working(folder: Path, name: str = "greeting", path: str = "/v1/greetings", tag: str = "greeting") -> Path:
    return write(folder, name, WORKING.format(name=name, path=path, tag=tag))


def chosen(*paths: Path, **sections: object) -> PluginsSettings:
    return PluginsSettings.model_validate({"paths": paths, **sections})


def test_a_folder_is_loaded() -> None:
    (loaded,) = load_plugins(chosen(EXAMPLE))
    assert (loaded.plugin.name, loaded.plugin.version, loaded.origin) == ("lost_and_found", "1.0.0", str(EXAMPLE))
    assert [source.package for source in migration_sources([loaded])] == ["banyan", "lost_and_found"]


def test_an_installed_package_is_loaded_unless_names_leave_it_out(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("lost_and_found", "lost_and_found.plugin:PLUGIN", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [entry])
    assert [one.plugin.name for one in load_plugins(PluginsSettings())] == ["lost_and_found"]
    assert load_plugins(PluginsSettings(names=[])) == ()
    with pytest.raises(PluginError, match=r"plugins\.names: polls is not installed; installed: lost_and_found"):
        load_plugins(PluginsSettings(names=["polls"]))
    with pytest.raises(PluginError, match=r"plug-in lost_and_found: offered by .* keep one"):
        load_plugins(chosen(EXAMPLE))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import nothing_of_the_kind", "cannot be imported: ModuleNotFoundError"),
        ("def (", "cannot be imported: SyntaxError"),
        ("", "cannot be imported: AttributeError"),
        ("PLUGIN = 1", "must be a banyan.plugin.Plugin, not int"),
        (
            "from banyan.plugin import Parts, Plugin\nPLUGIN = Plugin('Broken', lambda c: Parts())",
            "'Broken' is no name",
        ),
        (
            "from banyan.plugin import Parts, Plugin\nPLUGIN = Plugin('other', lambda c: Parts())",
            "but its folder broken",
        ),
    ],
)
def test_what_cannot_be_loaded_is_named(tmp_path: Path, source: str, words: str) -> None:
    with pytest.raises(PluginError, match=r"plug-in broken\.plugin:PLUGIN") as error:
        load_plugins(chosen(write(tmp_path, "broken", source)))
    assert words in str(error.value)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"plugins\.paths: .* has no plugin\.py"):
        load_plugins(chosen(tmp_path))
    project = EXAMPLE.parent.parent
    with pytest.raises(PluginError, match=rf"Did you mean {EXAMPLE}\?"):
        load_plugins(chosen(project))


def test_a_section_without_its_plug_in() -> None:
    with pytest.raises(PluginError, match=r"plugins\.lost_and_fond: no plug-in of this name is loaded; loaded: none"):
        load_plugins(PluginsSettings.model_validate({"lost_and_fond": {}}))


async def test_settings_of_a_plug_in_are_its_own(database_url: str) -> None:
    for section, words in (
        ({"close_after_days": 0}, "plugins.lost_and_found.close_after_days (BANYAN_PLUGINS__LOST_AND_FOUND__CLOSE_"),
        ({"colour": "red"}, "plugins.lost_and_found.colour"),
    ):
        settings = settings_for(database_url, plugins={"paths": [str(EXAMPLE)], "lost_and_found": section})
        with pytest.raises(BadSettings) as error:
            async with running_platform(settings):
                pass
        assert words in str(error.value)


@pytest.mark.parametrize(
    ("path", "tag", "words"),
    [
        ("/v1/posts/greetings", "greeting", "/v1/posts is in use already"),
        ("/greetings", "greeting", "must begin with /v1/"),
        ("/v1/admin/people", "greeting", "below /v1/admin/greeting"),
        ("/v1/greetings", "posts", "tags must be ['greeting']"),
    ],
)
async def test_routes_are_in_nobodys_way(database_url: str, tmp_path: Path, path: str, tag: str, words: str) -> None:
    settings = settings_for(database_url, plugins={"paths": [str(working(tmp_path, path=path, tag=tag))]})
    with pytest.raises(PluginError) as error:
        async with running_platform(settings):
            pass
    assert "plug-in greeting: GreetingRoutes" in str(error.value) and words in str(error.value)


async def test_a_plug_in_of_one_file_answers(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(database_url, plugins={"paths": [str(working(tmp_path))]})
    async with running_platform(settings) as platform, api_of(platform) as api:
        assert (await api.get("/v1/greetings")).json() == {"text": "hello"}
        assert "/v1/greetings" in (await api.get("/openapi.json")).json()["paths"]
        assert 'banyan_plugin_info{name="greeting",version="0"} 1.0' in (await api.get("/metrics")).text
    async with running_platform(settings, "posts,worker") as platform, api_of(platform) as api:
        assert (await api.get("/v1/greetings")).status_code == 404
    async with running_platform(settings, "plugins") as platform, api_of(platform) as api:
        assert (await api.get("/v1/greetings")).status_code == 200


async def test_what_it_declares_goes_by_its_name(database_url: str, tmp_path: Path) -> None:
    source = WORKING.format(name="greeting", path="/v1/greetings", tag="greeting").replace(
        "Parts(controllers=[GreetingRoutes])",
        "Parts(schedules=[Schedule('posts.tidy', 60, Tidy())], job_kinds=[JobKind(Tidy, tidy)])",
    )
    source += "\nfrom banyan.infra.declare import JobKind, Schedule\nfrom banyan.kernel.signals import Job\n"
    source += "class Tidy(Job, frozen=True):\n    pass\nasync def tidy(work, job):\n    pass\n"
    settings = settings_for(database_url, plugins={"paths": [str(write(tmp_path, "greeting", source))]})
    with pytest.raises(PluginError, match=r"plug-in greeting: posts\.tidy must begin with greeting\."):
        async with running_platform(settings):
            pass


async def test_a_build_that_fails_is_named(database_url: str, tmp_path: Path) -> None:
    source = "from banyan.plugin import Plugin\ndef build(context):\n    raise KeyError('colour')\n"
    for body, words in (
        (source, "its `build` failed: KeyError: 'colour'"),
        (source.replace("raise KeyError('colour')", "return None"), "its `build` must return banyan.plugin.Parts"),
    ):
        package = write(tmp_path, "broken", body + "PLUGIN = Plugin('broken', build)\n")
        settings = settings_for(database_url, plugins={"paths": [str(package)]})
        with pytest.raises(PluginError) as error:
            async with running_platform(settings):
                pass
        assert f"plug-in broken: {words}" in str(error.value)
        for name in ("broken", "broken.plugin"):
            sys.modules.pop(name)
        for path in (package / "plugin.py", package / "__init__.py"):
            path.unlink()
        for path in sorted(package.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        package.rmdir()


async def test_the_command_line_applies_its_migrations(database_url: str, tmp_path: Path) -> None:
    environment = {"DATABASE_URL": database_url, "BANYAN_PLUGINS__PATHS": f'["{EXAMPLE}"]'}
    missing = await run_banyan(tmp_path, "migrate", "--check", environment=environment)
    assert missing.stdout.split("\n")[:2] == ["lost_and_found 0001_items", "lost_and_found 0002_helpers"]
    async with running_platform(settings_for(database_url, plugins={"paths": [str(EXAMPLE)]})) as platform:
        readiness = await platform.health.readiness()
        assert "lost_and_found at 0, this version needs 2" in readiness.checks["migrations"]
    applied = await run_banyan(tmp_path, "migrate", environment=environment)
    assert applied.process.returncode == 0, applied.stderr
    again = await run_banyan(tmp_path, "migrate", "--check", environment=environment)
    assert (again.process.returncode, again.stdout) == (0, "")
    listed = await run_banyan(tmp_path, "plugins", "list", "--format", "json", environment=environment)
    assert '"name":"lost_and_found"' in listed.stdout and '"newest_migration":2' in listed.stdout
    checked = await run_banyan(tmp_path, "plugins", "check", str(EXAMPLE))
    assert checked.stdout == "lost_and_found keeps the contract\n"
