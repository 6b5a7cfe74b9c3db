"""The same story with each client: what they find, and what the server and the way to it saw of them."""

import email.utils
from datetime import UTC, datetime, timedelta

import pytest

from tests.clients.conftest import Teller
from tests.clients.proxy import Fault, Proxy, Seen

pytestmark = pytest.mark.asyncio(loop_scope="module")

POSTS = ("POST", "/v1/posts")
REFRESH = ("POST", "/v1/auth/refresh")
ME = ("GET", "/v1/me")


def same_key(tries: list[Seen]) -> bool:
    """Whether all tries carry one and the same key."""
    return len({seen.key for seen in tries}) == 1 and tries[0].key is not None


async def test_a_conversation(teller: Teller, proxy: Proxy) -> None:
    assert await teller.tell("conversation", proxy.url) == {
        "state": "connected",
        "author": "ada",
        "comment": "Indeed",
        "reactions": {"love": 1},
        "bio": "Lends ladders",
        "read": [f"Post {number}" for number in (4, 3, 2, 1, 0)],
        "pages": [2, 2, 1],
        "rest": [f"Post {number}" for number in (2, 1, 0)],
        "received": ["ada"],
    }
    # Every POST has a key of its own.
    keys = [seen.key for seen in proxy.seen if seen.method == "POST"]
    assert None not in keys and len(set(keys)) == len(keys)


async def test_lost_answers_leave_one_post(teller: Teller, proxy: Proxy) -> None:
    proxy.faults.append(Fault(*POSTS, times=2))
    assert await teller.tell("publish", proxy.url) == {"body": "Once", "posts": ["Once"]}
    tries = proxy.tries(*POSTS)
    assert len(tries) == 3 and same_key(tries)


@pytest.mark.parametrize("status", [429, 503])
async def test_what_passes_is_tried_again(teller: Teller, proxy: Proxy, status: int) -> None:
    proxy.faults += [
        Fault(*POSTS, times=1, status=status, headers={"Retry-After": "0"}),
        Fault(*POSTS, times=1, status=502),
    ]
    assert await teller.tell("publish", proxy.url) == {"body": "Once", "posts": ["Once"]}
    tries = proxy.tries(*POSTS)
    assert len(tries) == 3 and same_key(tries)


async def test_a_raced_key_is_tried_again(teller: Teller, proxy: Proxy) -> None:
    raced = b'{"status": 409, "code": "idempotency_raced", "title": "", "detail": "", "request_id": ""}'
    proxy.faults.append(Fault(*POSTS, times=1, status=409, headers={"Retry-After": "0"}, body=raced))
    assert await teller.tell("publish", proxy.url) == {"body": "Once", "posts": ["Once"]}
    assert len(proxy.tries(*POSTS)) == 2


async def test_tries_are_bounded(teller: Teller, proxy: Proxy) -> None:
    proxy.faults.append(Fault(*POSTS, times=100, status=503))
    assert await teller.tell("refused", proxy.url) == {"status": 503, "code": "http_503", "retry_after": None}
    assert len(proxy.tries(*POSTS)) == 4


async def test_a_long_wait_is_not_waited_for(teller: Teller, proxy: Proxy) -> None:
    proxy.faults.append(Fault(*POSTS, times=100, status=429, headers={"Retry-After": "3600"}))
    assert await teller.tell("refused", proxy.url) == {"status": 429, "code": "http_429", "retry_after": 3600}
    assert len(proxy.tries(*POSTS)) == 1


async def test_a_wait_may_be_a_date(teller: Teller, proxy: Proxy) -> None:
    date = email.utils.format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    proxy.faults.append(Fault(*POSTS, times=100, status=503, headers={"Retry-After": date}))
    found = await teller.tell("refused", proxy.url)
    assert 3000 < found["retry_after"] <= 3600
    assert len(proxy.tries(*POSTS)) == 1


async def test_other_refusals_are_final(teller: Teller, proxy: Proxy) -> None:
    proxy.faults.append(Fault(*POSTS, times=100, status=500))
    assert (await teller.tell("refused", proxy.url))["status"] == 500
    assert len(proxy.tries(*POSTS)) == 1


