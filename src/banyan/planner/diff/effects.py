"""What one plan does otherwise than another, in the words of who reads it: demand, machines, bills, dates, findings."""

from collections.abc import Callable, Iterator

from banyan.planner import words
from banyan.planner.answer import machines_of
from banyan.planner.plan import Finding, Outgrown, Phase, Plan

_SHOWN_FINDINGS = 2
_SAME_SHARE = 0.005


def effects(before: Plan, after: Plan) -> list[str]:
    """Half sentences: what is asked, what it costs in all, what is rented, until when, what is wrong with it."""
    return [effect for group in _groups(before, after) for effect in group]


def leading(before: Plan, after: Plan) -> list[str]:
    """The effects that say most, few of each kind, and how many there are beside them."""
    groups = _groups(before, after)
    shown = [effect for group, most in zip(groups, (3, 1, 2, 1, 1), strict=True) for effect in group[:most]]
    left = sum(map(len, groups)) - len(shown)
    return [*shown, f"and {left} more"] if left else shown


def _groups(before: Plan, after: Plan) -> list[list[str]]:
    kinds = (_demand, _sums, _phases, _dates, _findings)
    return [list(kind(before, after)) for kind in kinds]


def moved(what: str, old: float, new: float, shown: Callable[[float], str], *, many: bool = False) -> Iterator[str]:
    """`what rises from 75 to 112 (+49%)`; nothing where both read the same. `many` for what is plural."""
    if shown(old) == shown(new) or abs(new - old) < _SAME_SHARE * abs(old):
        return
    share = f" ({(new - old) / old:+.0%})" if old > 0 else ""
    verb = ("rise" if new > old else "fall") + ("" if many else "s")
    yield f"{what} {verb} from {shown(old)} to {shown(new)}{share}"


def _demand(before: Plan, after: Plan) -> Iterator[str]:
    old, new = before.demand, after.demand

    def a_second(value: float) -> str:
        return f"{words.rate(value)} a second"

    yield from moved("registered users", old.registered_users, new.registered_users, words.people, many=True)
    yield from moved("the peak", old.peak_requests_per_second.mid, new.peak_requests_per_second.mid, _requests)
    yield from moved("people at once", old.peak_concurrent_users, new.peak_concurrent_users, words.people, many=True)
    yield from moved("messages", old.messages_per_second.mid, new.messages_per_second.mid, a_second, many=True)
    yield from moved("tables", old.database_gib, new.database_gib, words.size, many=True)
    yield from moved("files", old.media_gib, new.media_gib, words.size, many=True)
    yield from moved("traffic", old.egress_gib_per_month, new.egress_gib_per_month, _traffic)
    if old.time_zone != new.time_zone:
        yield f"windows are in the time of {new.time_zone}"


def _requests(value: float) -> str:
    return f"{words.rate(value)} requests/s"


def _traffic(gib: float) -> str:
    return f"{words.size(gib)} a month"


def _phases(before: Plan, after: Plan) -> Iterator[str]:
    had = {phase.name: phase for phase in before.phases}
    has = {phase.name: phase for phase in after.phases}
    for name, phase in has.items():
        if name not in had:
            cost = words.money(phase.cost_month.total, after.currency)
            yield f"{name} joins: {machines_of(phase)} for {cost} a month"
        else:
            parts = list(_phase(had[name], phase, (before.currency, after.currency)))
            if parts:
                yield f"{name} {', '.join(parts)}"
    gone = [name for name in had if name not in has]
    if gone:
        yield f"{', '.join(gone)} {'falls' if len(gone) == 1 else 'fall'} away"


def _phase(old: Phase, new: Phase, currencies: tuple[str, str]) -> Iterator[str]:
    machines = machines_of(old), machines_of(new)
    if machines[0] != machines[1]:
        yield f"takes {machines[1]} instead of {machines[0]}"
    costs = [
        words.money(each.cost_month.total, currency) for each, currency in zip((old, new), currencies, strict=True)
    ]
    known = currencies[0] == currencies[1] and old.cost_month.total > 0
    more = new.cost_month.total / old.cost_month.total - 1 if known else None
    if costs[0] != costs[1] and (more is None or abs(more) >= _SAME_SHARE):
        share = "" if more is None else f" ({more:+.0%})"
        yield f"costs {costs[1]} a month instead of {costs[0]}{share}"
    held, holds = old.capacity.registered_users, new.capacity.registered_users
    if abs(holds - held) >= max(_SAME_SHARE * held, 1):
        yield f"holds {words.people(holds)} users instead of {words.people(held)}"
    if old.binding_resource != new.binding_resource:
        yield f"{words.resource(new.binding_resource)} ends first instead of {words.resource(old.binding_resource)}"
    up = [words.percent_up(each.availability_percent) for each in (old, new)]
    if up[0] != up[1]:
        yield f"is up {up[1]} of the time instead of {up[0]}"


def _dates(before: Plan, after: Plan) -> Iterator[str]:
    for scenario, entries in after.outgrow.items():
        had = {entry.phase: entry for entry in before.outgrow.get(scenario, [])}
        for entry in entries:
            old = had.get(entry.phase)
            if old is not None and old.month != entry.month:
                yield f"{entry.phase} is outgrown {_month(entry)} instead of {_month(old)} ({scenario})"
    for name in after.outgrow.keys() - before.outgrow.keys():
        yield f"scenario {name} is new"
    for name in before.outgrow.keys() - after.outgrow.keys():
        yield f"scenario {name} is gone"


def _month(entry: Outgrown) -> str:
    return f"in {words.month(entry.month)}" if entry.month else "later than the scenario ends"


def _sums(before: Plan, after: Plan) -> Iterator[str]:
    """The bills of all months of a scenario together."""
    if before.currency != after.currency:
        return
    for scenario, months in after.growth.items():
        old = before.growth.get(scenario)
        if not old or len(old) != len(months):
            continue
        yield from moved(
            f"the sum of {len(months)} months ({scenario})",
            sum(month.cost_month for month in old),
            sum(month.cost_month for month in months),
            lambda amount: words.money(amount, after.currency),
        )


def _findings(before: Plan, after: Plan) -> Iterator[str]:
    had, has = ({(each.code, each.where): each for each in plan.findings} for plan in (before, after))
    for word, found in (
        ("new", [each for key, each in has.items() if key not in had]),
        ("gone", [each for key, each in had.items() if key not in has]),
    ):
        if len(found) > _SHOWN_FINDINGS:
            codes = ", ".join(dict.fromkeys(each.code for each in found))
            yield f"{len(found)} findings are {word} ({codes})"
        else:
            yield from (_found(word, each) for each in found)


def _found(word: str, each: Finding) -> str:
    return f"{word} {each.severity}: {each.message}"
