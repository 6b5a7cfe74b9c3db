"""What the demo people write: posts from the oldest to the newest, each with its comments and reactions."""

import math
from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from random import Random
from typing import Literal

from msgspec import Struct

from banyan.demo.cast import DAY_MS, HISTORY_DAYS, PlannedPerson
from banyan.demo.draw import Weighted, bell, pick, stream, whole
from banyan.demo.phrases import Phrase, Words, as_sentences, say
from banyan.demo.scenes import Body, Scene, Topic, World

Audience = Literal["public", "connections", "self"]
ReactionKind = Literal["like", "love", "laugh", "wow", "sad", "angry"]

_PUBLIC_SHARE, _CONNECTIONS_SHARE = 0.70, 0.28
_HOUR_MS = DAY_MS // 24
_MINUTE_MS = 60_000
# How much is written in each local hour of the day. "Now" counts as half past eight in the evening.
_HOURS = (5, 2, 1, 1, 1, 3, 9, 16, 17, 14, 13, 14, 20, 19, 14, 13, 15, 20, 26, 31, 34, 33, 26, 14)
_NOW_HOUR = 20.5
# Above 1: more posts lately than long ago, as in a community that grows.
_GROWTH = 1.7

# Which parts a post is made of, and how often: opener, detail, closer around the body.
_SHAPES = ((0, 0, 0), (1, 0, 0), (0, 0, 1), (1, 0, 1), (0, 1, 0), (1, 1, 0), (0, 1, 1), (1, 1, 1))
_SHAPE_WEIGHTS = Weighted((18, 16, 18, 14, 12, 9, 9, 4))

_COMMENTS_PER_POST = 1.1
_REACTIONS_PER_POST = 4.0
_AT_MOST_COMMENTS = 25
_AT_MOST_REACTIONS = 400
# Of those who comment on or react to a public post, how many are not connected with its author.
_STRANGERS = 0.2
_COMMENT_DELAY_MS = 70 * _MINUTE_MS
_REACTION_DELAY_MS = 160 * _MINUTE_MS
_KINDS: tuple[ReactionKind, ...] = ("like", "love", "laugh", "wow", "sad", "angry")
_MOODS = {
    "useful": Weighted((80, 10, 2, 5, 1, 2)),
    "love": Weighted((46, 46, 3, 4, 1, 0)),
    "warm": Weighted((50, 38, 6, 4, 2, 0)),
    "laugh": Weighted((30, 12, 52, 3, 2, 1)),
    "wow": Weighted((50, 5, 6, 28, 6, 5)),
    "sad": Weighted((38, 6, 2, 6, 38, 10)),
    "angry": Weighted((38, 1, 14, 6, 12, 29)),
}
# Of the comments in the author's language: up to the first share they speak of the very subject, up to the second
# of its topic, the rest would fit below anything.
_ON_THE_SUBJECT, _ON_THE_TOPIC = 0.66, 0.90
# How many posts carry a tag of their topic, and how many answers name whom they are for.
_TAGGED, _NAMED = 0.3, 0.25
# What a reply says anew instead of repeating the post's word.
_NOT_REPEATED = ("ago", "before", "clock", "n", "n2", "person", "landmark", "street", "relative", "price_mid")
_NOT_IN_REPLIES = frozenset(_NOT_REPEATED)


class PlannedComment(Struct, frozen=True):
    """`author` counts in the plan's people."""

    author: int
    body: str
    age_ms: int


class PlannedReaction(Struct, frozen=True):
    """At most one of a person on a post."""

    person: int
    kind: ReactionKind
    age_ms: int


class PlannedPost(Struct, frozen=True):
    """No two posts have the same age; comments are in the order of their times."""

    author: int
    body: str
    audience: Audience
    age_ms: int
    comments: list[PlannedComment]
    reactions: list[PlannedReaction]


def plan_posts(
    seed: int, people: Sequence[PlannedPerson], neighbours: Sequence[Sequence[int]], count: int, world: World
) -> Iterator[PlannedPost]:
    """`count` posts, oldest first; one at a time, so that memory does not grow with their number."""
    table = _Table(people, neighbours, world)
    posts, answers = stream(seed, "posts"), stream(seed, "answers")
    ages = _draw_ages_ms(stream(seed, "post times"), count)
    for age_ms in ages:
        yield table.plan_post(posts, answers, age_ms)


def _draw_ages_ms(rng: Random, count: int) -> Sequence[int]:
    """How long ago each post was written, oldest first, all different."""
    hours = Weighted(_HOURS)
    ages = array("q", (_draw_age_ms(rng, hours) for _ in range(count)))
    ordered = array("q", sorted(ages))
    for newer, older in pairwise(range(count)):
        ordered[older] = max(ordered[older], ordered[newer] + 1)
    ordered.reverse()
    return ordered


def _draw_age_ms(rng: Random, hours: Weighted) -> int:
    days = int(HISTORY_DAYS * rng.random() ** _GROWTH)
    hours_ago = (_NOW_HOUR - hours.draw(rng) - rng.random()) % 24.0
    return int((days * 24.0 + hours_ago) * _HOUR_MS) + 1_000


