"""Whatever people do in whatever order, an inbox holds what a plain model of it says: collapse and counts are right."""

from random import Random
from uuid import UUID

import pytest

from tests.features.notifications.square import Square

STEPS = 60


class Model:
    """What ada has been told: (kind, subject) -> who stands in the unread one; and what was read before."""

    def __init__(self) -> None:
        self.unread: dict[tuple[str, UUID], dict[UUID, list[object]]] = {}
        self.read: list[tuple[str, UUID, dict[UUID, list[object]]]] = []

    def told(self, kind: str, subject: UUID, actor: UUID, source: object) -> None:
        groups = [self.unread.get((kind, subject), {}), *(past[2] for past in self.read if past[:2] == (kind, subject))]
        if any(source in sources for group in groups for sources in group.values()):
            return
        self.unread.setdefault((kind, subject), {}).setdefault(actor, []).append(source)

    def taken_back(self, subject: UUID, source: object) -> None:
        groups = [group for (_, about), group in self.unread.items() if about == subject]
        groups += [group for _, about, group in self.read if about == subject]
        for group in groups:
            for actor in [actor for actor, sources in group.items() if source in sources]:
                group[actor].remove(source)
                if not group[actor]:
                    del group[actor]
        self.unread = {key: group for key, group in self.unread.items() if group}
        self.read = [past for past in self.read if past[2]]

    def all_read(self) -> None:
        self.read += [(kind, subject, group) for (kind, subject), group in self.unread.items()]
        self.unread = {}

    def gone(self, subject: UUID) -> None:
        self.unread = {key: group for key, group in self.unread.items() if key[1] != subject}
        self.read = [past for past in self.read if past[1] != subject]

    def counts(self, hidden: set[UUID]) -> tuple[list[tuple[str, UUID, int]], int]:
        """Every notification with its number of people, and how many are unread."""
        unread = [(kind, subject, len(group.keys() - hidden)) for (kind, subject), group in self.unread.items()]
        read = [(kind, subject, len(group.keys() - hidden)) for kind, subject, group in self.read]
        shown = [one for one in unread if one[2]]
        return sorted([*shown, *(one for one in read if one[2])]), len(shown)


@pytest.mark.parametrize("seed", range(3))
async def test_an_inbox_is_what_the_model_says(square: Square, seed: int) -> None:
    random = Random(seed)
    model = Model()
    ada, *others = [await square.person(name) for name in ("ada", "ben", "cleo", "dan")]
    posts = [(await square.publish(ada)).id for _ in range(2)]
    comments: list[tuple[UUID, UUID, UUID]] = []
    reactions: set[tuple[UUID, UUID]] = set()
    hidden: set[UUID] = set()

    for _ in range(STEPS):
        step = random.choice(("comment", "comment", "uncomment", "react", "unreact", "read", "block", "delete"))
        actor, post = random.choice(others), random.choice(posts)
        if step == "comment" and actor not in hidden:
            comment = await square.comment(actor, post)
            comments.append((comment, actor, post))
            model.told("comment", post, actor, comment)
        elif step == "uncomment" and comments:
            comment, author, under = comments.pop(random.randrange(len(comments)))
            if author in hidden:
                continue
            async with square.work() as work:
                await square.comments.delete_comment(work, author, comment)
            model.taken_back(under, comment)
        elif step == "react" and actor not in hidden:
            await square.react(actor, post)
            reactions.add((actor, post))
            model.told("reaction", post, actor, ("reaction", actor))
        elif step == "unreact" and (actor, post) in reactions and actor not in hidden:
            reactions.remove((actor, post))
            async with square.work() as work:
                await square.reactions.remove_reaction(work, actor, post, "love")
            model.taken_back(post, ("reaction", actor))
        elif step == "read":
            await square.drain(random)
            await square.read_all(ada)
            # What a block hides is read with the rest.
            model.all_read()
        elif step == "block":
            await (square.unblock(ada, actor) if actor in hidden else square.block(ada, actor))
            hidden ^= {actor}
        elif step == "delete" and random.random() < 0.2:
            async with square.work() as work:
                await square.posts.delete_post(work, ada, post)
            model.gone(post)
            comments = [one for one in comments if one[2] != post]
            reactions = {one for one in reactions if one[1] != post}
            posts[posts.index(post)] = (await square.publish(ada)).id
        # Signals of one thing keep their order here; those of different things do not matter to each other.
        found = sorted((one.kind, one.subject.id, one.actor_count) for one in await square.inbox(ada))
        assert (found, await square.unread(ada)) == model.counts(hidden), f"after {step}"
