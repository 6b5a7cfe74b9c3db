"""What a route takes, as its function declares it: from the path, from the query, and a JSON body. msgspec reads and
judges all of it. A signature is a fact about the function: it is found out once in a process, when first needed.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache, reduce
from inspect import Parameter, signature
from operator import or_
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

import msgspec
from msgspec import NODEFAULT, Meta, Struct

from banyan.infra.http.problems import UnsupportedMediaType
from banyan.kernel.errors import FieldError, Invalid, Malformed

# msgspec's messages end in where it went wrong: "Expected `str`, got `int` - at `$.audience.kind`".
_PLACE = re.compile(r" - at `\$\.?(?P<place>.*)`$")
_UNKNOWN = re.compile(r"unknown field `(?P<name>[^`]*)`")
_MISSING = re.compile(r"missing required field `(?P<name>[^`]*)`")
# What a request without a body says: enough where no field is required.
_NO_FIELDS = b"{}"
_NOT_JSON = "The body must be one JSON value in UTF-8."
_decode = msgspec.json.Decoder().decode

Kind = TypeVar("Kind")
Query = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryParameter:
    """What is asked of a parameter of the query. `name`: where the function calls it something else."""

    name: str | None = None
    description: str | None = None
    ge: int | None = None
    le: int | None = None
    min_length: int | None = None
    max_length: int | None = None


# Marks for whoever reads: a name that the path has comes from there, `data` is the body, all else stands in the query.
FromPath = Annotated[Kind, "path"]
FromQuery = Annotated[Kind, QueryParameter()]
JSONBody = Annotated[Kind, "body"]


@dataclass(frozen=True, slots=True)
class Taken:
    """One parameter of the path or the query; `default` is NODEFAULT where it must be there."""

    name: str
    called: str
    type: Any
    asked: QueryParameter
    default: Any


@dataclass(frozen=True, slots=True)
class Signature:
    """What a route takes and gives; `body` is None for one without a body, and may be left out unless `needs_body`."""

    takes_request: bool
    path: tuple[Taken, ...]
    query: tuple[Taken, ...]
    body: Any
    needs_body: bool
    returned: Any
    read_query: Callable[[Query], dict[str, Any]]
    decode_body: Callable[[bytes], Any]

    def read(self, query: Query, has_json: bool, content: bytes) -> dict[str, Any]:
        """The arguments that come from query and body.

        Raises Invalid with everything that is wrong, UnsupportedMediaType, Malformed for what is no JSON.
        """
        if self.body is None:
            return self.read_query(query) if self.query else {}
        body: Any = None
        complaints: list[FieldError] = []
        try:
            body = self._read_body(has_json, content)
        except Invalid as error:
            complaints += error.fields
        arguments: dict[str, Any] = {}
        if self.query:
            try:
                arguments = self.read_query(query)
            except Invalid as error:
                complaints += error.fields
        if complaints:
            raise _invalid(complaints)
        arguments["data"] = body
        return arguments

    def _read_body(self, has_json: bool, content: bytes) -> Any:
        if not content and not self.needs_body:
            return self.decode_body(_NO_FIELDS)
        if not content:
            raise _invalid([FieldError("body", "missing_field", "This address wants a JSON body.")])
        if not has_json:
            raise UnsupportedMediaType("Send `Content-Type: application/json`.")
        try:
            return self.decode_body(content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # Whether it is JSON at all comes first, whatever the decoder met first.
            value = _decode_plain(content)
        except RecursionError:
            raise Malformed("The body is nested too deeply.") from None
        try:
            return msgspec.convert(value, self.body)
        except msgspec.ValidationError as error:
            raise _invalid([_complaint("", str(error))]) from None


def _decode_plain(content: bytes) -> Any:
    try:
        return _decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Malformed(_NOT_JSON) from None
    except RecursionError:
        raise Malformed("The body is nested too deeply.") from None


@lru_cache(1024)
def parse_query(query: bytes) -> Query:
    """Names and values as they stand there, empty values too."""
    return tuple(parse_qsl(query.decode("latin-1"), keep_blank_values=True))


@cache
def signature_of(function: Callable[..., Any], in_path: tuple[tuple[str, type], ...]) -> Signature:
    """Raises TypeError for what no route may take or leave out; `in_path` are the path's parameters and their types."""
    hints = get_type_hints(function, include_extras=True)
    where = f"{function.__module__}.{function.__qualname__}"
    if "return" not in hints:
        raise TypeError(f"{where}: say what it returns")
    wanted = dict(in_path)
    given = [one for one in signature(function).parameters.values() if one.name != "self"]
    for one in given:
        if one.name not in hints or one.kind not in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY):
            raise TypeError(f"{where}: `{one.name}` needs a type and a place of its own")
    taken = {one.name: _taken(one, hints[one.name]) for one in given if one.name not in ("request", "data")}
    for name, kind in wanted.items():
        if name in taken and taken[name].type is not kind:
            raise TypeError(f"{where}: `{name}` is {kind.__name__} in the path")
    query = tuple(one for one in taken.values() if one.name not in wanted)
    body = _bare(hints["data"])[0] if "data" in hints else None
    decode_body = msgspec.json.Decoder(body or Any).decode
    return Signature(
        takes_request=any(one.name == "request" for one in given),
        path=tuple(one for one in taken.values() if one.name in wanted),
        query=query,
        body=body,
        needs_body=body is not None and not _takes(decode_body, _NO_FIELDS),
        returned=hints["return"],
        read_query=_query_reader(query),
        decode_body=decode_body,
    )