class _Table:
    """The people at one table, with what is needed to let them talk."""

    def __init__(self, people: Sequence[PlannedPerson], neighbours: Sequence[Sequence[int]], world: World) -> None:
        self._people = people
        self._neighbours = neighbours
        self._world = world
        self._authors = Weighted([person.activity for person in people])
        self._first = max(range(len(people)), key=lambda one: people[one].joined_age_ms)
        self._mean_degree = max(1.0, sum(map(len, neighbours)) / len(people))

    def plan_post(self, rng: Random, answers: Random, age_ms: int) -> PlannedPost:
        author = self._draw_author(rng, age_ms)
        person = self._people[author]
        scene = self._world.scenes[person.setting, person.language]
        words = scene.words[self._world.neighbourhoods[person.place].name]
        said: dict[str, str] = {}
        audience = _draw_audience(rng)
        topic = scene.topics[scene.topic_weights.draw(rng)]
        if audience == "self":
            note = _style(rng, say(pick(rng, scene.small_talk.notes), words, said, rng), person, topic, 0.0)
            return PlannedPost(author, note, audience, age_ms, [], [])
        subject = pick(rng, topic.bodies)
        body = _write_post(rng, topic, subject, words, said, person)
        heard = self._popularity(answers, author)
        talk = _Talk(self._people, self._world, author, topic, subject, said)
        comments = self._plan_comments(answers, talk, audience, age_ms, heard)
        reactions = self._plan_reactions(answers, author, topic, audience, age_ms, heard)
        return PlannedPost(author, body, audience, age_ms, comments, reactions)

    def _draw_author(self, rng: Random, age_ms: int) -> int:
        for _ in range(30):
            author = self._authors.draw(rng)
            if self._people[author].joined_age_ms > age_ms:
                return author
        return self._first

    def _popularity(self, rng: Random, author: int) -> float:
        """1 on average: the well connected are heard more, and some posts simply catch on."""
        degree = len(self._neighbours[author]) / self._mean_degree
        return math.sqrt(degree) * math.exp(0.8 * bell(rng) - 0.32)

    def _draw_reader(self, rng: Random, author: int, audience: Audience, age_ms: int) -> int | None:
        """Somebody else who may see the post and was a member at that time; None when the draw fails."""
        near = self._neighbours[author]
        if audience == "public" and (not near or rng.random() < _STRANGERS):
            reader = int(rng.random() * len(self._people))
            # A stranger of another setting would rarely meet the post.
            if self._people[reader].setting != self._people[author].setting:
                return None
        elif near:
            reader = pick(rng, near)
        else:
            return None
        return reader if reader != author and self._people[reader].joined_age_ms > age_ms else None

    def _plan_reactions(
        self, rng: Random, author: int, topic: Topic, audience: Audience, age_ms: int, heard: float
    ) -> list[PlannedReaction]:
        wanted = min(_AT_MOST_REACTIONS, whole(rng, heard * _REACTIONS_PER_POST))
        reactions: dict[int, PlannedReaction] = {}
        for _ in range(wanted):
            at = age_ms - _draw_delay_ms(rng, _REACTION_DELAY_MS)
            reader = self._draw_reader(rng, author, audience, at) if at > 0 else None
            if reader is not None and reader not in reactions:
                kind = _KINDS[_MOODS[topic.mood].draw(rng)]
                reactions[reader] = PlannedReaction(reader, kind, at)
        return list(reactions.values())

    def _plan_comments(
        self, rng: Random, talk: "_Talk", audience: Audience, age_ms: int, heard: float
    ) -> list[PlannedComment]:
        wanted = min(_AT_MOST_COMMENTS, whole(rng, -math.log(1.0 - rng.random()) * heard * _COMMENTS_PER_POST))
        spoken = {talk.author}
        for _ in range(wanted):
            at = age_ms - _draw_delay_ms(rng, _COMMENT_DELAY_MS)
            reader = self._draw_reader(rng, talk.author, audience, at) if at > 0 else None
            if reader is not None and reader not in spoken:
                spoken.add(reader)
                talk.add_exchange(rng, reader, at)
        # One after the other, so that the order of their ids is the order of the plan.
        return _in_order(talk.comments)


def _in_order(comments: list[PlannedComment]) -> list[PlannedComment]:
    """By time, no two at the same moment; at least 1 ms ago."""
    ordered = sorted(comments, key=lambda comment: -comment.age_ms)
    result: list[PlannedComment] = []
    for comment in ordered:
        if result and comment.age_ms >= result[-1].age_ms:
            comment = PlannedComment(comment.author, comment.body, result[-1].age_ms - 1)
        if comment.age_ms > 0:
            result.append(comment)
    return result


