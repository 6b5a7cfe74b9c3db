"""Formulas over the figures of a file and of its plan: claims, conditions of rules.

A formula reads numbers, dotted keys, `+ - * / ( )` and sum, min, max, count, ceil, floor, round; nothing else, so that
a file can never run code. A key is looked up in the file, then in the plan; `plan.` in front asks the plan only.
Elements of a list are named by number, by name (`phases.mvp`), or all at once (`stack.services.*.memory_mib`).
A minus between two keys stands between spaces, since names may hold one.

Intervals are carried along: the result is an interval when an input is.
"""

import math
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from msgspec import Struct
from pydantic import BaseModel

from banyan.planner.plan import Band
from banyan.planner.quantity import Quantity

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d[\d_]*(?:\.\d+)?(?:e[+-]?\d+)?)"
    r"|(?P<key>[A-Za-z_][A-Za-z0-9_]*(?:\.(?:\*|[A-Za-z0-9_-]+))*)"
    r"|(?P<compare><=|>=|==|!=|<|>)"
    r"|(?P<mark>[-+*/(),]))"
)
_MAX_DEPTH = 50
_NAMES = ("name", "role", "item", "metric", "month", "phase", "plan", "code", "kind")


class FormulaError(ValueError):
    """The formula cannot be read or computed."""


class UnknownKeyError(FormulaError):
    """A key is neither in the file nor in the plan, or is not said there."""


class Token(NamedTuple):
    kind: str
    text: str


class Scope(Struct, frozen=True):
    """Where keys are looked up. `file` is a Workload, `plan` a Plan (or None before there is one)."""

    file: Any
    plan: Any = None

    def find(self, key: str) -> list[Any]:
        """Every value that the key names. Raises UnknownKeyError when there is none."""
        parts = key.split(".")
        if parts[0] == "plan":
            found = self._walk(self.plan, parts[1:])
        else:
            found = self._walk(self.file, parts) or self._walk(self.plan, parts)
        if not found:
            raise UnknownKeyError(f"{key} is not said")
        return found

    def _walk(self, start: Any, parts: list[str]) -> list[Any]:
        values = [start]
        for part in parts:
            values = [inner for value in values for inner in self._step(value, part)]
        return [value for value in values if value is not None]

    def _step(self, value: Any, part: str) -> list[Any]:
        if isinstance(value, str):
            # A service that is named, such as in the list of what runs on a machine.
            stack = getattr(self.file, "stack", None)
            value = next((each for each in stack.services if each.name == value), None) if stack else None
        if isinstance(value, dict):
            return list(value.values()) if part == "*" else [value[part]] if part in value else []
        if isinstance(value, list | tuple):
            return _elements(value, part)
        if part in _fields(value):
            return [getattr(value, part)]
        return []


def _fields(value: Any) -> Collection[str]:
    if isinstance(value, Struct):
        return value.__struct_fields__
    return type(value).model_fields if isinstance(value, BaseModel) else ()


def _elements(values: Sequence[Any], part: str) -> list[Any]:
    if part == "*":
        return list(values)
    if part.isdigit() and int(part) < len(values):
        return [values[int(part)]]
    if part in values:  # names of services
        return [part]
    for attribute in _NAMES:
        named = [value for value in values if getattr(value, attribute, None) == part]
        if named:
            return named
    return []


def evaluate(formula: str, scope: Scope) -> Quantity:
    """What the formula gives. Raises FormulaError."""
    reader = _Reader(formula, scope)
    try:
        value = reader.sum()
    except OverflowError:
        raise FormulaError(f"{formula!r} gives more than can be counted") from None
    reader.end()
    if not all(map(math.isfinite, (value.low, value.mid, value.high))):
        raise FormulaError(f"{formula!r} gives more than can be counted")
    return value


def holds(condition: str, scope: Scope) -> bool:
    """Whether `left < right` (or `<= > >= == !=`) is true of the middle figures. Raises FormulaError."""
    reader = _Reader(condition, scope)
    left = reader.sum()
    compare = reader.compare()
    right = reader.sum()
    reader.end()
    return _COMPARES[compare](left.mid, right.mid)


def inputs(formula: str, scope: Scope) -> dict[str, Quantity]:
    """The figures that the formula reads, by key; several under one key are added."""
    keys = dict.fromkeys(
        token.text for token in _tokens(formula) if token.kind == "key" and token.text not in _FUNCTIONS
    )
    return {key: _FUNCTIONS["sum"](_figures(key, scope)) for key in keys}


def agrees(stated: Quantity, computed: Quantity, tolerance_share: float) -> bool:
    """Whether one lies within the other, once the stated one is widened by the tolerance (at least rounding)."""
    slack_low, slack_high = (max(abs(edge) * tolerance_share, 1e-9) for edge in (stated.low, stated.high))
    inside = computed.low >= stated.low - slack_low and computed.high <= stated.high + slack_high
    around = computed.low <= stated.low + slack_low and computed.high >= stated.high - slack_high
    return inside or around


def _figures(key: str, scope: Scope) -> list[Quantity]:
    return [_figure(value, key) for value in scope.find(key)]


