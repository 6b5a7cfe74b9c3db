"""The pages as they are loaded: names, references, and what the security policy asks of them."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from banyan.web.assets import ASSET_PREFIX, STATIC, Assets, BrokenAsset, digest_of
from banyan.web.pages import KEEP_FOR_EVER, NOT_FOUND, Page, load_pages

PAGES = load_pages()
HTML = {url: page for url, page in PAGES.items() if page.content_type.startswith("text/html")}
ASSETS = {url: page for url, page in PAGES.items() if url.startswith(ASSET_PREFIX)}
# What /app may cost on a thin network, before compression: its scripts and styles in bytes.
APP_BUDGET_BYTES = 63_500

_REFERENCE = re.compile(r'"(/assets/[^"#]+)(?:#([\w-]+))?')


def sources(suffix: str) -> Iterator[tuple[str, str]]:
    for file in sorted(STATIC.rglob(f"*{suffix}")):
        yield file.relative_to(STATIC).as_posix(), file.read_text()


class Tags(HTMLParser):
    """All start tags of a page, with their attributes, and the text inside scripts and styles."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inline = ""
        self._inside = ""
        self.feed(page.body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside in {"script", "style"}:
            self.inline += data.strip()

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_the_pages_are_there() -> None:
    wanted = {"/", "/app", "/docs", "/setup", "/verify-email", "/reset-password", "/confirm-email"}
    wanted |= {"/unsubscribe", "/dev/mailbox", NOT_FOUND}
    assert wanted == set(HTML)
    assert PAGES["/favicon.ico"].content_type == "image/svg+xml"


def test_the_worker_for_pushes_stands_above_all_pages_and_is_looked_for_anew() -> None:
    """Browsers take its folder for its scope, and a name that changes for another worker."""
    worker = PAGES["/push-worker.js"]
    assert worker.content_type.startswith("text/javascript") and worker.cache_control == "no-cache"
    assert b"showNotification" in worker.body and b"import" not in worker.body


@pytest.mark.parametrize("url", sorted(PAGES))
def test_every_etag_names_its_body(url: str) -> None:
    assert PAGES[url].etag == f'"{digest_of(PAGES[url].body)}"'


@pytest.mark.parametrize("url", sorted(ASSETS))
def test_assets_are_named_for_their_content_and_kept(url: str) -> None:
    assert digest_of(ASSETS[url].body) in url
    assert ASSETS[url].cache_control == KEEP_FOR_EVER


@pytest.mark.parametrize("url", sorted(HTML))
def test_pages_are_asked_for_again(url: str) -> None:
    assert HTML[url].cache_control == ("no-store" if url == "/dev/mailbox" else "no-cache")


@pytest.mark.parametrize("url", sorted(PAGES))
def test_references_lead_somewhere(url: str) -> None:
    for target, fragment in _REFERENCE.findall(PAGES[url].body.decode()):
        assert target in PAGES
        assert not fragment or f'id="{fragment}"' in PAGES[target].body.decode()


def test_every_icon_that_scripts_draw_is_in_the_sprite() -> None:
    sprite = set(re.findall(r'symbol id="([\w-]+)"', (STATIC / "shared/icons.svg").read_text()))
    drawn = {name for _, source in sources(".js") for name in re.findall(r'icon\("([\w-]+)"\)', source)}
    assert drawn <= sprite


def test_no_file_is_left_over() -> None:
    reached: set[str] = set()
    # What serves as a worker is named in a script, and stands among the assets too.
    worker = next(url for url in ASSETS if url.startswith("/assets/push/worker."))
    waiting = [*HTML, "/favicon.ico", "/push-worker.js", worker]
    while waiting:
        url = waiting.pop()
        if url not in reached:
            reached.add(url)
            waiting += [target for target, _ in _REFERENCE.findall(PAGES[url].body.decode())]
    assert set(PAGES) <= reached


@pytest.mark.parametrize("url", sorted(HTML))
def test_nothing_stands_inline(url: str) -> None:
    page = Tags(HTML[url])
    assert page.inline == ""
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name == "style" or name.startswith("on")], tag
        assert not (tag == "style" or (tag == "script" and "src" not in attributes))


@pytest.mark.parametrize("url", sorted(PAGES))
def test_nothing_comes_from_elsewhere(url: str) -> None:
    """Addresses in the text are the SVG namespace and examples that nothing loads."""
    found = set(re.findall(r"https?://[\w.-]+", PAGES[url].body.decode()))
    assert found <= {"http://www.w3.org", "https://example.org"}
    assert not re.search(r"@import|url\(", PAGES[url].body.decode())


