"""The story as a program that uses the Python client: `story.py CHAPTER URL TAG` prints what it found, as JSON.

story.ts tells the same chapters with the TypeScript client, and test_story.py wants the same findings from both.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import msgspec

from banyan_client import Banyan, MemoryStorage, Problem, Tokens, Unreachable
from banyan_client.models import Post, SignedIn, SyncedPost

PASSWORD = "correct horse battery"
NOBODY = UUID("01890000-0000-7000-8000-000000000000")


class Story:
    """People on one server, whose handles end in the tag of this telling."""

    def __init__(self, url: str, tag: str, stack: AsyncExitStack) -> None:
        self.url = url
        self.tag = tag
        self._stack = stack

    async def client(self, **options: Any) -> Banyan:
        return await self._stack.enter_async_context(Banyan(self.url, **options))

    async def sign_up(self, handle: str, **options: Any) -> tuple[Banyan, SignedIn]:
        client = await self.client(**options)
        answer = await client.accounts.sign_up(
            email=self.email(handle), password=PASSWORD, handle=self.handle(handle), display_name=handle.title()
        )
        assert isinstance(answer, SignedIn)
        return client, answer

    def handle(self, name: str) -> str:
        return f"{name}.{self.tag}"

    def email(self, name: str) -> str:
        return f"{self.handle(name)}@example.org"


def plain(handle: str) -> str:
    """A handle without the tag."""
    return handle.partition(".")[0]


async def conversation(story: Story) -> object:
    ada, _ = await story.sign_up("ada")
    ben, ben_account = await story.sign_up("ben")
    asked = await ada.people.ask_connection(person_id=ben_account.account.id)
    accepted = await ben.people.accept_connection(asked.id)
    posts = [await ada.posts.publish(body=f"Post {number}", audience="connections") for number in range(5)]
    comment = await ben.posts.comment(posts[0].id, body="Indeed")
    reacted = await ben.posts.react(posts[0].id, "love")
    me = await ada.people.update_me(bio="Lends ladders")
    read = [post.body async for post in ada.posts.show_feed(limit=2)]
    pages = [len(page.items) async for page in ada.posts.show_feed(limit=2).pages()]
    first = await ada.posts.show_feed(limit=2).page()
    rest = [post.body async for post in ada.posts.show_feed(limit=2, cursor=first.next_cursor)]
    return {
        "state": accepted.state,
        "author": plain(posts[0].author.handle),
        "comment": comment.body,
        "reactions": reacted.reaction_counts,
        "bio": me.bio,
        "read": read,
        "pages": pages,
        "rest": rest,
        "received": [plain(one.person.handle) async for one in ben.people.list_connections(state="connected")],
    }


async def publish(story: Story) -> object:
    ada, _ = await story.sign_up("ada")
    post = await ada.posts.publish(body="Once")
    return {"body": post.body, "posts": [post.body async for post in ada.posts.list_profile_feed(story.handle("ada"))]}


async def refused(story: Story) -> object:
    ada, _ = await story.sign_up("ada")
    try:
        await ada.posts.publish(body="Never")
    except Problem as problem:
        return {"status": problem.status, "code": problem.code, "retry_after": problem.retry_after_seconds}
    return None


async def unreachable(story: Story) -> object:
    ada, _ = await story.sign_up("ada")
    try:
        await ada.posts.publish(body="Once")
    except Unreachable as error:
        key = error.idempotency_key
    again = await ada.posts.publish(body="Once", idempotency_key=key)
    return {"body": again.body, "posts": [post.body async for post in ada.posts.list_profile_feed(story.handle("ada"))]}


async def replays(story: Story) -> object:
    ada, _ = await story.sign_up("ada")
    first = await ada.posts.publish(body="Once", idempotency_key="my-key")
    second = await ada.posts.publish(body="Once", idempotency_key="my-key")
    try:
        await ada.posts.publish(body="Twice", idempotency_key="my-key")
    except Problem as problem:
        return {"same": first.id == second.id, "status": problem.status, "code": problem.code}
    return None


async def problems(story: Story) -> object:
    ada, _ = await story.sign_up("ada")
    found: dict[str, object] = {}
    try:
        await (await story.client()).accounts.sign_up(
            email=story.email("x"), password=PASSWORD, handle="No Spaces!", display_name="X"
        )
    except Problem as problem:
        error = problem.error_of("handle")
        found["handle"] = [problem.status, problem.code, error is not None and bool(error.detail)]
        found["request_id"] = bool(problem.request_id)
    try:
        await ada.auth.sign_in(email=story.email("ada"), password="not the password")
    except Problem as problem:
        found["password"] = [problem.status, problem.code, [error.field for error in problem.errors]]
    try:
        await (await story.client()).people.show_me()
    except Problem as problem:
        found["anonymous"] = [problem.status, problem.code]
    try:
        await ada.auth.end_session("")
    except ValueError:
        found["nothing"] = "not asked"
    return found


async def block(story: Story) -> object:
    ada, ada_account = await story.sign_up("ada")
    ben, _ = await story.sign_up("ben")
    post = await ben.posts.publish(body="For all")
    before = (await ada.posts.show(post.id)).body
    await ben.people.block(ada_account.account.id)
    found: dict[str, object] = {"before": before}
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "post": lambda: ada.posts.show(post.id),
        "person": lambda: ada.people.show(story.handle("ben")),
    }
    for name, call in calls.items():
        try:
            await call()
        except Problem as problem:
            found[name] = [problem.status, problem.code]
    found["blocked"] = [plain(one.person.handle) async for one in ben.people.list_blocks()]
    return found


async def deletes(story: Story) -> object:
    ada, _ = await story.sign_up("ada")
    first = await ada.posts.publish(body="Gone")
    await ada.posts.remove(first.id)
    try:
        await ada.posts.remove(NOBODY)
    except Problem as problem:
        return {
            "left": [post.body async for post in ada.posts.list_profile_feed(story.handle("ada"))],
            "nobody": problem.status,
        }
    return None


async def sync(story: Story) -> object:
    """A copy kept offline: filled, then told of what was deleted."""
    ada, _ = await story.sign_up("ada")
    ben, ben_account = await story.sign_up("ben")
    asked = await ada.people.ask_connection(person_id=ben_account.account.id)
    await ben.people.accept_connection(asked.id)
    first = await ben.posts.publish(body="First")
    await ben.posts.publish(body="Second")
    copy: dict[UUID, str] = {}
    resets = []
    since = None

    async def catch_up(wanted: list[str]) -> None:
        nonlocal since
        while sorted(copy.values()) != wanted:
            page = await ada.sync.show(since=since, limit=1)
            resets.append(page.reset)
            if page.reset:
                copy.clear()
            for item in page.items:
                match item:
                    case SyncedPost(op="delete"):
                        copy.pop(item.id, None)
                    case SyncedPost(value=Post(body=body)):
                        copy[item.id] = body
            since = page.next
            await asyncio.sleep(0 if page.items else 0.05)

    await catch_up(["First", "Second"])
    await ben.posts.remove(first.id)
    await catch_up(["Second"])
    return {"began_anew": resets[0], "and_later": any(resets[1:])}


async def keys(story: Story) -> object:
    """A program with an API key, until it is ended."""
    ada, _ = await story.sign_up("ada")
    key = await ada.auth.create_api_key(name="Weather", scopes=["posts:write"])
    robot = await story.client(api_key=key.key)
    post = await robot.posts.publish(body="Rain")
    found: dict[str, object] = {"body": post.body, "author": plain(post.author.handle)}
    try:
        await robot.people.show_me()
    except Problem as problem:
        found["beyond"] = [problem.status, problem.code]
    await ada.auth.end_api_key(key.id)
    try:
        await robot.posts.publish(body="More rain")
    except Problem as problem:
        found["ended"] = problem.status
    found["left"] = [one.name async for one in ada.auth.list_api_keys()]
    return found


async def export(story: Story) -> object:
    """A file: the copy of one's own data."""
    ada, _ = await story.sign_up("ada")
    made = await ada.accounts.create_export()
    while made.state != "ready":
        await asyncio.sleep(0.05)
        made = await ada.accounts.show_export(made.id)
    file = await ada.accounts.fetch_export(made.id)
    return {"begins": list(file[:2]), "whole": len(file) == made.size_bytes}


