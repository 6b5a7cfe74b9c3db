"""The report is one file that needs nothing else."""

import re
import shutil
from datetime import date
from pathlib import Path

from playwright.async_api import async_playwright

from banyan.planner.compute import compute_plan
from banyan.planner.report.page import report_html
from tests.planner.workloads import workload

DAY = date(2026, 11, 26)


def test_the_page_holds_the_plan_and_fetches_nothing() -> None:
    plan = compute_plan(workload(title="Ours & <theirs>"), as_of=DAY, stack="banyan", worlds=30)
    page = report_html(plan)
    assert "Begin with" in page and "Upgrade calendar" in page and "Ours &amp; &lt;theirs&gt;" in page
    assert page.count("<svg") == 4 + len(plan.phases)
    assert "<script" not in page
    fetched = [each for each in re.findall(r'(?:src|href)="([^"]*)"', page) if each != "data:,"]
    assert fetched == []
    assert all(each == "http://www.w3.org/2000/svg" for each in re.findall(r'https?://[^"\s<)]+', page))


def test_a_plan_without_phases_still_has_a_page() -> None:
    crowd = workload(people={"registered_users": 50_000_000}, rent={"providers": ["hetzner"]}, scenarios=[])
    plan = compute_plan(crowd, as_of=DAY, stack="banyan", worlds=20)
    assert "Findings" in report_html(plan)


async def test_a_browser_shows_it_without_error_or_request(tmp_path: Path) -> None:
    plan = compute_plan(workload(title="Ours"), as_of=DAY, stack="banyan", worlds=30)
    file = tmp_path / "report.html"
    file.write_text(report_html(plan))
    path = shutil.which("chromium") or shutil.which("google-chrome")
    assert path, "no Chromium: dev/setup installs it"
    errors: list[str] = []
    asked: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        page = await browser.new_page(viewport={"width": 900, "height": 1200})
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(file.as_uri())
        picture = await page.screenshot(full_page=True, timeout=120_000)
        wide = await page.evaluate("document.documentElement.scrollWidth")
        await browser.close()
    assert errors == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert len(picture) > 20_000
    assert wide <= 900
