"""Settings, counts and status under /v1/admin."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from banyan.app.settings import load_settings
from banyan.app.status import Status
from banyan.infra.settings_view import view_settings
from tests.support.platform import MAILBOX_KEY, Api


def by_name(items: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in items}


async def test_settings_are_seen_without_their_secrets(api: Api) -> None:
    admin = await api.sign_up_admin()
    answer = await admin.get("/v1/admin/settings")
    settings = by_name(answer.json()["items"])
    assert settings["http.public_url"]["value"] == "http://banyan.test"
    assert settings["http.public_url"]["source"] == "installation"
    assert settings["limits.enabled"]["value"] is False
    assert settings["http.max_body_bytes"] == {
        "name": "http.max_body_bytes",
        "value": 10 * 1024 * 1024,
        "source": "default",
        "secret": False,
        "description": "A longer body is refused with 413.",
    }
    for name in ("auth.secret", "auth.signing_key", "mail.mailbox_key", "database.url"):
        assert (settings[name]["value"], settings[name]["secret"]) == ("***", True)
    assert (settings["mail.password"]["value"], settings["mail.password"]["secret"]) == (None, True)
    url = api.platform.settings.database.url.get_secret_value()
    for secret in ("s" * 43, MAILBOX_KEY, "PRIVATE KEY", url):
        assert secret not in answer.text


def test_each_setting_says_where_it_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("from a file\n")
    (tmp_path / "banyan.toml").write_text(
        '[community]\nname = "Toml"\n[http]\nmetrics_token = "t"\nmax_in_flight = 7\n'
    )
    monkeypatch.setenv("BANYAN_HTTP__MAX_IN_FLIGHT", "9")
    monkeypatch.setenv("BANYAN_HTTP__METRICS_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:hush@db/name")
    defaults = {"http": {"public_url": "http://here", "max_in_flight": 5}, "database": {"url": "postgresql:///x"}}
    views = {view.name: view for view in view_settings(load_settings(tmp_path, defaults))}
    assert (views["community.name"].value, views["community.name"].source) == ("Toml", str(tmp_path / "banyan.toml"))
    assert (views["http.max_in_flight"].value, views["http.max_in_flight"].source) == (9, "environment")
    assert (views["http.metrics_token"].value, views["http.metrics_token"].source) == (
        "***",
        "file named in the environment",
    )
    assert views["http.metrics_token"].secret
    assert (views["http.public_url"].value, views["http.public_url"].source) == ("http://here", "installation")
    assert (views["database.url"].value, views["database.url"].source) == ("***", "DATABASE_URL")
    assert views["http.access_log"].source == "default"
    assert "hush" not in str(views)


async def test_counts(api: Api) -> None:
    admin, ada = await api.sign_up_admin(), await api.sign_up("ada")
    await ada.post("/v1/posts", {"body": "Hello"})
    await admin.post(f"/v1/admin/people/{ada.id}/suspend", {"reason": "Spam"})
    counts = (await admin.get("/v1/admin/counts")).json()["counts"]
    assert (counts["people"], counts["posts"], counts["comments"], counts["reactions"]) == (2, 1, 0, 0)
    assert (counts["accounts"], counts["accounts.admin"], counts["accounts.member"]) == (2, 1, 1)
    # The admin has signed up and signed in; the suspended have no sessions.
    assert (counts["accounts.suspended"], counts["sessions"], counts["jobs.dead"]) == (1, 2, 0)


async def test_status(api: Api) -> None:
    admin = await api.sign_up_admin()
    status = msgspec.json.decode((await admin.get("/v1/admin/status")).content, type=Status)
    assert (status.url, status.ready, status.checks["database"]) == ("http://banyan.test", True, "ok")
    assert status.version and status.postgresql and status.migration
    assert status.pool_size is not None
