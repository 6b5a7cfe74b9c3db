"""`banyan admin webhooks`: the same as /v1/admin/webhooks, by the rules of the running server."""

from pathlib import Path
from typing import Any

import msgspec
from typer.testing import CliRunner

from banyan.app.webhooks import SIGNALS
from banyan.cli.admin import app
from banyan.kernel.signals import kind_of
from tests.features.webhooks.hooks import house, publish, settled, signatures
from tests.features.webhooks.receiver import receiving
from tests.support.banyan import Child, run_banyan
from tests.support.eventually import eventually

URL = "https://hooks.example.com/banyan"


class Shell:
    """`banyan admin webhooks` on the database and with the secret of a running platform."""

    def __init__(self, database_url: str, data: Path) -> None:
        self._place = ("--data", str(data), "--database-url", database_url)
        self._data = data
        (data / "secrets").mkdir()
        (data / "secrets" / "secret").write_text("s" * 43)
        (data / "banyan.toml").write_text('[webhooks]\nallow_http = true\nallow_networks = ["127.0.0.0/8"]\n')

    async def run(self, *words: str) -> Child:
        return await run_banyan(self._data, "admin", "webhooks", *words, *self._place)

    async def ask(self, *words: str) -> Any:
        result = await self.run(*words, "--format", "json")
        assert result.process.returncode == 0, result.stderr
        return msgspec.json.decode(result.stdout)


async def test_a_webhook_from_the_shell_is_kept_as_one_over_http(database_url: str, tmp_path: Path) -> None:
    shell = Shell(database_url, tmp_path)
    async with receiving() as receiver, house(database_url) as admin:
        made = await shell.ask("create", receiver.url, "PostPublished", "--description", "For the bot")
        path = f"/v1/admin/webhooks/{made['id']}"
        shown = (await admin.get(path)).json()
        assert "secret" not in shown and shown == {name: made[name] for name in shown}
        assert await shell.ask("show", made["id"]) == shown == (await shell.ask("list"))[0]

        # The running server hears of it by a notification.
        async def heard_one() -> bool:
            await publish(admin)
            return bool(receiver.heard)

        await eventually(heard_one)
        request = receiver.heard[0]
        assert request.headers["webhook-signature"] == signatures(made["secret"], request)
        await settled(admin, made)
        delivery = (await shell.ask("deliveries", made["id"], "--state", "delivered"))[-1]
        assert (await shell.ask("delivery", made["id"], delivery["id"]))["payload"] == request.message
        times = [one.id for one in receiver.heard].count(request.id)
        await shell.ask("replay", made["id"], request.id)
        await eventually(lambda: [one.id for one in receiver.heard].count(request.id) == times + 1)
        assert (await shell.ask("test", made["id"]))["signal"] == "webhooks.Test"
        await eventually(lambda: any(one.message["type"] == "webhooks.Test" for one in receiver.heard))

        changed = await shell.ask("change", made["id"], "--off", "--signal", "PostDeleted", "--signal", "PostEdited")
        assert (changed["active"], changed["signals"]) == (False, ["posts.PostDeleted", "posts.PostEdited"])
        assert (changed["url"], changed["description"]) == (receiver.url, "For the bot")
        assert (await shell.ask("change", made["id"], "--on", "--address", URL))["url"] == URL
        assert (await shell.ask("rotate-secret", made["id"]))["secret"] != made["secret"]
        assert await shell.ask("delete", made["id"]) == {"deleted": made["id"]}
        assert (await admin.get(path)).status_code == 404
        entries = (await admin.get(f"/v1/admin/audit?via=shell&subject_id={made['id']}")).json()["items"]
    assert [entry["action"].removeprefix("webhooks.") for entry in reversed(entries)] == [
        *("create", "replay", "test", "update", "update", "rotate_secret", "delete")
    ]


async def test_lists_and_refusals_are_said_in_words(database_url: str, tmp_path: Path) -> None:
    shell = Shell(database_url, tmp_path)
    async with house(database_url):
        assert [one["name"] for one in await shell.ask("signals")] == sorted(kind_of(signal) for signal in SIGNALS)
        made = await shell.ask("create", URL, "*")
        table = (await shell.run("list")).stdout
        assert made["id"] in table and URL in table and made["secret"] not in table
        for words in (
            ("create", "https://10.0.0.1/", "*"),
            ("create", URL, "posts.PostEaten"),
            ("show", "00000000-0000-0000-0000-000000000000"),
            ("delivery", made["id"], made["id"]),
        ):
            refused = await shell.run(*words)
            assert refused.process.returncode == 1, words
            assert "banyan:" in refused.stderr and "Traceback" not in refused.stderr


def test_no_webhook_is_made_whose_secret_no_server_could_read(database_url: str, tmp_path: Path) -> None:
    place = ["--data", str(tmp_path), "--database-url", database_url]
    result = CliRunner().invoke(app, ["webhooks", "create", URL, "*", *place])
    assert (result.exit_code, "holds no secret" in result.stderr) == (1, True)
