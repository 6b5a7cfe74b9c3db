"""People who sign up, post, comment, react and connect over HTTP without a pause, whatever happens to the server.

Each of their requests is sent again, under the same Idempotency-Key, until there is an answer; what the answers
promise goes into a ledger.
"""

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
from msgspec import Struct

from tests.faults.ledger import Ledger, PromisedPost

_PASSWORD = "a long enough password"
_REACTIONS = ("like", "love", "laugh", "wow", "sad", "angry")
_AUDIENCES = ("public", "public", "connections", "self")
# Longer than any outage of a test; whoever gets no answer for so long never will.
_PATIENCE_SECONDS = 300.0
_RETRY_SECONDS = 0.1


class Seen(Struct):
    """One request as its sender saw it: `outcome` is a status, or the name of the error that it ended with."""

    at: float
    seconds: float
    method: str
    outcome: int | str
    retry_after_seconds: int | None = None


class Sent(Struct, frozen=True):
    """A POST that was answered: sent again it has the same answer."""

    path: str
    body: object
    headers: dict[str, str]
    answer_id: str


class Crowd:
    """`choose_url` is asked before each request; it names the server to send it to."""

    def __init__(self, choose_url: Callable[[], str], seed: int) -> None:
        self.ledger = Ledger()
        self.members: list[Member] = []
        self.seen: list[Seen] = []
        self.sent: list[Sent] = []
        self.draw = random.Random(seed)
        self.leaving = False
        self.numbers = itertools.count(1)
        self.pairs: dict[frozenset[UUID], asyncio.Lock] = {}
        self._choose_url = choose_url
        self._http = httpx.AsyncClient(timeout=120, limits=httpx.Limits(max_connections=50))
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def outcomes(self) -> Counter[int | str]:
        return Counter(seen.outcome for seen in self.seen)

    @property
    def answered(self) -> int:
        """How many requests got an answer that was no refusal."""
        return sum(1 for seen in self.seen if isinstance(seen.outcome, int) and seen.outcome < 300)

    @property
    def tokens(self) -> dict[UUID, str]:
        """An access token of each member."""
        return {member.id: str(member.tokens["access_token"]) for member in self.members}

    def since(self, moment: float) -> list[Seen]:
        """What was sent after that moment (monotonic)."""
        return [seen for seen in self.seen if seen.at >= moment]

    async def arrive(self, members: int) -> None:
        """Everybody has signed up and goes on from here."""
        self.members = [Member(self) for _ in range(members)]
        await asyncio.gather(*(member.sign_up() for member in self.members))
        self._tasks = [asyncio.create_task(member.live()) for member in self.members]

    async def go_on(self, seconds: float) -> None:
        """Lets that time pass. Raises what a member met that nobody should meet."""
        done, _ = await asyncio.wait(self._tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()

    async def be_answered(self, requests: int) -> None:
        """Returns after so many more good answers."""
        goal = self.answered + requests
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self.answered < goal:
            assert time.monotonic() < deadline, f"no answers any more: {self.outcomes}"
            await self.go_on(0.05)

    async def leave(self) -> None:
        """Everybody waits for the answer they still want."""
        self.leaving = True
        await asyncio.gather(*self._tasks)

    async def check_replays(self) -> None:
        """Requests of long ago, sent once more, get the answers they got then."""
        for sent in self.draw.sample(self.sent, min(20, len(self.sent))):
            answer = await self._send_until_taken(sent)
            assert answer.status_code in (200, 201), answer.text
            assert answer.json()["id"] == sent.answer_id
            assert answer.headers["idempotency-replayed"] == "true"

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()

    async def send(self, method: str, path: str, body: object, headers: dict[str, str]) -> httpx.Response | None:
        """One try; None when there was no answer."""
        began = time.monotonic()
        outcome: int | str = "cancelled"
        try:
            answer = await self._http.request(method, self._choose_url() + path, json=body, headers=headers)
            outcome = answer.status_code
        except httpx.TransportError as error:
            outcome = type(error).__name__
            return None
        except AttributeError:
            # Of anyio under httpx: the server died right after it took the connection, which has no socket any more.
            outcome = httpx.ConnectError.__name__
            return None
        finally:
            seen = Seen(began, time.monotonic() - began, method, outcome)
            self.seen.append(seen)
        if outcome == 503:
            seen.retry_after_seconds = check_refusal(answer)
        return answer

    async def _send_until_taken(self, sent: Sent) -> httpx.Response:
        """A server that gives up soon refuses now and then where everything is slow."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            answer = await self.send("POST", sent.path, sent.body, sent.headers)
            if answer is not None and answer.status_code != 503:
                return answer
            assert time.monotonic() < deadline, f"POST {sent.path}: refused for {_PATIENCE_SECONDS} s"
            await asyncio.sleep(_RETRY_SECONDS)


class Member:
    """One person with one session; does one thing at a time."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.ledger = crowd.ledger
        self.draw = random.Random(crowd.draw.random())
        self.id = UUID(int=0)
        self.tokens: dict[str, Any] = {}

    async def live(self) -> None:
        things: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (6, self.publish),
            (4, self.comment),
            (5, self.react),
            (3, self.connect_or_part),
            (2, self.read),
            (2, self.remove),
            (1, self.refresh),
            (1, self.bring_somebody),
        ]
        weights, choices = zip(*things, strict=True)
        while not self.crowd.leaving:
            await self.draw.choices(choices, weights)[0]()
            await asyncio.sleep(self.draw.uniform(0, 0.03))

    async def sign_up(self) -> None:
        handle = f"member{next(self.crowd.numbers)}"
        email = f"{handle}@example.org"
        body = {"email": email, "password": _PASSWORD, "handle": handle, "display_name": handle.title()}
        answer = await self.insist("POST", "/v1/accounts", body, wanted={201})
        self.tokens = answer.json()
        self.id = UUID(self.tokens["account"]["id"])
        self.ledger.emails[email] = self.id

    async def bring_somebody(self) -> None:
        await Member(self.crowd).sign_up()

    async def publish(self) -> None:
        body, audience = f"Post {next(self.crowd.numbers)}", self.draw.choice(_AUDIENCES)
        answer = await self.insist("POST", "/v1/posts", {"body": body, "audience": audience}, wanted={201})
        self.ledger.posts[UUID(answer.json()["id"])] = PromisedPost(self.id, body, audience)

    async def comment(self) -> None:
        post_id = self._some_public_post()
        if post_id is not None:
            body = f"Comment {next(self.crowd.numbers)}"
            answer = await self.insist("POST", f"/v1/posts/{post_id}/comments", {"body": body}, wanted={201})
            self.ledger.comments[UUID(answer.json()["id"])] = (post_id, self.id, body)

    async def react(self) -> None:
        post_id = self._some_public_post()
        if post_id is not None:
            kind = self.draw.choice(_REACTIONS)
            await self.insist("PUT", f"/v1/posts/{post_id}/reactions/{kind}", wanted={200})
            self.ledger.reactions[post_id, self.id] = kind

    async def remove(self) -> None:
        """Only what nobody else writes under."""
        mine = [id for id, post in self.ledger.posts.items() if post.author_id == self.id and post.audience != "public"]
        if len(mine) > 3:
            post_id = self.draw.choice(mine)
            self.ledger.deleted.add(post_id)
            await self.insist("DELETE", f"/v1/posts/{post_id}", wanted={204}, wanted_again={404})
            del self.ledger.posts[post_id]

    async def connect_or_part(self) -> None:
        other = self.draw.choice(self.crowd.members)
        pair = frozenset((self.id, other.id))
        if other is self:
            return
        async with self.crowd.pairs.setdefault(pair, asyncio.Lock()):
            if pair not in self.ledger.connected:
                self.ledger.met.add(pair)
                asked = await self.insist("POST", "/v1/connections", {"person_id": str(other.id)}, wanted={201})
                await other.insist("POST", f"/v1/connections/{asked.json()['id']}/accept", wanted={200})
                self.ledger.connected.add(pair)
            elif self.draw.random() < 0.4:
                await self._part_from(other)
                self.ledger.connected.remove(pair)

    async def refresh(self) -> None:
        body = {"refresh_token": self.tokens["refresh_token"]}
        answer = await self.insist("POST", "/v1/auth/refresh", body, wanted={200}, signed=False)
        self.tokens |= answer.json()

    async def read(self) -> None:
        path = self.draw.choice(("/v1/feed", "/v1/posts", "/v1/me", "/v1/connections"))
        await self.insist("GET", path, wanted={200})

    async def insist(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        wanted: Collection[int],
        wanted_again: Collection[int] = (),
        signed: bool = True,
    ) -> httpx.Response:
        """Sends it until there is an answer, one of `wanted`; from the second try on `wanted_again` will do too."""
        headers = {"idempotency-key": f"key-{self.draw.getrandbits(64)}"} if method == "POST" else {}
        deadline = time.monotonic() + _PATIENCE_SECONDS
        for attempt in itertools.count():
            if self.tokens and signed:
                headers["authorization"] = f"Bearer {self.tokens['access_token']}"
            answer = await self.crowd.send(method, path, body, headers)
            if answer is not None and answer.status_code != 503:
                fine = {*wanted, *wanted_again} if attempt else wanted
                assert answer.status_code in fine, f"{method} {path}: {answer.status_code} {answer.text}"
                if method == "POST" and "id" in answer.json():
                    self.crowd.sent.append(Sent(path, body, headers, answer.json()["id"]))
                return answer
            assert time.monotonic() < deadline, f"{method} {path}: no answer for {_PATIENCE_SECONDS} s"
            await asyncio.sleep(_RETRY_SECONDS * self.draw.uniform(0.5, 1.5))
        raise AssertionError("not reached")

    def _some_public_post(self) -> UUID | None:
        """One of the latest, so that several people meet there."""
        public = [id for id, post in self.ledger.posts.items() if post.audience == "public"]
        return self.draw.choice(public[-20:]) if public else None

    async def _part_from(self, other: "Member") -> None:
        mine = await self.insist("GET", "/v1/connections?limit=100", wanted={200})
        [connection] = [one for one in mine.json()["items"] if UUID(one["person"]["id"]) == other.id]
        await self.insist("DELETE", f"/v1/connections/{connection['id']}", wanted={204}, wanted_again={404})


def check_refusal(answer: httpx.Response) -> int:
    """A 503 says when to come back, in the words of every other problem: after so many seconds."""
    assert answer.headers["content-type"] == "application/problem+json", answer.headers
    retry_after_seconds = int(answer.headers["retry-after"])
    assert retry_after_seconds >= 1
    problem = answer.json()
    assert problem["status"] == 503 and problem["code"] and problem["request_id"]
    return retry_after_seconds


@asynccontextmanager
async def crowd_at(choose_url: Callable[[], str], members: int, seed: int) -> AsyncIterator[Crowd]:
    """So many people, busy."""
    crowd = Crowd(choose_url, seed)
    try:
        await crowd.arrive(members)
        yield crowd
    finally:
        await crowd.close()