@pytest.mark.parametrize("url", sorted(PAGES))
def test_the_security_policy_is_strict(url: str) -> None:
    strict = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    mailbox = f"{strict}; style-src 'self' 'unsafe-inline'"
    assert PAGES[url].content_security_policy == (mailbox if url == "/dev/mailbox" else strict)


@pytest.mark.parametrize("url", sorted(HTML))
def test_pages_say_what_readers_need(url: str) -> None:
    page = Tags(HTML[url])
    assert page.all("html")[0]["lang"] == "en"
    assert "title" in [tag for tag, _ in page.tags]
    assert [meta for meta in page.all("meta") if meta.get("name") == "viewport"]
    assert len(page.all("main")) == 1
    assert "user-scalable" not in HTML[url].body.decode()


@pytest.mark.parametrize("url", sorted(HTML))
def test_nested_scripts_are_announced(url: str) -> None:
    """Every module that a page's scripts import at once is named in its head: one round trip, not one per level."""
    body = HTML[url].body.decode()
    announced = set(re.findall(r'<link rel="modulepreload" href="([^"]+)"', body))
    entries = set(re.findall(r'<script type="module" src="([^"]+)"', body))
    imported = {
        target
        for module in announced | entries
        for target in re.findall(
            r'^(?:import|export)\b[^"()]*"(/assets/[^"]+)"', PAGES[module].body.decode(), re.MULTILINE
        )
    }
    assert imported <= announced | entries


def test_the_member_page_is_light() -> None:
    named = {target for target, _ in _REFERENCE.findall(PAGES["/app"].body.decode())}
    assert sum(len(PAGES[url].body) for url in named if url.endswith((".js", ".css"))) < APP_BUDGET_BYTES


def test_markup_is_never_parsed_from_strings() -> None:
    for name, source in sources(".js"):
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", source), name


def test_scripts_survive_being_squeezed() -> None:
    """Indentation goes at loading, so no template may run over a line."""
    for name, source in sources(".js"):
        assert all(line.count("`") % 2 == 0 for line in source.splitlines()), name


def test_layout_follows_the_direction_of_the_script() -> None:
    physical = re.compile(r"(?<![-\w])(margin|padding|border)-(left|right)\b|text-align: (left|right)|float:")
    for name, source in sources(".css"):
        assert not physical.search(source), name


class TestAssets:
    def write(self, root: Path, **files: str) -> Assets:
        for name, text in files.items():
            (root / name.replace("_", ".")).write_text(text)
        return Assets(root)

    def test_a_change_deep_down_renames_all_above(self, tmp_path: Path) -> None:
        files = {"a_js": 'import "/assets/b.js";\n', "b_js": 'import "/assets/c.js";\n', "c_js": "let x = 1;\n"}
        before = self.write(tmp_path, **files).asset("a.js").url
        assert self.write(tmp_path, **files).asset("a.js").url == before
        assert self.write(tmp_path, **{**files, "c_js": "let x = 2;\n"}).asset("a.js").url != before

    def test_imports_get_hashed_names_and_pages_announce_them(self, tmp_path: Path) -> None:
        assets = self.write(
            tmp_path,
            page_html='<head><script type="module" src="/assets/a.js"></script></head>',
            a_js='import { b } from "/assets/b.js";\nimport("/assets/late.js");\n',
            b_js="export const b = 1;\n",
            late_js="let late = 1;\n",
        )
        page = assets.page("page.html").decode()
        assert f'<link rel="modulepreload" href="{assets.asset("b.js").url}">' in page
        assert "late" not in page
        assert assets.asset("late.js").url in assets.asset("a.js").body.decode()

    def test_fragments_stay(self, tmp_path: Path) -> None:
        assets = self.write(tmp_path, page_html='<use href="/assets/i.svg#x"/>', i_svg="<svg/>")
        assert assets.page("page.html").decode() == f'<use href="{assets.asset("i.svg").url}#x"/>'

    def test_comments_and_indentation_are_dropped(self, tmp_path: Path) -> None:
        assets = self.write(tmp_path, a_js='/** What\n * it is. */\n// why\nlet x = "// no";\n\n  x += 1;\n')
        assert assets.asset("a.js").body == b'let x = "// no";\nx += 1;\n'

    def test_missing_files_and_circles_are_refused(self, tmp_path: Path) -> None:
        files = {
            "a_js": 'import "/assets/b.js";\n',
            "b_js": 'import "/assets/a.js";\n',
            "c_js": 'import "/assets/d.js";',
        }
        assets = self.write(tmp_path, **files)
        with pytest.raises(BrokenAsset, match=r"a\.js > b\.js > a\.js"):
            assets.asset("a.js")
        with pytest.raises(BrokenAsset, match=r"d\.js"):
            Assets(tmp_path).asset("c.js")
