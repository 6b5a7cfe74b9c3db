"""The report is one file that needs nothing else."""

import re
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
from playwright.async_api import async_playwright

from banyan.planner.compute import compute_plan
from banyan.planner.plan import Plan
from banyan.planner.report.page import report_html
from banyan.planner.workload.models import Workload
from tests.planner.workloads import workload

DAY = date(2026, 11, 26)
_SEVERITIES = ("error", "warning", "note")
# A busy machine is slow, not wrong.
_PATIENCE_MS = 300_000
HOSTILE = "</title><script>a()</script>\"'><img src=x onerror=b()>"


def planned(given: Workload) -> Plan:
    return compute_plan(given, as_of=DAY, stack="banyan", worlds=30)


def test_the_page_holds_the_plan_and_fetches_nothing() -> None:
    plan = planned(workload(title="Ours & <theirs>"))
    page = report_html(plan)
    assert "Begin with" in page and "Upgrade calendar" in page and "Ours &amp; &lt;theirs&gt;" in page
    pictures = [*re.findall(r'<svg viewBox="[^"]*" width="\d+" height="\d+" role="img"', page)]
    assert len(pictures) == 1 + 3 * len(plan.growth) + len(plan.phases)
    assert "<script" not in page
    fetched = [each for each in re.findall(r'(?:src|href)="([^"]*)"', page) if each[0] != "#" and each != "data:,"]
    assert fetched == []
    assert all(each == "http://www.w3.org/2000/svg" for each in re.findall(r'https?://[^"\s<)]+', page))


def test_thresholds_are_written_out() -> None:
    page = report_html(planned(workload(thresholds=[{"metric": "registered_users", "warning": 100_000}])))
    assert "100,000 users" in page and "e+05" not in page and "lag seconds" not in page


def test_the_same_plan_is_the_same_page() -> None:
    assert report_html(planned(workload())) == report_html(planned(workload()))


def test_each_source_is_said_once_and_can_be_reached() -> None:
    page = report_html(planned(workload()))
    listed = re.findall(r'id="(source-\d+)">([^<]*)<', page)
    assert len({text for _, text in listed}) == len(listed) > 3
    assert set(re.findall(r'href="#(source-\d+)"', page)) == {key for key, _ in listed}


def test_nothing_that_stands_in_a_plan_becomes_markup() -> None:
    plain = msgspec.to_builtins(planned(workload()))
    for part in ("growth", "years", "outgrow"):
        plain[part] = {HOSTILE: next(iter(plain[part].values()))}
    page = report_html(msgspec.convert(_hostile(plain), Plan))
    assert "<script" not in page and "<img" not in page and "onerror=b()&gt;" in page


def _hostile(value: Any, key: str = "") -> Any:
    """Every text that is not read as a date or as one of three words, replaced."""
    if isinstance(value, dict):
        return {name: _hostile(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [_hostile(each, key) for each in value]
    dated = key == "order_by" or key.startswith(("month", "window_")) or key.endswith("as_of")
    graded = key == "severity" and value in _SEVERITIES
    return HOSTILE if isinstance(value, str) and not dated and not graded else value


def test_a_plan_without_phases_still_has_a_page() -> None:
    crowd = workload(people={"registered_users": 50_000_000}, rent={"providers": ["hetzner"]}, scenarios=[])
    page = report_html(compute_plan(crowd, as_of=DAY, stack="banyan", worlds=20))
    assert "Findings" in page and "Nothing that may be rented" in page


async def test_a_browser_shows_it_without_error_or_request(tmp_path: Path) -> None:
    plan = planned(workload(title="سوق الحي: خطة"))
    file = tmp_path / "report.html"
    file.write_text(report_html(plan), encoding="utf-8")
    path = shutil.which("chromium") or shutil.which("google-chrome")
    assert path, "no Chromium: dev/setup installs it"
    errors: list[str] = []
    asked: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"], timeout=_PATIENCE_MS
        )
        page = await browser.new_page(viewport={"width": 1000, "height": 1200})
        page.set_default_timeout(_PATIENCE_MS)
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(file.as_uri())
        picture = await page.screenshot(full_page=True)
        titles = await page.locator("h2").all_inner_texts()
        rows = await page.locator("#phases tbody th").all_inner_texts()
        accent = await page.evaluate("getComputedStyle(document.querySelector('.eyebrow')).color")
        paper = await page.pdf(format="A4")
        wide = [await page.evaluate("document.documentElement.scrollWidth")]
        await page.emulate_media(color_scheme="dark")
        dark = await page.evaluate("getComputedStyle(document.querySelector('.eyebrow')).color")
        await page.set_viewport_size({"width": 390, "height": 800})
        wide.append(await page.evaluate("document.documentElement.scrollWidth"))
        await browser.close()
    assert errors == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert len(picture) > 20_000 and paper.startswith(b"%PDF")
    assert titles[:3] == ["What people ask of it", "Phases", "Growth"] and titles[-1] == "Prices and sources"
    assert rows == [phase.name for phase in plan.phases]
    assert accent != dark
    assert wide[0] <= 1000 and wide[1] <= 390
