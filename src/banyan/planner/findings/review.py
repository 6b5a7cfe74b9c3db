"""All findings, claims and advice of a file with its plan."""

from collections.abc import Callable, Iterator
from datetime import date

from msgspec import structs

from banyan.planner.advice import advise
from banyan.planner.catalogue.prices import Catalogue, load_catalogue
from banyan.planner.findings import (
    availability,
    backups,
    caches,
    claims,
    connections,
    memory,
    objectives,
    prices,
    ratios,
    schedule,
    space,
    sums,
    thresholds,
)
from banyan.planner.findings.context import Context
from banyan.planner.plan import Finding, Plan
from banyan.planner.workload.lines import Lines
from banyan.planner.workload.models import Workload

_ORDER = {"error": 0, "warning": 1, "note": 2}
_FAMILIES: tuple[Callable[[Context], Iterator[Finding]], ...] = (
    sums.find,
    ratios.find,
    claims.find,
    prices.find,
    objectives.find,
    thresholds.find,
    availability.find,
    backups.find,
    caches.find,
    memory.find,
    connections.find,
    space.find,
    schedule.find,
)


def find_findings(context: Context) -> list[Finding]:
    """Every finding, errors first, in the order of the families within."""
    return sorted((each for family in _FAMILIES for each in family(context)), key=_rank)


def _rank(each: Finding) -> int:
    return _ORDER[each.severity]


def review_plan(plan: Plan, workload: Workload, as_of: date, catalogue: Catalogue | None = None) -> Plan:
    """The plan with findings, stated claims and advice added to what it has of them."""
    prices_of = catalogue or load_catalogue(workload.rent, workload.currency)
    context = Context(workload, plan, prices_of, as_of)
    return structs.replace(
        plan,
        findings=sorted([*plan.findings, *find_findings(context)], key=_rank),
        stated=claims.state_claims(context),
        advice=[*plan.advice, *advise(workload, plan, prices_of)],
    )


def with_lines(findings: list[Finding], lines: Lines) -> list[Finding]:
    """The findings with the line of the file that each is about, where it is about one."""
    return [structs.replace(each, line=lines.of_dotted(each.where)) for each in findings]