def _figure(value: Any, key: str) -> Quantity:
    if isinstance(value, Quantity):
        return value
    if isinstance(value, Band):
        return Quantity(value.low, value.mid, value.high)
    if isinstance(value, int | float) and math.isfinite(value):
        return _known(float(value))
    raise FormulaError(f"{key} is not a number")


def _known(value: float) -> Quantity:
    return Quantity(value, value, value)


def _tokens(formula: str) -> list[Token]:
    found, at = [], 0
    text = formula.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise FormulaError(f"cannot read {text[at:].strip()[:20]!r} in {formula!r}")
        found.append(Token(match.lastgroup, match.group(match.lastgroup)))
        at = match.end()
    return found


class _Reader:
    """Recursive descent: sum > product > sign > atom."""

    def __init__(self, formula: str, scope: Scope) -> None:
        self._formula = formula
        self._scope = scope
        self._tokens = _tokens(formula)
        self._at = 0
        self._depth = 0

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise FormulaError(f"{self._tokens[self._at].text!r} is left over in {self._formula!r}")

    def compare(self) -> str:
        token = self._next()
        if token.kind != "compare":
            raise FormulaError(f"expected a comparison instead of {token.text!r} in {self._formula!r}")
        return token.text

    def sum(self) -> Quantity:
        value = self._product()
        while (mark := self._take("+", "-")) is not None:
            right = self._product()
            value = _plus(value, right) if mark == "+" else _minus(value, right)
        return value

    def _product(self) -> Quantity:
        value = self._sign()
        while (mark := self._take("*", "/")) is not None:
            right = self._sign()
            value = _times(value, right) if mark == "*" else _over(value, right, self._formula)
        return value

    def _sign(self) -> Quantity:
        if self._take("-") is not None:
            return _minus(_known(0), self._atom())
        return self._atom()

    def _atom(self) -> Quantity:
        token = self._next()
        if token.kind == "number":
            return _known(float(token.text))
        if token.text == "(":
            value = self._nested()
            self._expect(")")
            return value
        if token.kind == "key" and token.text in _FUNCTIONS and self._take("(") is not None:
            return self._call(token.text)
        if token.kind == "key":
            values = _figures(token.text, self._scope)
            if len(values) != 1:
                raise FormulaError(f"{token.text} names {len(values)} figures; add them with sum(…)")
            return values[0]
        raise FormulaError(f"{token.text!r} stands in the wrong place in {self._formula!r}")

    def _call(self, name: str) -> Quantity:
        values: list[Quantity] = []
        while True:
            values.extend(self._argument(name))
            if self._take(",") is None:
                break
        self._expect(")")
        return _FUNCTIONS[name](values)

    def _argument(self, name: str) -> list[Quantity]:
        following = self._tokens[self._at + 1].text if self._at + 1 < len(self._tokens) else ""
        token = self._tokens[self._at] if self._at < len(self._tokens) else Token("", "")
        if token.kind == "key" and following in (",", ")"):
            self._at += 1
            if name == "count":
                return [_known(1)] * len(self._scope.find(token.text))
            return _figures(token.text, self._scope)
        return [self._nested()]

    def _nested(self) -> Quantity:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise FormulaError("the formula is nested too deep")
        value = self.sum()
        self._depth -= 1
        return value

    def _next(self) -> Token:
        if self._at == len(self._tokens):
            raise FormulaError(f"{self._formula!r} ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, *marks: str) -> str | None:
        if self._at < len(self._tokens) and self._tokens[self._at].text in marks:
            return self._next().text
        return None

    def _expect(self, mark: str) -> None:
        if self._take(mark) is None:
            raise FormulaError(f"{mark!r} is missing in {self._formula!r}")


def _plus(left: Quantity, right: Quantity) -> Quantity:
    return Quantity(left.low + right.low, left.mid + right.mid, left.high + right.high)


def _minus(left: Quantity, right: Quantity) -> Quantity:
    return Quantity(left.low - right.high, left.mid - right.mid, left.high - right.low)


def _times(left: Quantity, right: Quantity) -> Quantity:
    corners = [one * other for one in (left.low, left.high) for other in (right.low, right.high)]
    return Quantity(min(corners), left.mid * right.mid, max(corners))


def _over(left: Quantity, right: Quantity, formula: str) -> Quantity:
    if right.low <= 0 <= right.high or right.mid == 0:
        raise FormulaError(f"{formula!r} divides by 0")
    corners = [one / other for one in (left.low, left.high) for other in (right.low, right.high)]
    return Quantity(min(corners), left.mid / right.mid, max(corners))


def _parts(function: Callable[[list[float]], float]) -> Callable[[list[Quantity]], Quantity]:
    def apply(values: list[Quantity]) -> Quantity:
        if not values:
            raise FormulaError("a function needs a figure")
        return Quantity(
            function([value.low for value in values]),
            function([value.mid for value in values]),
            function([value.high for value in values]),
        )

    return apply


_FUNCTIONS: dict[str, Callable[[list[Quantity]], Quantity]] = {
    "sum": _parts(sum),
    "min": _parts(min),
    "max": _parts(max),
    "count": _parts(len),
    "ceil": _parts(lambda values: float(math.ceil(values[0]))),
    "floor": _parts(lambda values: float(math.floor(values[0]))),
    "round": _parts(lambda values: float(round(values[0]))),
}
_COMPARES: dict[str, Callable[[float, float], bool]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
}