def changed(tokens: Tokens | None, **values: Any) -> Tokens:
    assert tokens is not None
    return msgspec.structs.replace(tokens, **values)


async def refresh(story: Story) -> object:
    ada, _ = await story.sign_up("ada")
    storage = MemoryStorage(changed(await ada.tokens(), expires_at=time.time()))
    again = await story.client(tokens=storage)
    handles = await asyncio.gather(*(again.people.show_me() for _ in range(12)))
    now = await again.tokens()
    return {
        "handles": sorted({plain(me.handle) for me in handles}),
        "kept": now == storage.tokens and now != await ada.tokens(),
    }


async def outdated(story: Story) -> object:
    """The server refuses a token that should still hold, to many calls at once."""
    ada, _ = await story.sign_up("ada")
    again = await story.client(tokens=changed(await ada.tokens(), access_token="made.up.token"))
    handles = await asyncio.gather(*(again.people.show_me() for _ in range(12)))
    return {"handles": sorted({plain(me.handle) for me in handles})}


async def shared(story: Story) -> object:
    """Two clients, as in two processes, share their storage."""
    ada, _ = await story.sign_up("ada")
    storage = MemoryStorage(changed(await ada.tokens(), expires_at=time.time()))
    one, other = await story.client(tokens=storage), await story.client(tokens=storage)
    await one.tokens()
    await other.tokens()
    await one.people.show_me()
    await other.people.show_me()
    return {"same": await one.tokens() == await other.tokens() == storage.tokens}


