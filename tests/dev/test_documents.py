"""The documents and what they speak of: links, folders, commands, metrics, settings."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel, Field
from typer import Typer
from typer.main import get_command

from banyan.app.loading import load
from banyan.cli import COMMANDS
from dev import settings_page

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "banyan"
FOR_PEOPLE = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
DOCUMENTS = [
    *FOR_PEOPLE,
    *sorted((ROOT / "docs" / "decisions").glob("*.md")),
    *sorted((ROOT / "clients").glob("*/README.md")),
]
FENCED = re.compile(r"```.*?```", re.DOTALL)


def anchors(markdown: str) -> set[str]:
    """As GitHub names headings."""
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", markdown), re.MULTILINE)
    shown = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower().strip() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in shown}


def broken_links(document: Path) -> Iterator[str]:
    for target in re.findall(r"\[[^\]]+\]\(([^)\s]+)\)", FENCED.sub("", document.read_text())):
        if re.match(r"https?:|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        file = document.parent / path if path else document
        if not file.exists() or (anchor and anchor not in anchors(file.read_text())):
            yield target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    assert list(broken_links(document)) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A `b` c\n[here](#a-b-c), [there](page.md#a-b-c), [nowhere](#b), [gone](no.md), [far](https://x.y)"
    )
    assert list(broken_links(page)) == ["#b", "no.md"]


def packages(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.is_dir() and path.name != "__pycache__"]


def test_the_house_in_the_architecture_has_each_folder_once() -> None:
    house = re.search(r"## The house\n+```\n(.*?)```", (ROOT / "docs" / "architecture.md").read_text(), re.DOTALL)
    assert house is not None
    entries = re.findall(r"^  (\w+)/ ((?:.*\n(?:   .*\n)*))", house[1], re.MULTILINE)
    described = dict(entries)
    assert sorted(name for name, _ in entries) == [path.name for path in packages(PACKAGE)]
    for name, text in described.items():
        if name == "migrations":
            continue
        missing = {inner.name for inner in packages(PACKAGE / name)} - set(re.findall(r"\w+", text))
        assert missing == set(), name
    for name in ("infra", "kernel", "features"):
        listed = set(re.findall(r"\w+", described[name].partition(":")[0]))
        there = {path.stem for path in (PACKAGE / name).iterdir()}
        assert listed - there <= {"values", "only"}, name


def inner_commands() -> Iterator[tuple[str, str]]:
    """Such as ("backup", "create") and ("admin people", "suspend")."""
    for name, (where, _) in COMMANDS.items():
        application = load(where)
        if isinstance(application, Typer):
            yield from _below(name, application)


def _below(name: str, application: Typer) -> Iterator[tuple[str, str]]:
    group = get_command(application)
    for inner, command in getattr(group, "commands", {}).items():
        deeper = getattr(command, "commands", None)
        yield from ((f"{name} {inner}", one) for one in deeper) if deeper else [(name, inner)]


def test_each_command_is_in_the_documents() -> None:
    text = " ".join(" ".join(document.read_text() for document in FOR_PEOPLE).split())
    assert [name for name in COMMANDS if f"banyan {name}" not in text] == []
    for name, inner in inner_commands():
        # `banyan jobs list|show`, or several words of a line: banyan admin people list.
        assert re.search(rf"banyan {name}\b[^`]{{0,200}}?\b{inner}\b", text), f"banyan {name} {inner}"


@pytest.mark.parametrize("folder", ["changes", "docs/decisions"])
def test_no_two_files_have_one_number(folder: str) -> None:
    numbers = Counter(path.name[:4] for path in (ROOT / folder).glob("*.md"))
    assert [number for number, count in numbers.items() if count > 1] == []


def test_each_metric_of_the_documents_is_counted() -> None:
    source = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    for document in FOR_PEOPLE:
        named = set(re.findall(r"`(banyan_[a-z_]+)`", document.read_text()))
        assert {name for name in named if name not in source and name.removesuffix("_total") not in source} == set()


def test_the_page_of_settings_has_all_of_them_as_they_are() -> None:
    assert settings_page.PAGE.read_text() == settings_page.page()


def test_a_setting_of_which_nothing_is_said_is_refused() -> None:
    class Part(BaseModel):
        size: int = Field(3, ge=1, le=9, description="How large.")
        silent: bool = False

    class Told(BaseModel):
        part: Part

    with pytest.raises(settings_page.Undescribed, match=r"part\.silent"):
        settings_page.page(Told)
    row = next(settings_page.rows(Part, "part"))
    assert row == settings_page.Row("part.size", "`3`", "1 to 9", "How large.")
