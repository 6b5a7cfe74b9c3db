"""The people of the matrix, and the things that its routes are called on: each made fresh, owned by the owner."""

from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from banyan.kernel.ids import new_id
from tests.support.eventually import eventually
from tests.support.platform import MAILBOX_KEY, PASSWORD, Api

_numbers = count()


@dataclass(frozen=True)
class Call:
    """What a route is called with: values for its path, a JSON body, further headers, a query."""

    values: dict[str, str] = field(default_factory=dict)
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cast:
    """Those who call, and `friend`, a connection of the owner who does not."""

    anonymous: Api
    other: Api
    blocked: Api
    owner: Api
    admin: Api
    friend: Api


Subject = Callable[[Cast], Awaitable[Call]]


async def gather_cast(api: Api) -> Cast:
    """New accounts under handles of their own; the owner has blocked `blocked`."""
    number = next(_numbers)
    other, blocked, owner, friend = [
        await api.sign_up(f"{name}_{number}") for name in ("other", "blocked", "owner", "friend")
    ]
    assert (await owner.put(f"/v1/blocks/{blocked.id}")).status_code == 204
    await friend.connect(owner)
    return Cast(api, other, blocked, owner, await api.sign_up_admin(f"chief_{number}"), friend)


async def _sign_in(api: Api, handle: str) -> dict[str, object]:
    answer = await api.post("/v1/auth/token", {"email": f"{handle}@example.org", "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    signed_in: dict[str, object] = answer.json()
    return signed_in


async def nothing(cast: Cast) -> Call:
    """A route that needs no subject, or whose subject is the caller."""
    return Call()


def body(value: object) -> Subject:
    """A route that only takes this body."""

    async def subject(cast: Cast) -> Call:
        return Call(body=value)

    return subject


async def new_account(cast: Cast) -> Call:
    """A sign-up that nobody has made yet."""
    handle = f"new_{next(_numbers)}"
    return Call(
        body={"email": f"{handle}@example.org", "password": PASSWORD, "handle": handle, "display_name": "New"},
    )


async def first_admin(cast: Cast) -> Call:
    """A sign-up as first admin where there is an admin."""
    sign_up = (await new_account(cast)).body
    assert isinstance(sign_up, dict)
    return Call(body={**sign_up, "token": "any"})


async def owners_password(cast: Cast) -> Call:
    """The owner's e-mail and password."""
    return Call(body={"email": f"{cast.owner.handle}@example.org", "password": PASSWORD})


async def owners_refresh_token(cast: Cast) -> Call:
    """The refresh token of a further session of the owner."""
    return Call(body={"refresh_token": (await _sign_in(cast.anonymous, cast.owner.handle))["refresh_token"]})


async def owners_invite(cast: Cast) -> Call:
    """An invite that the owner has made."""
    made = await cast.owner.post("/v1/invites", {})
    return Call({"invite_id": made.json()["id"]})


async def own_password(cast: Cast) -> Call:
    """The password of whoever asks, none of whom is the last admin."""
    await cast.anonymous.sign_up_admin(f"deputy_{next(_numbers)}")
    return Call(body={"password": PASSWORD})


async def leaving(cast: Cast) -> Call:
    """Somebody new whose account is being deleted."""
    person = await _sign_up_stranger(cast)
    await person.post("/v1/me/deletion", {"password": PASSWORD})
    return Call({"person_id": person.id})


async def owners_export(cast: Cast) -> Call:
    """A copy of the owner's data that is ready."""
    await cast.owner.post("/v1/me/exports", {})
    found: list[str] = []

    async def ready() -> bool:
        kept = (await cast.owner.get("/v1/me/exports")).json()["items"]
        found[:] = [export["id"] for export in kept if export["state"] == "ready"]
        return bool(found)

    await eventually(ready)
    return Call({"export_id": found[0]})


async def owners_session(cast: Cast) -> Call:
    """A further session of the owner."""
    await _sign_in(cast.anonymous, cast.owner.handle)
    sessions = (await cast.owner.get("/v1/auth/sessions")).json()["items"]
    return Call({"session_id": sessions[0]["id"], "person_id": cast.owner.id})


async def owners_key(cast: Cast) -> Call:
    """An API key of the owner."""
    made = await cast.owner.post("/v1/api-keys", {"name": "Robot", "scopes": ["posts:read"]})
    return Call({"key_id": made.json()["id"]})


async def owner(cast: Cast) -> Call:
    """The owner as a person, in the path or in the body of a request for a connection."""
    return Call({"handle": cast.owner.handle, "person_id": cast.owner.id})


def new_subscription() -> dict[str, Any]:
    """What a browser gives that has never been seen before."""
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    p256dh = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    keys = {"p256dh": urlsafe_b64encode(p256dh).decode(), "auth": urlsafe_b64encode(bytes(16)).decode()}
    return {"endpoint": f"https://push.example.net/{new_id()}", "keys": keys}


async def a_subscription(cast: Cast) -> Call:
    """A new one."""
    return Call({}, new_subscription())


async def a_device(cast: Cast) -> Call:
    """A new one."""
    return Call({}, {"service": "apns", "token": new_id().hex})


async def owners_subscription(cast: Cast) -> Call:
    """A browser of the owner's."""
    made = (await cast.owner.post("/v1/push/subscriptions", new_subscription())).json()
    return Call({"subscription_id": made["id"]})


async def owners_endpoint(cast: Cast) -> Call:
    """The endpoint of a browser of the owner's."""
    made = (await cast.owner.post("/v1/push/subscriptions", new_subscription())).json()
    return Call(query={"endpoint": made["endpoint"]})


async def owners_device(cast: Cast) -> Call:
    """An app of the owner's."""
    made = (await cast.owner.post("/v1/push/devices", {"service": "apns", "token": new_id().hex})).json()
    return Call({"device_id": made["id"]})


async def owners_notification(cast: Cast) -> Call:
    """A notification of the owner's: a stranger has asked them for a connection."""
    stranger = await _sign_up_stranger(cast)
    await stranger.post("/v1/connections", {"person_id": cast.owner.id})
    found: list[str] = []

    async def told() -> bool:
        items = (await cast.owner.get("/v1/notifications")).json()["items"]
        found[:] = [item["id"] for item in items if item["subject"]["id"] == stranger.id]
        return bool(found)

    await eventually(told)
    return Call({"notification_id": found[0]})


async def nobody(cast: Cast) -> Call:
    """The id of no person."""
    return Call({"person_id": str(new_id())})


def stranger(body: object = None) -> Subject:
    """A new person."""

    async def subject(cast: Cast) -> Call:
        return Call({"person_id": (await _sign_up_stranger(cast)).id}, body)

    return subject


async def dead_job(cast: Cast) -> Call:
    """A job that was given up, of a kind that no worker knows."""
    job_id = new_id()
    async with cast.anonymous.platform.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO jobs (id, kind, payload, priority, state, run_at, attempts)"
            " VALUES ($1, 'no.Such', '{}', 1, 'dead', now(), 12)",
            job_id,
        )
    return Call({"job_id": str(job_id)})


async def ask_owner(cast: Cast) -> Call:
    """A request for a connection with the owner."""
    return Call(body={"person_id": cast.owner.id})


async def connection(cast: Cast) -> Call:
    """The owner's connection with a new person."""
    return Call({"connection_id": await (await _sign_up_stranger(cast)).connect(cast.owner)})


async def request_to_owner(cast: Cast) -> Call:
    """A new person has asked the owner."""
    asked = await (await _sign_up_stranger(cast)).post("/v1/connections", {"person_id": cast.owner.id})
    return Call({"connection_id": asked.json()["id"]})


async def request_by_owner(cast: Cast) -> Call:
    """The owner has asked a new person."""
    asked = await cast.owner.post("/v1/connections", {"person_id": (await _sign_up_stranger(cast)).id})
    return Call({"connection_id": asked.json()["id"]})


def connection_list(body: object = None) -> Subject:
    """A list of the owner's with the friend on it."""

    async def subject(cast: Cast) -> Call:
        return await _make_list(cast, cast.friend.id, body)

    return subject


async def list_and_stranger(cast: Cast) -> Call:
    """A list of the owner's, and a person who is no connection."""
    return await _make_list(cast, cast.other.id)


async def _make_list(cast: Cast, person_id: str, body: object = None) -> Call:
    made = await cast.owner.post("/v1/lists", {"name": "Friends"})
    list_id = str(made.json()["id"])
    await cast.owner.put(f"/v1/lists/{list_id}/members/{cast.friend.id}")
    return Call({"list_id": list_id, "person_id": person_id}, body)


def webhook(body: object = None) -> Subject:
    """A webhook that nobody listens to, and a delivery of it."""

    async def subject(cast: Cast) -> Call:
        made = await cast.admin.post("/v1/admin/webhooks", {"url": "https://nowhere.invalid/", "signals": ["*"]})
        webhook_id = str(made.json()["id"])
        delivery = await cast.admin.post(f"/v1/admin/webhooks/{webhook_id}/test")
        return Call({"webhook_id": webhook_id, "delivery_id": str(delivery.json()["id"])}, body)

    return subject


async def _sign_up_stranger(cast: Cast) -> Api:
    return await cast.anonymous.sign_up(f"stranger_{next(_numbers)}")


def post(audience: str, body: object = None, **values: str) -> Subject:
    """A post of the owner's for that audience."""

    async def subject(cast: Cast) -> Call:
        return Call({"post_id": await _publish(cast.owner, audience), **values}, body)

    return subject


async def tag(cast: Cast) -> Call:
    """A tag that nobody uses."""
    return Call({"tag": "unheard_of"})


async def post_for_list(cast: Cast) -> Call:
    """A new post for a list of the owner's."""
    made = await cast.owner.post("/v1/lists", {"name": "Friends"})
    return Call(body={"body": "Hello", "audience": {"kind": "list", "id": made.json()["id"]}})


def comment(audience: str, body: object = None) -> Subject:
    """The owner's comment on a post that the friend wrote for that audience."""

    async def subject(cast: Cast) -> Call:
        post_id = await _publish(cast.friend, audience)
        written = await cast.owner.post(f"/v1/posts/{post_id}/comments", {"body": "Mine"})
        return Call({"comment_id": written.json()["id"]}, body)

    return subject


def answer(audience: str) -> Subject:
    """A reply to the owner's comment on a post that the friend wrote for that audience."""

    async def subject(cast: Cast) -> Call:
        post_id = await _publish(cast.friend, audience)
        written = await cast.owner.post(f"/v1/posts/{post_id}/comments", {"body": "Mine"})
        return Call({"post_id": post_id}, {"body": "Answer", "parent_id": written.json()["id"]})

    return subject


async def _publish(author: Api, audience: str) -> str:
    published = await author.post("/v1/posts", {"body": "Hello", "audience": audience})
    return str(published.json()["id"])


def conversation(kind: str, body: object = None) -> Subject:
    """A conversation of the owner's with the friend; in a group somebody new is a third member."""

    async def subject(cast: Cast) -> Call:
        members = [cast.friend.id]
        if kind == "group":
            members.append((await _sign_up_stranger(cast)).id)
        made = await cast.owner.post("/v1/conversations", {"member_ids": members})
        return Call({"conversation_id": made.json()["id"], "person_id": members[-1]}, body)

    return subject


async def new_members(cast: Cast) -> Call:
    """Somebody new for a group of the owner's."""
    call = await conversation("group")(cast)
    return Call(call.values, {"member_ids": [(await _sign_up_stranger(cast)).id]})


async def blocked_conversation(cast: Cast) -> Call:
    """What the owner and the one whom they have blocked wrote to each other before."""
    await cast.owner.delete(f"/v1/blocks/{cast.blocked.id}")
    made = await cast.owner.post("/v1/conversations", {"member_ids": [cast.blocked.id]})
    await cast.owner.put(f"/v1/blocks/{cast.blocked.id}")
    return Call({"conversation_id": made.json()["id"]}, {"body": "Hello", "client_id": "again"})


async def talk_to_owner(cast: Cast) -> Call:
    """A conversation with the owner to be begun."""
    return Call(body={"member_ids": [cast.owner.id]})


async def read_conversation(cast: Cast) -> Call:
    """A message to the owner, read."""
    call = await conversation("direct")(cast)
    path = f"/v1/conversations/{call.values['conversation_id']}/messages"
    written = await cast.friend.post(path, {"body": "Hello", "client_id": "1"})
    return Call(call.values, {"message_id": written.json()["id"]})


def message(author: str, body: object = None, **values: str) -> Subject:
    """A message that the owner or the friend wrote to the other."""

    async def subject(cast: Cast) -> Call:
        call = await conversation("direct")(cast)
        path = f"/v1/conversations/{call.values['conversation_id']}/messages"
        written = await getattr(cast, author).post(path, {"body": "Hello", "client_id": "1"})
        return Call({"message_id": written.json()["id"], **values}, body)

    return subject


async def mailbox_key(cast: Cast) -> Call:
    """The key of the dev mailbox, which the server printed."""
    return Call(headers={"x_mailbox_key": MAILBOX_KEY})
