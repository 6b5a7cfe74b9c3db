"""Refresh tokens over HTTP: single use, reuse ends the session, a retry does not."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from banyan.features.accounts.models import Client
from banyan.features.accounts.refresh_tokens import RefreshTokens
from banyan.kernel.ids import new_id
from tests.features.accounts.steps import bearer, code, holds, refresh, sign_in
from tests.support.platform import Api, api_of, running_platform, settings_for

REUSED = (401, "refresh_reused")
INVALID = (401, "invalid_refresh_token")
CLIENT = Client("192.0.2.1", "192.0.2.1", "test")


@pytest.fixture
async def ada(api: Api) -> Api:
    return await api.sign_up("ada")


def token_of(ada: Api) -> str:
    return str(ada.signed_in["refresh_token"])


async def age_rotation(api: Api, by: timedelta) -> None:
    async with api.platform.pool.work() as work:
        await work.write("UPDATE accounts_sessions SET rotated_at = rotated_at - $1::interval", by)


async def test_each_use_gives_the_next_pair_of_the_same_session(api: Api, ada: Api) -> None:
    token = token_of(ada)
    seen = {token}
    for _ in range(4):
        answer = await refresh(api, token)
        assert answer.status_code == 200
        pair = answer.json()
        assert pair.keys() == {"access_token", "refresh_token", "expires_in", "token_type"}
        assert (pair["token_type"], pair["expires_in"]) == ("Bearer", 900)
        assert await holds(api, answer)
        token = pair["refresh_token"]
        seen.add(token)
    assert len(seen) == 5
    sessions = (await ada.get("/v1/auth/sessions")).json()["items"]
    assert len(sessions) == 1
    assert sessions[0]["last_used_at"] > sessions[0]["created_at"]


async def test_any_reuse_ends_the_session_and_is_remembered(api: Api, ada: Api) -> None:
    other = await sign_in(api, "ada")
    first = token_of(ada)
    second = await refresh(api, first)
    third = await refresh(api, second.json()["refresh_token"])
    assert await holds(api, third)
    assert code(await refresh(api, first)) == REUSED, "used long ago, no longer stored"
    assert code(await refresh(api, third.json()["refresh_token"])) == INVALID
    for dead in (second, third):
        assert not await holds(api, dead)
    assert (await ada.get("/v1/me")).status_code == 401
    assert code(await refresh(api, first)) == INVALID
    assert await holds(api, other), "another session is another family"


@pytest.mark.parametrize("key", [None, "k2"])
async def test_reuse_without_the_first_key_is_reuse(api: Api, ada: Api, key: str | None) -> None:
    headers = {"idempotency_key": key} if key else {}
    answer = await refresh(api, token_of(ada), idempotency_key="k1")
    assert code(await refresh(api, token_of(ada), **headers)) == REUSED
    assert not await holds(api, answer)


async def test_a_first_use_without_a_key_cannot_be_retried(api: Api, ada: Api) -> None:
    await refresh(api, token_of(ada))
    assert code(await refresh(api, token_of(ada), idempotency_key="k1")) == REUSED


async def test_a_retry_with_the_key_gets_a_new_pair(api: Api, ada: Api) -> None:
    """The first answer was lost: the process may have been killed after the commit."""
    first = await refresh(api, token_of(ada), idempotency_key="k1")
    again = await refresh(api, token_of(ada), idempotency_key="k1")
    assert again.status_code == 200
    assert again.json()["refresh_token"] != first.json()["refresh_token"]
    assert again.json()["access_token"] != first.json()["access_token"] or first.json() != again.json()
    assert await holds(api, again)
    after = await refresh(api, again.json()["refresh_token"], idempotency_key="k2")
    assert after.status_code == 200
    assert code(await refresh(api, first.json()["refresh_token"])) == REUSED, "its sibling was used"
    assert not await holds(api, after)


async def test_the_first_answer_may_still_arrive_and_be_the_one_kept(api: Api, ada: Api) -> None:
    first = await refresh(api, token_of(ada), idempotency_key="k1")
    again = await refresh(api, token_of(ada), idempotency_key="k1")
    kept = await refresh(api, first.json()["refresh_token"])
    assert kept.status_code == 200
    assert code(await refresh(api, again.json()["refresh_token"])) == REUSED


async def test_a_retry_after_a_kill_is_answered_by_another_process(api: Api, ada: Api, database_url: str) -> None:
    work = api.platform.pool.work()
    await api.platform.features.sessions.refresh(work, token_of(ada), "k1", CLIENT)
    await work.commit()
    # Committed, but nobody hears of it: as if the process had died before it answered.
    async with running_platform(settings_for(database_url)) as other, api_of(other) as second:
        answer = await refresh(second, token_of(ada), idempotency_key="k1")
        assert answer.status_code == 200
        assert await holds(second, answer)


async def test_a_rotation_that_was_not_committed_did_not_happen(api: Api, ada: Api) -> None:
    work = api.platform.pool.work()
    await api.platform.features.sessions.refresh(work, token_of(ada), "k1", CLIENT)
    await work.rollback()
    assert (await refresh(api, token_of(ada))).status_code == 200


async def test_after_thirty_seconds_a_retry_is_reuse(api: Api, ada: Api) -> None:
    await refresh(api, token_of(ada), idempotency_key="k1")
    await age_rotation(api, timedelta(seconds=29))
    answer = await refresh(api, token_of(ada), idempotency_key="k1")
    assert answer.status_code == 200, "and it does not prolong the thirty seconds"
    await age_rotation(api, timedelta(seconds=2))
    assert code(await refresh(api, token_of(ada), idempotency_key="k1")) == REUSED
    assert not await holds(api, answer)


async def test_only_the_token_just_used_can_be_retried(api: Api, ada: Api) -> None:
    second = await refresh(api, token_of(ada), idempotency_key="k1")
    await refresh(api, second.json()["refresh_token"], idempotency_key="k1")
    assert code(await refresh(api, token_of(ada), idempotency_key="k1")) == REUSED


async def test_of_two_at_once_without_a_key_one_wins_and_the_session_ends(api: Api, ada: Api) -> None:
    answers = await asyncio.gather(*(refresh(api, token_of(ada)) for _ in range(2)))
    winner, loser = sorted(answers, key=lambda answer: answer.status_code)
    assert winner.status_code == 200
    assert code(loser) == REUSED
    assert not await holds(api, winner)


async def test_of_many_at_once_with_the_key_all_get_a_pair(api: Api, ada: Api) -> None:
    """Tabs of one browser, or a client that retries too soon."""
    answers = await asyncio.gather(*(refresh(api, token_of(ada), idempotency_key="k1") for _ in range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({answer.json()["refresh_token"] for answer in answers}) == 4
    for answer in answers:
        assert await holds(api, answer)
    assert (await refresh(api, answers[0].json()["refresh_token"])).status_code == 200


async def test_what_retries_leave_behind_is_bounded(api: Api, ada: Api) -> None:
    answers = [await refresh(api, token_of(ada), idempotency_key="k1") for _ in range(9)]
    kept = await api.platform.pool.work().value("SELECT cardinality(refresh_digests) FROM accounts_sessions")
    assert kept == 4
    assert (await refresh(api, answers[-1].json()["refresh_token"])).status_code == 200


async def test_an_invented_token_is_refused(api: Api, ada: Api) -> None:
    for token in ("x", "A" * 64, "é" * 64, "-" * 64, "a b", "\0" * 64):
        assert code(await refresh(api, token)) == INVALID
    assert (await ada.get("/v1/me")).status_code == 200


async def test_knowing_a_sessions_id_does_not_let_one_end_it(api: Api, ada: Api) -> None:
    session_id = UUID((await ada.get("/v1/auth/sessions")).json()["items"][0]["id"])
    forged, _ = RefreshTokens("not the secret of this house" * 2).make(session_id)
    assert code(await refresh(api, forged)) == INVALID
    assert (await ada.get("/v1/me")).status_code == 200
    unknown, _ = RefreshTokens("s" * 43).make(new_id())
    assert code(await refresh(api, unknown)) == INVALID


async def test_a_session_ends_when_it_is_not_used(api: Api, ada: Api) -> None:
    async with api.platform.pool.work() as work:
        expires_at = await work.value("SELECT expires_at - last_used_at FROM accounts_sessions")
        assert timedelta(days=30) - expires_at < timedelta(seconds=5)
        await work.write("UPDATE accounts_sessions SET expires_at = now() - interval '1 second'")
    assert code(await refresh(api, token_of(ada))) == INVALID
    assert (await ada.get("/v1/auth/sessions")).status_code == 401


async def test_the_role_in_the_next_token_is_todays(api: Api, ada: Api) -> None:
    async with api.platform.pool.work() as work:
        await work.write("UPDATE accounts_accounts SET role = 'moderator'")
    answer = await refresh(api, token_of(ada))
    assert (await api.get("/v1/me", **bearer(answer))).json()["role"] == "moderator"


async def test_an_expired_access_token_beside_it_does_no_harm_to_other_accounts(api: Api, ada: Api) -> None:
    ben = await api.sign_up("ben")
    answer = await refresh(ben, token_of(ada))
    assert answer.status_code == 200
    assert (await api.get("/v1/me", **bearer(answer))).json()["handle"] == "ada"
