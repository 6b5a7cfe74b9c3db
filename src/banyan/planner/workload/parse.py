"""From a file's text to a Workload, or to all that is wrong in it, each with its line and what would be right."""

import difflib
import math
import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from msgspec import Struct
from pydantic import ValidationError

from banyan.planner.workload.checks import Complaint, check_workload
from banyan.planner.workload.lines import Key, Lines, dotted, find_lines
from banyan.planner.workload.models import Section, Workload

# Endings that say a unit: a key that differs in nothing else has the wrong unit, not a spelling mistake.
_UNITS = (
    *(
        "seconds",
        "minutes",
        "hours",
        "days",
        "months",
        "ms",
        "bytes",
        "kib",
        "mib",
        "gib",
        "kb",
        "mb",
        "gb",
        "tb",
        "tib",
    ),
    *("percent", "share", "per_second", "per_minute", "per_hour", "per_day", "per_month", "month", "users"),
)
_UNIT = re.compile(rf"_?({'|'.join(sorted(_UNITS, key=len, reverse=True))})$")
_ACCEPTED = "a number, [low, high] or [low, mid, high]"
_UNIT_WORDS = {
    **{unit: unit for unit in ("seconds", "minutes", "hours", "days", "months", "ms", "bytes", "percent")},
    **{"kib": "KiB", "mib": "MiB", "gib": "GiB", "tib": "TiB", "kb": "KB", "gb": "GB", "tb": "TB"},
}
# What the patterns of the models ask for.
_PATTERNS = {
    r"^[a-z0-9][a-z0-9_-]*$": "should be a name of small letters, digits, - and _",
    r"^[A-Z]{3}$": "should be a currency's three capital letters, such as EUR",
    r"^2\d{3}-(0[1-9]|1[0-2])$": 'should be a month, such as "2026-11"',
}
_PLAIN = {
    "string_type": "should be a text, in quotes",
    "string_too_short": "should not be empty",
    "int_type": "should be a whole number",
    "float_type": "should be a number, without quotes",
    "bool_type": "should be true or false",
}
_SECTION_TYPES = ("model_type", "model_attributes_type", "dict_type")
_DAY_TYPES = ("date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact")
_SYNTAX = (
    (
        re.compile(r"^Cannot declare \((.+?),?\) twice$"),
        r"the section \1 stands twice; its keys belong in one",
    ),
    (re.compile(r"^Cannot overwrite a value$"), r"this key stands twice in its section"),
    (re.compile(r"^Exceeds the limit .*$"), r"a number has thousands of digits"),
)
_MANY_DIGITS = re.compile(r"[0-9_]{4000}")
_LARGEST, _SMALLEST = 1e18, 1e-15


class Problem(Struct, frozen=True):
    """One thing that is wrong: where, and what would be right."""

    line: int
    key: str
    message: str

    def text(self, file: str) -> str:
        """As compilers say it: `file.toml:12: people.registred_users: unknown key; …`."""
        where = f"{file}:{self.line}: "
        return f"{where}{self.key}: {self.message}" if self.key else f"{where}{self.message}"


