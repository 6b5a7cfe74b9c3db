"""The dev mailbox over HTTP."""

import httpx

from tests.support.eventually import eventually
from tests.support.platform import MAILBOX_KEY, Api, api_of, running_platform, settings_for

PATH = "/dev/mailbox/messages"


async def test_with_its_key_it_shows_mail(api: Api) -> None:
    await api.sign_up("ada")

    async def arrived() -> list[object]:
        items: list[object] = (await api.get(PATH, x_mailbox_key=MAILBOX_KEY)).json()["items"]
        return items

    await eventually(arrived)
    answer = (await api.get(f"{PATH}?limit=1", x_mailbox_key=MAILBOX_KEY)).json()
    assert answer["next_cursor"] is None
    (mail,) = answer["items"]
    assert mail.keys() == {"id", "to", "subject", "text", "html", "created_at"}
    assert mail["to"] == "ada@example.org"
    bad = await api.get(f"{PATH}?cursor=rubbish", x_mailbox_key=MAILBOX_KEY)
    assert (bad.status_code, bad.json()["errors"][0]["field"]) == (422, "cursor")


async def test_without_its_key_it_is_not_there(api: Api) -> None:
    missing = await api.get("/dev/nothing")
    given: list[dict[bytes, bytes]] = [{}] + [
        {b"x-mailbox-key": key} for key in (b"", b"x", MAILBOX_KEY[:-1].encode(), b"\xff\xfe", b"x" * 5000)
    ]
    for headers in given:
        answer = await api.http.get(PATH, headers=httpx.Headers(headers))
        assert answer.status_code == missing.status_code == 404
        assert answer.json()["code"] == missing.json()["code"]
    ada = await api.sign_up("ada")
    assert (await ada.get(PATH)).status_code == 404, "an account is no key"


async def test_where_mail_is_sent_there_is_none(database_url: str) -> None:
    settings = settings_for(database_url, mail={"mailbox_key": MAILBOX_KEY, "host": "127.0.0.1", "port": 1})
    async with running_platform(settings, "api") as platform, api_of(platform) as api:
        assert (await api.get(PATH, x_mailbox_key=MAILBOX_KEY)).status_code == 404
