"""No list asks the database once per item: a page of ten costs as many statements as a page of one."""

import io

from banyan.app.targets import Targets
from banyan.app.wiring import open_platform
from banyan.infra.log import LogStream
from banyan.kernel.ids import new_id
from tests.app.cast import new_subscription
from tests.support.eventually import eventually
from tests.support.platform import MAILBOX_KEY, PASSWORD, Api, api_of, running_platform, settings_for
from tests.support.statements import recorded

ITEMS = 10

# Statements of one page for somebody signed in: in a process that has just started, and once its caches are warm.
# At first the session is looked up, and for what others write the reader's relations and the authors' cards.
LISTS = {
    "/v1/posts?": (4, 1),
    "/v1/feed?": (6, 1),
    "/v1/people/ada/posts?": (5, 2),
    "/v1/saved?": (4, 1),
    "/v1/tags/all/posts?": (4, 1),
    "/v1/posts/{post_id}/revisions?": (4, 2),
    "/v1/posts/{post_id}/comments?": (5, 2),
    "/v1/posts/{post_id}/comments?threaded=true&": (5, 2),
    "/v1/posts/{post_id}/comments?parent_id={comment_id}&": (6, 3),
    "/v1/comments/{comment_id}/replies?": (6, 3),
    "/v1/conversations?": (4, 1),
    "/v1/conversations/{conversation_id}/messages?": (5, 2),
    "/v1/conversations/{conversation_id}/members?": (5, 2),
    "/v1/connections?": (2, 1),
    "/v1/connections?state=received&": (2, 1),
    "/v1/connections?state=sent&": (2, 1),
    "/v1/lists?": (2, 1),
    "/v1/lists/{list_id}/members?": (3, 2),
    "/v1/mutes?": (2, 1),
    "/v1/suggestions?": (2, 1),
    "/v1/blocks?": (2, 1),
    "/v1/auth/sessions?": (2, 1),
    "/v1/api-keys?": (2, 1),
    "/v1/invites?": (2, 1),
    "/v1/notifications?": (7, 4),
    "/v1/notifications?unread=true&": (7, 4),
    "/v1/push/subscriptions?": (3, 2),
    "/v1/push/devices?": (3, 2),
    "/v1/admin/webhooks?": (2, 1),
    "/v1/admin/webhooks/{webhook_id}/deliveries?": (3, 2),
    "/v1/me/exports?": (2, 1),
    "/dev/mailbox/messages?": (2, 1),
    # Each look at people is written down: five statements more.
    "/v1/admin/people?": (8, 7),
    "/v1/admin/people?query=a&": (9, 8),
    "/v1/admin/people/{person_id}/sessions?": (8, 7),
    "/v1/admin/jobs?": (2, 1),
    "/v1/admin/audit?": (2, 1),
}


async def test_a_list_costs_the_same_whatever_its_length(database_url: str) -> None:
    settings = settings_for(database_url, database={"pool_size": 1})
    async with running_platform(settings) as platform, api_of(platform) as api:
        ada, values = await _fill(api)
    # Without a worker, relay or bus: nothing but the requests uses the database.
    log = LogStream(io.BytesIO())
    async with open_platform(settings, Targets.read("api"), log) as platform, api_of(platform) as api:
        reader = Api(platform, api.http, ada.signed_in)
        paths = {path: path.format(**values) for path in LISTS}
        for path in paths.values():
            # The driver reads the database's own catalogue once per connection.
            for _ in range(ITEMS if "/admin/" in path else 1):
                await reader.get(f"{path}limit={ITEMS}")
        for limit in (1, 4, ITEMS):
            counts = {path: await _count(reader, asked, limit) for path, asked in paths.items()}
            assert counts == LISTS, f"limit={limit}"


async def test_every_list_is_counted(api: Api) -> None:
    document = (await api.get("/openapi.json")).json()
    lists = {
        path
        for path, methods in document["paths"].items()
        if any(parameter["name"] == "cursor" for parameter in methods.get("get", {}).get("parameters", ()))
    }
    assert lists == {
        path.partition("?")[0].replace("/ada/", "/{handle}/").replace("/all/", "/{tag}/") for path in LISTS
    }


async def test_a_message_is_one_statement_and_a_repeated_one_two_more(database_url: str) -> None:
    settings = settings_for(database_url, database={"pool_size": 1})
    log = LogStream(io.BytesIO())
    async with open_platform(settings, Targets.read("api"), log) as platform, api_of(platform) as api:
        ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
        place = (await ada.post("/v1/conversations", {"member_ids": [ben.id]})).json()["id"]
        costs = []
        for client_id in ("first", "second", "second"):
            async with recorded(platform.pool) as statements:
                await ada.post(f"/v1/conversations/{place}/messages", {"body": "Hello", "client_id": client_id})
            costs.append([statement.split()[0] for statement in statements])
        # At the first one caches are cold, and the driver reads the catalogue.
        assert costs[1:] == [["WITH"], ["WITH", "SELECT", "SELECT"]]


async def _count(reader: Api, path: str, limit: int) -> tuple[int, int]:
    reader.platform.bus._reset()
    counts = []
    for _ in range(2):
        async with recorded(reader.platform.pool) as statements:
            page = await reader.get(f"{path}limit={limit}", x_mailbox_key=MAILBOX_KEY)
        assert len(page.json()["items"]) == limit, path
        counts.append(len(statements))
    return counts[0], counts[1]