class WorkloadError(Exception):
    """The file is no workload. `problems` holds all that is wrong, in the order of the file."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(problem.text("line") for problem in problems))
        self.problems = tuple(problems)


class Parsed(Struct, frozen=True):
    """A file that was read, and where its keys stand."""

    workload: Workload
    lines: Lines


def parse_workload(text: str, *more: Callable[[Workload], Iterator[Complaint]]) -> Parsed:
    """Reads a planner file; `more` are checks beside those of the format.

    Raises WorkloadError with every problem at once.
    """
    text = text.removeprefix("\ufeff")  # some editors put a mark of the encoding before the first line
    try:
        raw = tomllib.loads(text)
        unfit = list(_unfit(raw))
    except ValueError as error:  # beside TOMLDecodeError that of an integer with thousands of digits
        raise WorkloadError([_syntax_problem(error, text)]) from None
    except RecursionError:
        raise WorkloadError([Problem(1, "", "lists or tables are nested too deep")]) from None
    lines = find_lines(text)
    if unfit:
        raise WorkloadError(_in_order({Problem(lines.of(key), dotted(key), message) for key, message in unfit}))
    try:
        workload = Workload.model_validate(raw)
    except ValidationError as error:
        problems = {_problem(details, raw, lines) for details in error.errors(include_url=False)}
        raise WorkloadError(_in_order(problems)) from None
    found = {
        Problem(lines.of(key), dotted(key), message)
        for check in (check_workload, *more)
        for key, message in check(workload)
    }
    if found:
        raise WorkloadError(_in_order(found))
    return Parsed(workload, lines)


def _unfit(value: Any, key: Key = ()) -> Iterator[Complaint]:
    """Texts that would steer the terminal which they are printed on, for TOML lets them in as escapes; and numbers
    whose products no float holds.
    """
    if isinstance(value, str) and any(unicodedata.category(each) == "Cc" and each not in "\n\t" for each in value):
        yield key, "should be a text without control characters"
    if isinstance(value, int | float) and math.isfinite(value):
        if abs(value) > _LARGEST:
            yield key, f"should be at most {_LARGEST:.0e}: nothing here is so large{_shown(value)}"
        elif 0 < abs(value) < _SMALLEST:
            yield key, f"should be 0, or at least {_SMALLEST:.0e}{_shown(value)}"
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield from _unfit(part, (*key, name))


def _in_order(problems: set[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: (problem.line, problem.key, problem.message))


def _syntax_problem(error: ValueError, text: str) -> Problem:
    words = str(error)
    at = re.search(r" \(at line (\d+), column (\d+)\)$", words)
    digits = _MANY_DIGITS.search(text) if words.startswith("Exceeds the limit") else None
    line = int(at.group(1)) if at else text.count("\n", 0, digits.start() if digits else len(text)) + 1
    words = words[: at.start()] if at else words.removesuffix(" (at end of document)")
    for pattern, plain in _SYNTAX:
        words = pattern.sub(plain, words)
    return Problem(line, "", f"this is not TOML: {words[:1].lower()}{words[1:]}")


def _problem(details: Mapping[str, Any], raw: dict[str, Any], lines: Lines) -> Problem:
    key = _known_part(details["loc"], raw)
    if details["type"] == "extra_forbidden":
        return Problem(lines.of(key), dotted(key), f"unknown key; {_right_key(key)}")
    if details["type"] == "missing":
        name = str(details["loc"][-1])
        key = (*key, name)
        return Problem(lines.of(key), dotted(key), f"is missing; it should be {_wanted(key)}")
    value = details["input"]
    if details["type"] == "list_type" and isinstance(value, dict):
        first = (*key, *list(value)[:1])
        return Problem(lines.of(first), dotted(key), f"should be a list: each of them begins with [[{dotted(key)}]]")
    return Problem(lines.of(key), dotted(key), f"{_right_value(details, key)}{_shown(value)}")


def _right_value(details: Mapping[str, Any], key: Key) -> str:
    """What the value should be."""
    kind, message = details["type"], str(details["msg"]).removeprefix("Value error, ")
    if kind == "string_pattern_mismatch":
        return _PATTERNS[details["ctx"]["pattern"]]
    if kind in _SECTION_TYPES:
        return f"should be a section, once: [{dotted(key)}], its keys below it"
    if kind in _DAY_TYPES:
        return "should be a day, such as 2026-11-26"
    if kind in ("too_short", "too_long"):
        limit = details["ctx"].get("min_length") or details["ctx"].get("max_length")
        return f"should be a list of {limit} (it has {details['ctx']['actual_length']})"
    if isinstance(details["input"], str) and _ACCEPTED in message:
        name = str(key[-1])
        if name.endswith("_share"):
            return "should be a share between 0 and 1: 0.1 is 10%"
        unit = _unit_of(key)
        return f"should be {_ACCEPTED}" + (f" in {unit}, without a unit: the name says it" if unit else "")
    if kind in _PLAIN:
        return _PLAIN[kind]
    message = re.sub(r"^Input should be (a valid )?", "should be ", message)
    return f"{message[:1].lower()}{message[1:]}"


def _known_part(location: tuple[str | int, ...], raw: Any) -> Key:
    """The location without what pydantic adds for its own reasons, such as the member of a union."""
    key: list[str | int] = []
    for part in location:
        if isinstance(raw, dict) and part in raw:
            raw = raw[str(part)]
        elif isinstance(raw, list) and isinstance(part, int) and part < len(raw):
            raw = raw[part]
        else:
            break
        key.append(part)
    return tuple(key)


def _shown(value: Any) -> str:
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    return f" (it is {shown})" if isinstance(value, str | int | float) and len(shown) < 60 else ""


def _unit_of(key: Key) -> str:
    found = _UNIT.search(str(key[-1]))
    return _UNIT_WORDS.get(found.group(1), "") if found else ""


def _right_key(key: Key) -> str:
    section = _section_at(key[:-1])
    if section is None:
        return "nothing can stand here"
    name, known = str(key[-1]), list(section.model_fields)
    if name == "users":
        counts = [field for field in known if field.endswith("_users")]
        if counts:
            return f"say which users: {', '.join(counts)}"
    stem = _UNIT.sub("", name)
    same_stem = [field for field in known if stem and _UNIT.sub("", field) == stem and _UNIT.search(field)]
    if same_stem and _UNIT.search(name) and name not in same_stem:
        return f"its unit is another one: {' or '.join(same_stem)}"
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {near[0]}?"
    homes = [where for where, fields in _all_sections().items() if name in fields]
    if homes:
        return f"it belongs in {' or '.join(homes)}"
    return f"known here: {', '.join(known)}"


def _all_sections() -> dict[str, list[str]]:
    found = {}
    for name, field in Workload.model_fields.items():
        section = _section_in(field.annotation)
        if section is not None:
            found[f"[{name}]"] = list(section.model_fields)
    return found


def _section_at(key: Key) -> type[Section] | None:
    """The section that stands at this key of a file."""
    section: type[Section] | None = Workload
    annotation: Any = Workload
    for part in key:
        if isinstance(part, int):
            annotation = _element(annotation)
        elif section is not None and part in section.model_fields:
            annotation = section.model_fields[part].annotation
        else:
            annotation = _element(annotation)
        section = annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None
        if section is None and get_origin(annotation) in (Union, UnionType):
            section = _section_in(annotation)
    return section


def _element(annotation: Any) -> Any:
    arguments = get_args(annotation)
    return arguments[-1] if arguments and get_origin(annotation) in (list, dict) else None


def _section_in(annotation: Any) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    origin = get_origin(annotation)
    if origin is Annotated:
        return _section_in(get_args(annotation)[0])
    for argument in get_args(annotation):
        found = _section_in(argument)
        if found is not None:
            return found
    return None


def _wanted(key: Key) -> str:
    section = _section_at(key[:-1])
    field = section.model_fields.get(str(key[-1])) if section else None
    if field is None:
        return "there"
    inner = _section_in(field.annotation)
    if inner is not None:
        required = [name for name, part in inner.model_fields.items() if part.is_required()]
        return f"a section [{dotted(key)}]" + (f" with at least {', '.join(required)}" if required else "")
    plain = str(field.annotation)
    kinds = {"Quantity": _ACCEPTED, "date": "a day, such as 2026-11-26", "str": "a text"}
    kind = next((words for name, words in kinds.items() if name in plain), "a number")
    if get_origin(field.annotation) is list:
        kind = "a list"
    return f"{kind}: {field.description}" if field.description else kind
