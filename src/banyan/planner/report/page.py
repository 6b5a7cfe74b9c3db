"""The page: the answer, then pictures, then reasons, prices and findings."""

import base64
import hashlib
from importlib import resources
from itertools import pairwise

from jinja2 import Environment, StrictUndefined
from msgspec import Struct

from banyan.planner import words
from banyan.planner.answer import answer, bill_of, machines_of, two_schedules
from banyan.planner.plan import Band, CostLine, Finding, GrowthMonth, Phase, Plan, Rejected, Trigger, Upgrade
from banyan.planner.report.charts import Line, line_chart, timeline
from banyan.planner.report.diagram import diagram
from banyan.planner.report.svg import bar

_SHOWN_REASONS, _SHOWN_OPTIONS = 5, 3


class Figure(Struct, frozen=True):
    """One of the large figures at the top."""

    name: str
    value: str
    note: str


class Chart(Struct, frozen=True):
    """A picture and what is said above it."""

    caption: str
    note: str
    picture: str


class ScenarioView(Struct, frozen=True):
    """A scenario's three pictures."""

    name: str
    charts: list[Chart]
    earns: bool
    uncertain: bool


class Reason(Struct, frozen=True):
    """Why options were not taken, and which these are."""

    text: str
    options: list[str]


class PhaseView(Struct, frozen=True):
    """A phase with its bill in two parts, and the options beside it."""

    phase: Phase
    picture: str
    paid: list[CostLine]
    free: list[CostLine]
    title: str
    rejected: list[Reason]
    others: list[Reason]


class Playbook(Struct, frozen=True):
    """How to move from one phase to the next, and when in each scenario."""

    before: str
    after: str
    steps: list[str]
    upgrades: list[Upgrade]