async def ended(story: Story) -> object:
    storage = MemoryStorage()
    ada, _ = await story.sign_up("ada", tokens=storage)
    other = await story.client()
    await other.auth.sign_in(email=story.email("ada"), password=PASSWORD)
    await other.auth.end_other_sessions()
    found: dict[str, object] = {}
    try:
        await ada.people.show_me()
    except Problem as problem:
        found["refused"] = problem.status
    found["forgotten"] = storage.tokens is None
    await other.auth.sign_out()
    found["signed_out"] = await other.tokens() is None
    return found


async def cancelled(story: Story) -> object:
    """The call that began a refresh is given up; those that wait for the same refresh are not."""
    ada, _ = await story.sign_up("ada")
    again = await story.client(tokens=changed(await ada.tokens(), expires_at=time.time()))
    first = asyncio.create_task(again.people.show_me())
    second = asyncio.create_task(again.people.show_me())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    try:
        await first
    except asyncio.CancelledError:
        return {"second": plain((await second).handle)}
    return None


async def closed(story: Story) -> object:
    """A client that is closed during its refresh keeps what that brings."""
    ada, _ = await story.sign_up("ada")
    storage = MemoryStorage(changed(await ada.tokens(), expires_at=time.time()))
    async with Banyan(story.url, tokens=storage) as again:
        call = asyncio.create_task(again.people.show_me())
        while len(asyncio.all_tasks()) < 3:
            await asyncio.sleep(0)
        call.cancel()
    me = await (await story.client(tokens=storage)).people.show_me()
    return {"handle": plain(me.handle)}


CHAPTERS = (
    conversation,
    publish,
    refused,
    unreachable,
    replays,
    problems,
    block,
    deletes,
    sync,
    keys,
    export,
    refresh,
    outdated,
    shared,
    ended,
    cancelled,
    closed,
)


async def main(name: str, url: str, tag: str) -> None:
    chapter = next(chapter for chapter in CHAPTERS if chapter.__name__ == name)
    async with AsyncExitStack() as stack:
        print(json.dumps(await chapter(Story(url, tag, stack))))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