async def _fill(api: Api) -> tuple[Api, dict[str, str]]:
    """Ada with ten of everything, each by somebody else where it can be; one of each."""
    ada = await api.sign_up("ada")
    async with api.platform.pool.connection() as connection:
        await connection.execute("UPDATE accounts_accounts SET role = 'admin' WHERE id = $1", ada.id)
        await connection.execute(
            "INSERT INTO accounts_exports (id, account_id, state, expires_at)"
            " SELECT unnest($2::uuid[]), $1, 'failed', now() + interval '1 day'",
            ada.id,
            [new_id() for _ in range(ITEMS)],
        )
        await connection.execute(
            "INSERT INTO jobs (id, kind, payload, priority, state, run_at)"
            " SELECT unnest($1::uuid[]), 'no.Such', '{}', 1, 'dead', now()",
            [new_id() for _ in range(ITEMS)],
        )
    # Messages are told of seconds later: on a slow machine they would become the newest notifications.
    silent = {"message": {"in_app": False, "push": False}}
    assert (await ada.ask("PUT", "/v1/notifications/preferences", {"kinds": silent})).status_code == 200
    published = [await ada.post("/v1/posts", {"body": "Hello"}) for _ in range(ITEMS)]
    post_id = str(published[0].json()["id"])
    comment = await ada.post(f"/v1/posts/{post_id}/comments", {"body": "Hello"})
    comment_id = str(comment.json()["id"])
    lists = [await ada.post("/v1/lists", {"name": "Friends"}) for _ in range(ITEMS)]
    list_id = str(lists[0].json()["id"])
    askers = []
    for number in range(ITEMS):
        friend, asker, asked, blocked, known = [
            await api.sign_up(f"{name}_{number}") for name in ("friend", "asker", "asked", "blocked", "known")
        ]
        await friend.connect(ada)
        await known.connect(friend)
        await ada.put(f"/v1/lists/{list_id}/members/{friend.id}")
        await friend.post("/v1/posts", {"body": "Hello", "audience": "connections"})
        askers.append(asker)
        public = await asker.post("/v1/posts", {"body": "Hello #all"})
        await ada.put(f"/v1/posts/{public.json()['id']}/save")
        await ada.patch(f"/v1/posts/{post_id}", {"body": f"Hello {number}"})
        await asker.post(f"/v1/posts/{post_id}/comments", {"body": "Hello"})
        await asker.post(f"/v1/posts/{post_id}/comments", {"body": "Hello", "parent_id": comment_id})
        await ada.post("/v1/connections", {"person_id": asked.id})
        await ada.put(f"/v1/blocks/{blocked.id}")
        await ada.put(f"/v1/mutes/{asked.id}")
        await ada.post("/v1/invites", {})
        await api.post("/v1/auth/token", {"email": "ada@example.org", "password": PASSWORD})
        await ada.post("/v1/api-keys", {"name": "Robot", "scopes": ["posts:read"]})

    async def arrived() -> bool:
        in_feed = (await ada.get("/v1/feed?limit=100")).json()["items"]
        mails = (await api.get("/dev/mailbox/messages?limit=100", x_mailbox_key=MAILBOX_KEY)).json()["items"]
        told = (await ada.get("/v1/notifications?limit=100")).json()["items"]
        return (
            len(in_feed) == 2 * ITEMS and len(mails) >= ITEMS and sum(one["actor_count"] for one in told) == 2 * ITEMS
        )

    await eventually(arrived)
    # The newest notifications are of one kind: each kind on a page is asked once what may be seen.
    for asker in askers:
        await asker.post("/v1/connections", {"person_id": ada.id})

    async def asked_for() -> bool:
        return len((await ada.get("/v1/notifications?limit=100")).json()["items"]) == ITEMS + 2

    await eventually(asked_for)
    values = {
        "post_id": post_id,
        "comment_id": comment_id,
        "list_id": list_id,
        "person_id": ada.id,
        "webhook_id": await _fill_webhooks(ada),
        "conversation_id": await _fill_conversations(api, ada),
    }
    for _ in range(ITEMS):
        await ada.post("/v1/push/subscriptions", new_subscription())
        await ada.post("/v1/push/devices", {"service": "apns", "token": new_id().hex})
    return ada, values


async def _fill_conversations(api: Api, ada: Api) -> str:
    """Ten conversations of two, and a group of ten others, where each has written."""
    people = [await api.sign_up(f"member_{number}") for number in range(ITEMS)]
    group = await ada.post("/v1/conversations", {"member_ids": [one.id for one in people]})
    conversation_id = str(group.json()["id"])
    for person in people:
        direct = await person.post("/v1/conversations", {"member_ids": [ada.id]})
        for place in (conversation_id, direct.json()["id"]):
            await person.post(f"/v1/conversations/{place}/messages", {"body": "Hello", "client_id": place})
    return conversation_id


async def _fill_webhooks(ada: Api) -> str:
    """Ten webhooks; one of them, with ten deliveries."""
    webhook = {"url": "https://nowhere.invalid/", "signals": ["*"]}
    made = [await ada.post("/v1/admin/webhooks", webhook) for _ in range(ITEMS)]
    webhook_id = str(made[0].json()["id"])
    for _ in range(ITEMS):
        await ada.post(f"/v1/admin/webhooks/{webhook_id}/test")
    return webhook_id