def report_html(plan: Plan) -> str:
    """The whole report as one HTML text: no script, nothing that is fetched."""
    style = _file("page.css")
    return (
        _environment()
        .from_string(_file("page.html"))
        .render(
            plan=plan,
            title=plan.title or plan.name,
            answer=answer(plan),
            two_schedules=two_schedules(plan),
            style=style,
            style_hash=_hash(style),
            notes=words.Footnotes(),
            figures=_figures(plan),
            bands=_bands(plan),
            timeline=timeline(plan.growth),
            scenarios=[_scenario(plan, name, months) for name, months in plan.growth.items() if months],
            playbooks=_playbooks(plan.upgrades),
            phases=[_phase(phase) for phase in plan.phases],
            refused=_reasons(plan.unmet.rejected) if plan.unmet else [],
            findings=_by_severity(plan.findings),
            disputed=[each for each in plan.stated if not each.agrees],
            parts=_parts(plan),
        )
    )


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(style: str) -> str:
    """What the page's policy lets through: this style sheet and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


def _environment() -> Environment:
    found = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    for name in ("resource", "ends", "people", "rate", "size", "money", "share", "per_user", "month", "day"):
        found.filters[name] = getattr(words, name)
    found.globals |= {
        "machines": machines_of,
        "between": words.between,
        "order": words.order,
        "window": words.window,
        "bar": lambda share, name: bar(share, f"{words.resource(name)} {words.share(share)}"),
        "scarcest": _scarcest,
        "where": _where,
        "metric": _metric,
        "level": _level,
        "lasting": _lasting,
    }
    return found


def _figures(plan: Plan) -> list[Figure]:
    """What a reader who stops after a second takes along."""
    peak = plan.demand.peak_requests_per_second
    found = []
    first = next((months[0] for months in plan.growth.values() if months), None)
    phase = next((each for each in plan.phases if first is None or each.name == first.phase), None)
    if phase is not None:
        found.append(Figure("A month, when full", words.money(phase.cost_month.total, plan.currency), phase.name))
        ends = words.ends_first(phase.binding_resource)
        found.append(Figure("Registered users it holds", words.people(phase.capacity.registered_users), ends))
    found.append(
        Figure(
            "Requests a second, at the peak", words.rate(peak.mid), f"{words.rate(peak.low)} to {words.rate(peak.high)}"
        )
    )
    left = [each for entries in plan.outgrow.values() for each in entries if each.order_by and each.month]
    if left:
        soonest = min(left, key=lambda each: each.order_by or plan.as_of)
        by = words.order(soonest.order_by, plan.as_of)
        found.append(Figure("Next order", by, f"{soonest.phase} is full in {words.month(soonest.month or '')}"))
    return found


def _bands(plan: Plan) -> list[tuple[str, Band]]:
    demand = plan.demand
    found = [("Requests a second", demand.peak_requests_per_second)]
    if len(demand.peak_requests_per_second_by_class) > 1:
        found += [
            (f"Requests a second: {name}", band) for name, band in demand.peak_requests_per_second_by_class.items()
        ]
    found.append(("Messages a second", demand.messages_per_second))
    found.append(("Requests in progress", demand.requests_in_progress))
    found.append(("Database connections in use", demand.database_connections_in_use))
    return found


def _scenario(plan: Plan, name: str, months: list[GrowthMonth]) -> ScenarioView:
    """People, cost and headroom of one scenario."""
    names = [each.month for each in months]
    changes = [
        number for number, (before, after) in enumerate(pairwise(months), start=1) if before.phase != after.phase
    ]
    people = _banded("registered users", [each.users for each in months], [each.users_band for each in months])
    cost = _banded("cost", [each.cost_month for each in months], [each.cost_band for each in months])
    known = sorted({resource for each in months for resource in each.headroom})
    free = [Line(words.resource(each), [month.headroom.get(each, 1.0) for month in months]) for each in known]

    def chart(caption: str, note: str, lines: list[Line], *, per_cent: bool = False) -> Chart:
        title = f"{caption} by month, {name}"
        drawn = line_chart(title, names, lines, per_cent=per_cent, changes=changes)
        return Chart(caption, note, drawn)

    charts = [
        chart("Registered users", "" if people.banded else "(exact)", [people]),
        chart(f"Cost a month, {plan.currency}", "" if cost.banded else "(exact)", [cost]),
    ]
    if free:
        charts.append(chart("Free share", "of each resource", free, per_cent=True))
    return ScenarioView(name, charts, any(each.revenue is not None for each in months), cost.banded)


def _banded(name: str, values: list[float], bands: list[Band]) -> Line:
    return Line(name, values, [each.low for each in bands], [each.high for each in bands])


def _playbooks(upgrades: list[Upgrade]) -> list[Playbook]:
    """The same move is described once, with its dates by scenario."""
    found: dict[tuple[str, ...], Playbook] = {}
    for each in upgrades:
        key = (each.from_phase, each.to_phase, *each.steps)
        found.setdefault(key, Playbook(each.from_phase, each.to_phase, each.steps, [])).upgrades.append(each)
    return list(found.values())


def _phase(phase: Phase) -> PhaseView:
    paid, free = bill_of(phase)
    reasons = _reasons(phase.rejected)
    return PhaseView(
        phase=phase,
        picture=diagram(phase),
        paid=paid,
        free=free,
        title=phase.title.removeprefix(f"{phase.topology}: "),
        rejected=reasons[:_SHOWN_REASONS],
        others=reasons[_SHOWN_REASONS:],
    )


def _reasons(rejected: list[Rejected]) -> list[Reason]:
    """Options that fail for the same reason are said together."""
    found: dict[str, list[str]] = {}
    for each in rejected:
        found.setdefault(each.reason, []).append(each.option)
    return [Reason(text, _few(options)) for text, options in found.items()]


def _few(options: list[str]) -> list[str]:
    more = len(options) - _SHOWN_OPTIONS
    return options if more <= 0 else [*options[:_SHOWN_OPTIONS], f"and {more} more"]


def _by_severity(findings: list[Finding]) -> list[tuple[str, list[Finding]]]:
    grouped = [(severity, [each for each in findings if each.severity == severity]) for severity in _SEVERITIES]
    return [(severity, found) for severity, found in grouped if found]


_SEVERITIES = ("error", "warning", "note")


def _parts(plan: Plan) -> list[tuple[str, str]]:
    """What there is to jump to."""
    wanted = (
        ("phases", "Phases", plan.phases),
        ("growth", "Growth", any(plan.growth.values())),
        ("upgrades", "Upgrade calendar", plan.upgrades),
        ("machines", "Machines and bill", plan.phases),
        ("unmet", "What nothing holds", plan.unmet),
        ("findings", f"Findings ({len(plan.findings)})", plan.findings),
        ("claims", "The document's figures", plan.stated),
        ("thresholds", "Thresholds", plan.triggers),
        ("advice", "Advice", plan.advice),
        ("sources", "Prices and sources", True),
    )
    return [(key, name) for key, name, there in wanted if there]


def _scarcest(month: GrowthMonth) -> str:
    if not month.headroom:
        return ""
    name = min(month.headroom, key=lambda each: month.headroom[each])
    return f"{words.resource(name)} ({words.share(month.headroom[name])} free)"


def _where(finding: Finding) -> list[str]:
    """The key's line and the key in the pieces between which it may be broken."""
    line = f"line {finding.line}: " if finding.line is not None else ""
    return f"{line}{finding.where}".replace(".", ".\0").split("\0")


def _metric(trigger: Trigger) -> str:
    named = next((name for name, short in _UNITS.items() if short == trigger.unit), trigger.unit)
    name = trigger.metric.removesuffix(f"_{named}").replace(".", " ")
    if trigger.unit == "share":
        return f"share of {name}" if name in _PARTS else f"{words.resource(name)} used"
    return words.resource(name)


def _level(value: float, unit: str) -> str:
    """A threshold with its unit."""
    if unit == "share":
        return words.share(value)
    shown = f"{value:,.0f}" if value >= _WHOLE else f"{value:.4g}"
    return f"{shown} {_UNITS.get(unit, unit)}"


def _lasting(minutes: float) -> str:
    return f"{minutes:g} min" if minutes else "at once"


_PARTS = ("error", "errors", "cache_hit", "requests")  # shares that are of something, not of a machine used
_WHOLE = 1000  # from here on without decimals
_UNITS = {"seconds": "s", "minutes": "min"}
