"""What people do, done in the town and in the model: both must allow the same."""

from collections.abc import Awaitable
from random import Random
from uuid import UUID

from msgspec import UNSET

from banyan.features.posts.models import Audience, AudienceKind, CommentText, Post, PostChanges
from banyan.kernel.errors import BanyanError
from tests.features.device import Device
from tests.features.rules import Model, ModelComment, ModelPost, Person
from tests.features.town import Town

LISTS_EACH = 2
TAGS = ("even", "odd")


class Play:
    """Does each step in the town and in the model."""

    def __init__(self, town: Town, ids: list[UUID]) -> None:
        self.town = town
        self.ids = ids
        self.model = Model()
        self.count = 0
        # At least one for each person; more where an app was set back to an older copy.
        self.devices = [Device(town, person, limit=number + 1) for number, person in enumerate(ids)]

    async def step(self, name: str, *arguments: object) -> None:
        self.count += 1
        await getattr(self, name)(*arguments)

    # ---- posts ----------------------------------------------------------------------------------------------

    async def publish(self, author: Person, audience: AudienceKind) -> None:
        body = f"Post {self.count} #{TAGS[self.count % 2]}"
        given, list_id = self.audience_for(author, audience, self.count)
        post = await self.town.publish(self.ids[author], body, given)
        self.model.posts[post.id] = ModelPost(author, body, given.kind, list_id)

    async def audience(self, person: Person, place: int, audience: AudienceKind) -> None:
        found = self.find(place)
        if found is None:
            return
        post_id, post = found
        given, list_id = self.audience_for(person, audience, place)
        allowed = post.author == person
        assert await self.change(person, post_id, PostChanges(audience=given)) == allowed
        if allowed:
            post.audience, post.list_id = given.kind, list_id

    async def edit(self, person: Person, place: int) -> None:
        found = self.find(place)
        if found is None:
            return
        post_id, post = found
        body = f"Edited {self.count} #{TAGS[self.count % 2]}"
        allowed = post.author == person
        assert await self.change(person, post_id, PostChanges(body=body)) == allowed
        if allowed:
            post.body, post.edited = body, True

    async def delete(self, person: Person, place: int) -> None:
        found = self.find(place)
        if found is None:
            return
        post_id, post = found

        async def remove() -> None:
            async with self.town.work() as work:
                await self.town.posts.delete_post(work, self.ids[person], post_id)

        allowed = post.author == person
        assert await self.succeeds(remove()) == allowed
        if allowed:
            self.model.delete_post(post_id)

    async def react(self, person: Person, place: int, kind: str) -> None:
        found = self.find(place)
        if found is None:
            return
        post_id, post = found
        allowed = self.model.sees(person, post)
        assert await self.succeeds(self.town.react(self.ids[person], post_id, kind)) == allowed
        if allowed:
            post.reactions[person] = kind

    async def unreact(self, person: Person, place: int, kind: str) -> None:
        found = self.find(place)
        if found is None:
            return
        post_id, post = found

        async def remove() -> None:
            async with self.town.work() as work:
                await self.town.reactions.remove_reaction(work, self.ids[person], post_id, kind)

        allowed = self.model.sees(person, post)
        assert await self.succeeds(remove()) == allowed
        if allowed and post.reactions.get(person) == kind:
            del post.reactions[person]

    async def save(self, person: Person, place: int) -> None:
        """Saves a post, or lets go of it when it is saved already."""
        found = self.find(place)
        if found is None:
            return
        post_id, post = found
        saved = (person, post_id) in self.model.saved

        async def toggle() -> None:
            async with self.town.work() as work:
                if saved:
                    await self.town.saves.unsave_post(work, self.ids[person], post_id)
                else:
                    await self.town.saves.save_post(work, self.ids[person], post_id)

        allowed = self.model.sees(person, post)
        assert await self.succeeds(toggle()) == allowed
        if allowed:
            (self.model.saved.remove if saved else self.model.saved.append)((person, post_id))

    # ---- comments -------------------------------------------------------------------------------------------

    async def comment(self, person: Person, place: int) -> None:
        """Below the post, or, at an odd place, below another comment."""
        found = self.find(place)
        if found is None:
            return
        post_id, post = found
        body = f"Comment {self.count}"
        written = sorted(post.comments)
        parent = written[place % len(written)] if written and place % 2 else None
        above = None if parent is None else post.comments[parent]
        allowed = self.model.sees(person, post) and (
            above is None or not (above.deleted or self.model.hidden(person, above.author))
        )
        comment_id: UUID | None = None

        async def write() -> None:
            nonlocal comment_id
            comment_id = await self.town.comment(self.ids[person], post_id, body, parent)

        assert await self.succeeds(write()) == allowed
        if comment_id is not None:
            post.comments[comment_id] = ModelComment(person, body, parent)

    async def uncomment(self, person: Person, place: int) -> None:
        """Changes a comment, then removes it."""
        found = self.find(place)
        if found is None or not found[1].comments:
            return
        post = found[1]
        comment_id = sorted(post.comments)[place % len(post.comments)]
        comment = post.comments[comment_id]

        async def edit() -> None:
            async with self.town.work() as work:
                await self.town.comments.edit_comment(work, self.ids[person], comment_id, CommentText(body="New"))

        async def remove() -> None:
            async with self.town.work() as work:
                await self.town.comments.delete_comment(work, self.ids[person], comment_id)

        visible = (
            self.model.sees(person, post) and not comment.deleted and not self.model.hidden(person, comment.author)
        )
        assert await self.succeeds(edit()) == (visible and person == comment.author)
        if visible and person == comment.author:
            comment.body = "New"
        allowed = visible and person in (comment.author, post.author)
        assert await self.succeeds(remove()) == allowed
        if allowed:
            self.model.delete_comment(post, comment_id)

    # ---- people ---------------------------------------------------------------------------------------------

    async def ask(self, pair: tuple[Person, Person]) -> None:
        asker, asked = pair
        key = frozenset(pair)
        allowed = (
            not self.model.hidden(asker, asked)
            and key not in self.model.connected
            and self.model.asked.get(key) != asker
        )
        assert await self.succeeds(self.town.ask(self.ids[asker], self.ids[asked])) == allowed
        if not allowed:
            return
        if key in self.model.asked:
            del self.model.asked[key]
            self.model.connected.add(key)
        else:
            self.model.asked[key] = asker

    async def connect(self, pair: tuple[Person, Person]) -> None:
        await self.ask(pair)
        await self.ask((pair[1], pair[0]))

    async def end(self, pair: tuple[Person, Person]) -> None:
        one, other = pair
        async with self.town.work() as work:
            for state in ("sent", "received", "connected"):
                page = await self.town.ties.list_connections(work, self.ids[one], state, 100, None)
                for connection in page.items:
                    if connection.person.id == self.ids[other]:
                        await self.town.ties.end_connection(work, self.ids[one], connection.id)
        self.model.part(pair)

    async def block(self, pair: tuple[Person, Person]) -> None:
        await self.town.block(self.ids[pair[0]], self.ids[pair[1]])
        self.model.blocks.add(pair)
        self.model.part(pair)

    async def unblock(self, pair: tuple[Person, Person]) -> None:
        await self.town.unblock(self.ids[pair[0]], self.ids[pair[1]])
        self.model.blocks.discard(pair)

    async def mute(self, pair: tuple[Person, Person]) -> None:
        allowed = not self.model.hidden(*pair)
        assert await self.succeeds(self.town.mute(self.ids[pair[0]], self.ids[pair[1]])) == allowed
        if allowed:
            self.model.mutes.add(pair)

    async def unmute(self, pair: tuple[Person, Person]) -> None:
        await self.town.unmute(self.ids[pair[0]], self.ids[pair[1]])
        self.model.mutes.discard(pair)

    async def make_list(self, pair: tuple[Person, Person]) -> None:
        """A list, or where there are enough another member."""
        owner, member = pair
        mine = self.lists_of(owner)
        if len(mine) < LISTS_EACH:
            list_id = await self.town.make_list(self.ids[owner])
            self.model.lists[list_id] = (owner, set())
            mine.append(list_id)
        list_id = mine[self.count % len(mine)]
        allowed = frozenset(pair) in self.model.connected
        added = self.town.add_member(self.ids[owner], list_id, self.ids[member])
        assert await self.succeeds(added) == allowed
        if allowed:
            self.model.lists[list_id][1].add(member)

    async def unlist(self, pair: tuple[Person, Person]) -> None:
        owner, member = pair
        for list_id in self.lists_of(owner):
            await self.town.remove_member(self.ids[owner], list_id, self.ids[member])
            self.model.lists[list_id][1].discard(member)

    async def delete_list(self, owner: Person) -> None:
        for list_id in self.lists_of(owner)[:1]:
            await self.town.delete_list(self.ids[owner], list_id)
            del self.model.lists[list_id]

    # ---- looking --------------------------------------------------------------------------------------------

    async def drain(self, random: Random) -> None:
        await self.town.drain(random)

    async def look(self, viewer: Person) -> None:
        """Before the jobs are done a feed may lack posts, but never shows one that it should not."""
        shown = [post.id for post in await self.town.feed(self.ids[viewer], 3)]
        allowed = set(self.model.feed(viewer))
        assert shown == sorted(shown, reverse=True)
        assert allowed.issuperset(shown)

    async def sync(self, place: int) -> None:
        """One answer for one of the apps, which may leave it half way."""
        await self.devices[place % len(self.devices)].ask()

    async def catch_up(self, place: int) -> None:
        """Also before the jobs are done an app that has caught up shows what the feed shows."""
        device = self.devices[place % len(self.devices)]
        await device.catch_up()
        assert device.posts == (await self.town.feed(device.person_id))[: self.town.synced_posts]

    async def set_back(self, place: int) -> None:
        """From now on there is also an app with an older copy."""
        self.devices.append(self.devices[place % len(self.devices)].copy())

    def check_post(self, viewer: Person | None, shown: Post) -> None:
        """A post is as the model has it."""
        post = self.model.posts[shown.id]
        counts: dict[str, int] = {}
        for kind in post.reactions.values():
            counts[kind] = counts.get(kind, 0) + 1
        assert shown.author.id == self.ids[post.author]
        assert (shown.body, shown.audience.kind) == (post.body, post.audience)
        assert shown.audience.id == (UNSET if post.list_id is None or viewer != post.author else post.list_id)
        assert (shown.edited_at is not None) == post.edited
        assert shown.comment_count == len([one for one in post.comments.values() if not one.deleted])
        assert shown.reaction_counts == counts
        assert shown.my_reaction == (None if viewer is None else post.reactions.get(viewer))
        assert shown.saved == ((viewer, shown.id) in self.model.saved)

    # ---- parts ----------------------------------------------------------------------------------------------

    def find(self, place: int) -> tuple[UUID, ModelPost] | None:
        posts = self.model.newest_first()
        return posts[place % len(posts)] if posts else None

    def lists_of(self, owner: Person) -> list[UUID]:
        return [list_id for list_id, (other, _) in self.model.lists.items() if other == owner]

    def audience_for(self, author: Person, kind: AudienceKind, place: int) -> tuple[Audience, UUID | None]:
        """An audience to ask for; who has no list takes their connections."""
        lists = self.lists_of(author)
        if kind != "list":
            return Audience(kind), None
        if not lists:
            return Audience("connections"), None
        list_id = lists[place % len(lists)]
        return Audience("list", list_id), list_id

    async def change(self, person: Person, post_id: UUID, changes: PostChanges) -> bool:
        async def edit() -> None:
            async with self.town.work() as work:
                await self.town.posts.edit_post(work, self.ids[person], post_id, changes)

        return await self.succeeds(edit())

    async def succeeds(self, doing: Awaitable[object]) -> bool:
        """Whether it was allowed; a refusal is one that a reader gets to see, never a crash."""
        try:
            await doing
        except BanyanError as error:
            assert 400 <= error.status < 500
            return False
        return True
