"""Advice: the documents' rules that hold for a plan, the file's own improvements, and what commitments save.

Free improvements come first, the largest gain before the others; rules follow in the order of `rules.toml`.
"""

import functools
import re
import tomllib
from importlib import resources

from msgspec import Struct

from banyan.planner import words
from banyan.planner.catalogue.prices import Catalogue, Discount
from banyan.planner.claims import FormulaError, Scope, UnknownKeyError, evaluate, holds
from banyan.planner.plan import Advice, Plan
from banyan.planner.workload.models import Improvement, Workload

_PLACE = re.compile(r"\{([^}]+)\}")


class Rule(Struct, frozen=True):
    """One rule of `rules.toml`."""

    code: str
    text: str
    source: str
    when: list[str]
    provider: str | None = None  # holds only where the plan rents from it
    shapes: list[str] = []  # of a plan on Banyan: holds only where it comes to one of them by its own sums


@functools.cache
def shipped_rules() -> tuple[Rule, ...]:
    """The rules as they are shipped."""
    raw = tomllib.loads(resources.files(__package__).joinpath("rules.toml").read_text())
    return tuple(Rule(**row) for row in raw["rules"])


def advise(workload: Workload, plan: Plan, catalogue: Catalogue) -> list[Advice]:
    """All that may be advised for this plan."""
    scope = Scope(workload, plan)
    rules = [
        Advice(rule.code, _fill(rule.text, scope, catalogue), rule.source)
        for rule in shipped_rules()
        if _applies(rule, plan, scope)
    ]
    return [*_improvements(workload), *rules, *_commitments(plan, catalogue)]


def _applies(rule: Rule, plan: Plan, scope: Scope) -> bool:
    rented = {machine.provider for phase in plan.phases for machine in phase.machines}
    if rule.provider is not None and rule.provider not in rented:
        return False
    topologies = {phase.topology for phase in plan.phases}
    if rule.shapes and plan.stack == "banyan" and topologies.isdisjoint(rule.shapes):
        return False
    try:
        return all(holds(condition, scope) for condition in rule.when)
    except UnknownKeyError:
        return False


def _fill(text: str, scope: Scope, catalogue: Catalogue) -> str:
    def figure(match: re.Match[str]) -> str:
        formula = match.group(1)
        if formula.startswith("item:"):
            return f"{words.figure(catalogue.items[formula.removeprefix('item:')].price, 4)} {catalogue.currency}"
        try:
            return _number(evaluate(formula, scope).mid)
        except FormulaError:
            return "an unknown number of"

    return _PLACE.sub(figure, text)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.2g}"


def _improvements(workload: Workload) -> list[Advice]:
    open_ones = [each for each in workload.improvements if not each.done]
    return [_improvement(each, workload) for each in sorted(open_ones, key=_free_and_gainful_first)]


def _free_and_gainful_first(improvement: Improvement) -> tuple[float, float, str]:
    cost = improvement.cost_month.mid if improvement.cost_month is not None else 0.0
    gain = improvement.gain_share.mid if improvement.gain_share is not None else 0.0
    return cost, -gain, improvement.name


def _improvement(improvement: Improvement, workload: Workload) -> Advice:
    gain, cost = improvement.gain_share, improvement.cost_month
    text = f"{improvement.text[:1].upper()}{improvement.text[1:]}"
    if gain is not None:
        shares = [gain.low] if gain.known else [gain.low, gain.high]
        text += f": {'-'.join(f'{share * 100:.0f}' for share in shares)}% more"
    if cost is not None:
        price = "-".join(words.figure(each, 6) for each in ([cost.low] if cost.known else [cost.low, cost.high]))
        text += ", at no cost" if cost.high == 0 else f", for {price} {workload.currency} a month"
    return Advice(
        f"improve-{improvement.name}",
        f"{text}.",
        workload.document or "the file",
        gain.mid if gain is not None else None,
        cost.mid if cost is not None else None,
    )


def _commitments(plan: Plan, catalogue: Catalogue) -> list[Advice]:
    """Where the last phase's machines are sold so; a document's own, whose seller it does not name, may be."""
    machines = plan.phases[-1].machines if plan.phases else []
    found = []
    for discount in catalogue.discounts:
        sold = [machine for machine in machines if machine.provider in ("", *discount.providers)]
        rent = sum(machine.count * machine.price_month for machine in sold)
        found += [_commitment(discount, rent, plan)] if rent > 0 else []
    return found


def _commitment(discount: Discount, rent: float, plan: Plan) -> Advice:
    low, high = discount.low_share, discount.high_share
    return Advice(
        discount.kind,
        f"{discount.kind.capitalize()} machines save {low * 100:.0f}-{high * 100:.0f}% for {discount.condition}: "
        f"{rent * low:,.0f}-{rent * high:,.0f} of the {rent:,.0f} {plan.currency} a month that the machines of "
        f"{plan.phases[-1].name} cost.",
        discount.source,
        (low + high) / 2,
        -rent * (low + high) / 2,
    )