class _Talk:
    """The comments below one post."""

    def __init__(
        self,
        people: Sequence[PlannedPerson],
        world: World,
        author: int,
        topic: Topic,
        subject: Body,
        said: dict[str, str],
    ) -> None:
        self.author = author
        self.comments: list[PlannedComment] = []
        self._people = people
        self._world = world
        self._topic = topic
        self._subject = subject
        self._said = {slot: word for slot, word in said.items() if slot not in _NOT_IN_REPLIES}
        self._used: list[Phrase] = []

    def add_exchange(self, rng: Random, reader: int, age_ms: int) -> None:
        """A comment; sometimes the author answers, and sometimes the reader has the last word."""
        self._add(reader, self._write_reply(rng, reader), age_ms, rng)
        answered = age_ms - _draw_delay_ms(rng, _COMMENT_DELAY_MS // 4)
        if rng.random() > 0.28 or answered <= 0:
            return
        self._add(self.author, self._write_answer(rng, reader), answered, rng)
        closed = answered - _draw_delay_ms(rng, _COMMENT_DELAY_MS // 6)
        if rng.random() < 0.25 and closed > 0:
            scene, words = self._scene_of(reader)
            self._add(reader, say(pick(rng, scene.small_talk.thanks), words, {}, rng), closed, rng)

    def _add(self, author: int, text: str, age_ms: int, rng: Random) -> None:
        body = _style(rng, text, self._people[author], self._topic, 0.4)
        self.comments.append(PlannedComment(author, body, age_ms))

    def _scene_of(self, person: int) -> tuple[Scene, Words]:
        speaker = self._people[person]
        scene = self._world.scenes[speaker.setting, speaker.language]
        return scene, scene.words[self._world.neighbourhoods[speaker.place].name]

    def _write_reply(self, rng: Random, reader: int) -> str:
        """About the subject among people of one language, else something that always fits."""
        said = {**self._said, "author": self._people[self.author].given_name}
        if self._people[reader].language != self._people[self.author].language:
            scene, words = self._scene_of(reader)
            return say(self._unused(rng, scene.small_talk.replies), words, {"author": said["author"]}, rng)
        scene, words = self._scene_of(self.author)
        chance = rng.random()
        if chance < _ON_THE_SUBJECT and self._subject.answers:
            replies = self._subject.answers
        else:
            replies = self._topic.replies if chance < _ON_THE_TOPIC else scene.small_talk.replies
        return say(self._unused(rng, replies, scene.small_talk.replies), words, said, rng)

    def _write_answer(self, rng: Random, reader: int) -> str:
        scene, words = self._scene_of(self.author)
        said = {**self._said, "other": self._people[reader].given_name}
        answer = say(self._unused(rng, scene.small_talk.answers), words, said, rng)
        return f"@{self._people[reader].handle} {answer}" if rng.random() < _NAMED else answer

    def _unused(self, rng: Random, options: Sequence[Phrase], otherwise: Sequence[Phrase] = ()) -> Phrase:
        """Nobody repeats what stands above, as long as there is something else to say."""
        for choices in (options, options, options, otherwise or options, otherwise or options):
            phrase = pick(rng, choices)
            if phrase not in self._used:
                break
        self._used.append(phrase)
        return phrase


def _draw_audience(rng: Random) -> Audience:
    chance = rng.random()
    if chance < _PUBLIC_SHARE:
        return "public"
    return "connections" if chance < _PUBLIC_SHARE + _CONNECTIONS_SHARE else "self"


def _draw_delay_ms(rng: Random, typical_ms: int) -> int:
    """How long something took: mostly minutes to hours, sometimes days."""
    return int(typical_ms * math.exp(1.4 * bell(rng))) + 2_000


def _write_post(
    rng: Random, topic: Topic, subject: Body, words: Words, said: dict[str, str], person: PlannedPerson
) -> str:
    opener, detail, closer = _SHAPES[_SHAPE_WEIGHTS.draw(rng)]
    text = say(subject.phrase, words, said, rng)
    if opener and topic.openers:
        start = say(pick(rng, topic.openers), words, said, rng)
        # After a comma the line breaks, as in a letter.
        text = f"{start}\n{text}" if start.endswith(",") or rng.random() < 0.2 else f"{start} {text}"
    if detail and topic.details:
        text = f"{text} {say(pick(rng, topic.details), words, said, rng)}"
    if closer and topic.closers:
        gap = "\n" if rng.random() < 0.25 else " "
        text = f"{text}{gap}{say(pick(rng, topic.closers), words, said, rng)}"
    styled = _style(rng, text, person, topic, 1.0)
    if topic.tags and rng.random() < _TAGGED:
        return f"{styled} #{pick(rng, topic.tags)}"
    return styled


def _style(rng: Random, text: str, person: PlannedPerson, topic: Topic, emoji: float) -> str:
    """The text as this person writes; `emoji` scales how often they add one."""
    voice = person.voice
    text = text.lower() if voice.small_letters else as_sentences(text)
    if not voice.full_stops and text.endswith(".") and not text.endswith(".."):
        text = text[:-1]
    if rng.random() < voice.emoji * emoji:
        text = f"{text} {pick(rng, topic.emoji)}"
    return text