def _takes(decode: Callable[[bytes], Any], content: bytes) -> bool:
    try:
        decode(content)
    except msgspec.ValidationError:
        return False
    return True


def _taken(parameter: Parameter, hint: Any) -> Taken:
    kind, asked = _bare(hint)
    return Taken(parameter.name, asked.name or parameter.name, kind, asked, _default(parameter))


def _default(parameter: Parameter) -> Any:
    return NODEFAULT if parameter.default is Parameter.empty else parameter.default


def _bare(hint: Any) -> tuple[Any, QueryParameter]:
    """The type without our marks, and what is asked of it."""
    if get_origin(hint) is not Annotated:
        return hint, QueryParameter()
    kind, *marks = get_args(hint)
    asked = next((mark for mark in marks if isinstance(mark, QueryParameter)), QueryParameter())
    own = [mark for mark in marks if isinstance(mark, Meta)]
    return reduce(lambda inner, mark: Annotated[inner, mark], own, kind), asked


def _query_reader(query: tuple[Taken, ...]) -> Callable[[Query], dict[str, Any]]:
    """From a query to arguments; of values that come twice the last counts. Raises Invalid."""
    types = {one.called: _held_to(one.type, one.asked) for one in query}
    model: type[Struct] = msgspec.defstruct(
        "Query",
        [(one.name, types[one.called], one.default) for one in query],
        rename={one.name: one.called for one in query},
        kw_only=True,
    )

    def read(pairs: Query) -> dict[str, Any]:
        values = dict(pairs)
        try:
            return msgspec.structs.asdict(msgspec.convert(values, model, strict=False))
        except msgspec.ValidationError:
            raise _invalid(list(_wrong(values, query, types))) from None

    return read


def _held_to(kind: Any, asked: QueryParameter) -> Any:
    """msgspec takes limits on what is not None."""
    limits = {name: getattr(asked, name) for name in ("ge", "le", "min_length", "max_length")}
    limits = {name: limit for name, limit in limits.items() if limit is not None}
    if not limits:
        return kind
    meta = Meta(**limits)
    if get_origin(kind) in (Union, UnionType):
        return reduce(or_, (one if one is NoneType else Annotated[one, meta] for one in get_args(kind)))
    return Annotated[kind, meta]


def _wrong(values: Mapping[str, str], query: tuple[Taken, ...], types: Mapping[str, Any]) -> Iterator[FieldError]:
    """All that is wrong; msgspec stops at the first."""
    for one in query:
        if one.called not in values:
            if one.default is NODEFAULT:
                yield FieldError(one.called, "missing_field", f"The query must have `{one.called}`.")
            continue
        try:
            msgspec.convert(values[one.called], types[one.called], strict=False)
        except msgspec.ValidationError as error:
            yield _complaint(one.called, str(error))


def _invalid(fields: list[FieldError]) -> Invalid:
    return Invalid("Some fields are not as documented: see `errors`.", fields=fields)


def _complaint(place: str, message: str) -> FieldError:
    """In the words of msgspec, without its own way to say where; `place` is where the value stood that it judged."""
    found = _PLACE.search(message)
    below = found["place"] if found else ""
    message = message.partition(" - at ")[0]
    place = ".".join(part for part in (place, below) if part)
    for pattern, code in ((_UNKNOWN, "unknown_field"), (_MISSING, "missing_field")):
        if match := pattern.search(message):
            return FieldError(f"{place}.{match['name']}" if place else match["name"], code, message)
    return FieldError(place or "body", "invalid", message)
