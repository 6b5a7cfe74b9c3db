"""Declarations are checked at the start, with words that say what is wrong."""

import pytest

from banyan.infra.declare import JobKind, Schedule, Subscriber
from banyan.infra.jobs.registry import BadDeclaration, Registry
from tests.infra.jobs.kinds import CountThing, OtherJob, ThingMade, do_nothing


def test_knows_subscribers_and_jobs_by_name() -> None:
    registry = Registry(
        [Subscriber(ThingMade, "feed.on_thing", do_nothing), Subscriber(ThingMade, "search.on_thing", do_nothing)],
        [JobKind(CountThing, do_nothing, max_attempts=3)],
    )
    assert registry.names == ["feed.on_thing", "jobs.CountThing", "search.on_thing"]
    assert [kind.name for kind in registry.subscribers_of(ThingMade)] == ["feed.on_thing", "search.on_thing"]
    assert registry.kind_of_job(CountThing).max_attempts == 3
    assert registry.find("jobs.Unheard") is None


def test_a_name_stands_for_one_handler() -> None:
    twice = Subscriber(ThingMade, "feed.on_thing", do_nothing)
    with pytest.raises(BadDeclaration, match=r"feed\.on_thing is declared twice"):
        Registry([twice, twice])
    with pytest.raises(BadDeclaration, match=r"jobs\.CountThing is declared twice"):
        Registry([Subscriber(ThingMade, "jobs.CountThing", do_nothing)], [JobKind(CountThing, do_nothing)])


@pytest.mark.parametrize("name", ["", "with space", "1st", "x" * 101, "semi;colon"])
def test_a_name_is_plain(name: str) -> None:
    with pytest.raises(BadDeclaration, match="no name for a job"):
        Registry([Subscriber(ThingMade, name, do_nothing)])


def test_limits_make_sense() -> None:
    with pytest.raises(BadDeclaration, match="at least one attempt"):
        Registry(kinds=[JobKind(CountThing, do_nothing, max_attempts=0)])
    with pytest.raises(BadDeclaration, match="time limit"):
        Registry(kinds=[JobKind(CountThing, do_nothing, timeout_seconds=0)])


def test_schedules_need_a_handler_a_name_and_patience() -> None:
    hourly = Schedule("count", 3600, CountThing(1))
    kinds = [JobKind(CountThing, do_nothing)]
    assert Registry(kinds=kinds, schedules=[hourly]).schedules == (hourly,)
    with pytest.raises(BadDeclaration, match=r"no JobKind is declared for jobs\.CountThing"):
        Registry(schedules=[hourly])
    with pytest.raises(BadDeclaration, match="schedule count is declared twice"):
        Registry(kinds=kinds, schedules=[hourly, hourly])
    with pytest.raises(BadDeclaration, match="more often than every second"):
        Registry(kinds=kinds, schedules=[Schedule("count", 0.5, CountThing(1))])


def test_a_job_that_nobody_runs_is_refused() -> None:
    with pytest.raises(BadDeclaration, match=r"no JobKind is declared for jobs\.OtherJob"):
        Registry().kind_of_job(OtherJob)