async def test_a_call_that_nobody_answered_can_be_repeated_by_its_key(teller: Teller, proxy: Proxy) -> None:
    proxy.faults.append(Fault(*POSTS, times=4))
    assert await teller.tell("unreachable", proxy.url) == {"body": "Once", "posts": ["Once"]}
    tries = proxy.tries(*POSTS)
    assert len(tries) == 5 and same_key(tries)


async def test_replays(teller: Teller, proxy: Proxy) -> None:
    found = await teller.tell("replays", proxy.url)
    assert found == {"same": True, "status": 422, "code": "idempotency_mismatch"}


async def test_problems(teller: Teller, proxy: Proxy) -> None:
    assert await teller.tell("problems", proxy.url) == {
        "handle": [422, "invalid", True],
        "request_id": True,
        "password": [401, "wrong_credentials", []],
        "anonymous": [401, "unauthorized"],
        # DELETE /v1/auth/sessions/ would end all of them.
        "nothing": "not asked",
    }
    assert proxy.tries(*REFRESH) == []


async def test_a_block_hides_like_nothing_there(teller: Teller, proxy: Proxy) -> None:
    found = await teller.tell("block", proxy.url)
    assert found["before"] == "For all" and found["blocked"] == ["ada"]
    assert found["post"][0] == found["person"][0] == 404


async def test_a_deletion_whose_answer_was_lost_is_done(teller: Teller, proxy: Proxy) -> None:
    found = await teller.tell("deletes", proxy.url)
    assert found == {"left": [], "nobody": 404}
    (removed, _) = [seen for seen in proxy.seen if seen.method == "DELETE"]
    assert removed.path.startswith("/v1/posts/")


async def test_a_copy_is_kept_up_to_date(teller: Teller, proxy: Proxy) -> None:
    assert await teller.tell("sync", proxy.url) == {"began_anew": True, "and_later": False}


async def test_an_api_key_in_place_of_a_session(teller: Teller, proxy: Proxy) -> None:
    assert await teller.tell("keys", proxy.url) == {
        "body": "Rain",
        "author": "ada",
        "beyond": [403, "insufficient_scope"],
        "ended": 401,
        "left": [],
    }
    assert proxy.tries(*REFRESH) == []


async def test_a_file(teller: Teller, proxy: Proxy) -> None:
    assert await teller.tell("export", proxy.url) == {"begins": list(b"PK"), "whole": True}


async def test_many_calls_refresh_once(teller: Teller, proxy: Proxy) -> None:
    assert await teller.tell("refresh", proxy.url) == {"handles": ["ada"], "kept": True}
    assert len(proxy.tries(*REFRESH)) == 1 and len(proxy.tries(*ME)) == 12


async def test_many_refused_calls_refresh_once(teller: Teller, proxy: Proxy) -> None:
    assert await teller.tell("outdated", proxy.url) == {"handles": ["ada"]}
    assert len(proxy.tries(*REFRESH)) == 1 and len(proxy.tries(*ME)) == 24


async def test_a_lost_refresh_is_repeated_by_its_key(teller: Teller, proxy: Proxy) -> None:
    proxy.faults.append(Fault(*REFRESH, times=2))
    assert await teller.tell("refresh", proxy.url) == {"handles": ["ada"], "kept": True}
    tries = proxy.tries(*REFRESH)
    assert len(tries) == 3 and same_key(tries)


async def test_clients_that_share_a_storage_refresh_once(teller: Teller, proxy: Proxy) -> None:
    assert await teller.tell("shared", proxy.url) == {"same": True}
    assert len(proxy.tries(*REFRESH)) == 1


async def test_an_ended_session_is_forgotten(teller: Teller, proxy: Proxy) -> None:
    assert await teller.tell("ended", proxy.url) == {"refused": 401, "forgotten": True, "signed_out": True}


async def test_a_call_given_up_takes_no_refresh_with_it(teller: Teller, proxy: Proxy) -> None:
    assert await teller.tell("cancelled", proxy.url) == {"second": "ada"}
    assert len(proxy.tries(*REFRESH)) == 1


@pytest.mark.parametrize("teller", ["python"], indirect=True)
async def test_a_client_closed_during_its_refresh_keeps_the_tokens(teller: Teller, proxy: Proxy) -> None:
    assert await teller.tell("closed", proxy.url) == {"handle": "ada"}
    assert len(proxy.tries(*REFRESH)) == 1
