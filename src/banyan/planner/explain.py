"""Why a figure of the plan is what it is: its formula, what goes into it with the sources, and the result."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import msgspec
from msgspec import Struct

from banyan.planner.compute import Computed
from banyan.planner.formulas import FORMULAS, Formula
from banyan.planner.quantity import Quantity
from banyan.planner.words import figure
from banyan.planner.workload.models import Section

_MISSING = object()


class Input(Struct, frozen=True):
    """One thing that a figure hangs on."""

    key: str
    value: str
    source: str


class Explanation(Struct, frozen=True):
    """What `--why` prints."""

    key: str
    result: str
    formula: str
    inputs: list[Input]


class UnknownKey(LookupError):
    """The plan has no such key. Says which keys are there."""


def explain(computed: Computed, key: str) -> Explanation:
    """Looks a dotted key of the plan up (`phases.single.cost_month.total`). Raises UnknownKey.

    Elements of lists are named by their name, month, metric, role or number.
    """
    plain = msgspec.to_builtins(computed.plan)
    parts = key.split(".")
    value = _find(plain, parts)
    generic = ".".join(_generic(plain, parts))
    formula = formula_of(generic)
    inputs = [each for pattern in formula.inputs for each in _inputs(computed, plain, parts, pattern)]
    return Explanation(key, _shown(value), formula.text, inputs)


def formula_of(generic: str) -> Formula:
    """The formula of a key whose list elements are `*`; that of what holds it where it has none of its own."""
    parts = generic.split(".")
    while parts:
        for pattern, formula in FORMULAS.items():
            if fnmatchcase(".".join(parts), pattern):
                return formula
        parts.pop()
    return Formula("as it stands in the file", ())


def _find(value: Any, parts: list[str]) -> Any:
    rest = list(parts)
    while rest:
        found, used = _step(value, rest)
        if found is _MISSING:
            raise UnknownKey(f"the plan has no `{'.'.join(parts)}`; at `{rest[0]}` there are: {_choices(value)}")
        value, rest = found, rest[used:]
    return value


def _step(value: Any, rest: list[str]) -> tuple[Any, int]:
    """The element, and how many parts of the key name it: some names have dots in them."""
    for used in range(1, len(rest) + 1):
        name = ".".join(rest[:used])
        if isinstance(value, dict) and name in value:
            return value[name], used
        if isinstance(value, list):
            for number, each in enumerate(value):
                if name in (str(number), *_names(each)):
                    return each, used
    return _MISSING, 0


def _names(element: Any) -> Iterator[str]:
    if isinstance(element, dict):
        for field in ("name", "month", "metric", "role", "item", "phase", "code", "year", "option", "claim"):
            if field in element:
                yield str(element[field])


def _generic(value: Any, parts: list[str]) -> Iterator[str]:
    rest = list(parts)
    while rest:
        found, used = _step(value, rest)
        names = isinstance(value, list)
        yield "*" if names else ".".join(rest[:used])
        value, rest = found, rest[used:]


def _choices(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(value)
    if isinstance(value, list):
        return ", ".join(next(_names(each), str(number)) for number, each in enumerate(value[:12])) or "nothing"
    return "nothing below a figure"


def _inputs(computed: Computed, plain: Any, parts: list[str], pattern: str) -> Iterator[Input]:
    """What stands behind a pattern of `formulas`; `plan:` keys may be relative to the key that is asked."""
    kind, _, wanted = pattern.partition(":")
    if kind == "plan":
        yield from _plan_input(plain, parts, wanted)
    elif kind == "price":
        yield from _prices(plain, parts)
    elif kind == "set":
        value = _attribute(computed.workload, wanted)
        if value is not None:
            yield Input(wanted, _shown(value), "the file, or the default of its format")
    else:
        for key, (quantity, source) in sorted(computed.draws.taken.items()):
            if fnmatchcase(key, wanted):
                yield Input(key, shown_quantity(quantity), source)


def _plan_input(plain: Any, parts: list[str], wanted: str) -> Iterator[Input]:
    ups = re.match(r"\^*", wanted)
    up = len(ups.group()) if ups else 0
    path = [*parts[: len(parts) - up], *wanted[up:].split(".")] if up else wanted.split(".")
    try:
        yield Input(".".join(path), _shown(_find(plain, path)), "this plan")
    except UnknownKey:
        return


def _prices(plain: Any, parts: list[str]) -> Iterator[Input]:
    """Every line of the bill that the key is part of."""
    place = parts.index("cost_month") if "cost_month" in parts else len(parts)
    cost = _find(plain, [*parts[:place], "cost_month"])
    lines = cost["lines"] if isinstance(cost, dict) else []
    for line in lines:
        day = f" of {line['as_of']}" if line["as_of"] else ", undated"
        checked = "" if line["verified"] else ", unverified"
        yield Input(line["item"], f"{line['amount']:,.2f}", f"{line['source']}{day}{checked}")


def _attribute(workload: Any, dotted: str) -> Any:
    value = workload
    for name in dotted.split("."):
        value = getattr(value, name, None)
    return value


def shown_quantity(quantity: Quantity) -> str:
    """As a file says it."""
    if quantity.known:
        return f"{quantity.mid:,.10g}"
    return f"[{', '.join(figure(each, 6) for each in (quantity.low, quantity.mid, quantity.high))}]"


def _shown(value: Any) -> str:
    if isinstance(value, Quantity):
        return shown_quantity(value)
    if isinstance(value, float):
        return figure(value, 6)
    if isinstance(value, dict | list | Section):
        return msgspec.json.encode(_bare(value)).decode()
    return "nothing" if value is None or value == "" else str(value)


def _bare(value: Any) -> Any:
    """A part of a file as it says it, without what it leaves out."""
    if isinstance(value, Quantity):
        return value.mid if value.known else [value.low, value.mid, value.high]
    if isinstance(value, Section):
        said = value.model_fields_set
        return {name: _bare(getattr(value, name)) for name in type(value).model_fields if name in said}
    if isinstance(value, dict):
        return {str(name): _bare(each) for name, each in value.items()}
    return [_bare(each) for each in value] if isinstance(value, list | tuple) else value
