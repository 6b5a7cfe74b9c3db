"""The API as the clients see it, free of JSON Schema."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

ScalarName = Literal["string", "uuid", "time", "integer", "number", "boolean", "null", "bytes", "anything"]


@dataclass(frozen=True)
class Scalar:
    name: ScalarName


@dataclass(frozen=True)
class Literals:
    """One of these values; a newer server may know more."""

    values: tuple[str | int | bool, ...]


@dataclass(frozen=True)
class Ref:
    """A record or an alias by its name."""

    name: str


@dataclass(frozen=True)
class ListOf:
    item: "Type"


@dataclass(frozen=True)
class PageOf:
    """A cursor page."""

    item: "Type"


@dataclass(frozen=True)
class MapOf:
    """An object with any names and one type of value."""

    value: "Type"


@dataclass(frozen=True)
class AnyOf:
    options: "tuple[Type, ...]"


@dataclass(frozen=True)
class Variants:
    """One of several records, told apart by the value of `tag_field`; a newer server may know more."""

    tag_field: str
    options: "tuple[tuple[str, Ref], ...]"


Type = Scalar | Literals | Ref | ListOf | PageOf | MapOf | AnyOf | Variants

ANYTHING = Scalar("anything")
BYTES = Scalar("bytes")


def refs_in(kind: Type) -> Iterator[str]:
    """The names of records and aliases that a type mentions."""
    match kind:
        case Ref(name):
            yield name
        case ListOf(inner) | PageOf(inner) | MapOf(inner):
            yield from refs_in(inner)
        case AnyOf(options):
            for option in options:
                yield from refs_in(option)
        case Variants(_, tagged):
            for _, option in tagged:
                yield option.name


@dataclass(frozen=True)
class Field:
    """`default` holds what the server uses for a field left out, where `has_default`."""

    name: str
    type: Type
    required: bool
    description: str
    has_default: bool = False
    default: Any = None


@dataclass(frozen=True)
class Record:
    """An object with named fields. `asked` when clients send it, `answered` when servers do."""

    name: str
    description: str
    fields: Sequence[Field]
    asked: bool
    answered: bool


@dataclass(frozen=True)
class Alias:
    """A name for a type that is no record: the roles, or the kinds of change."""

    name: str
    description: str
    type: Type


@dataclass(frozen=True)
class Refusal:
    """An error that is this operation's own."""

    status: int
    code: str
    title: str


@dataclass(frozen=True)
class Operation:
    """One method of a client. `body_fields` are those of a body that is a record, `scope` is what a key needs."""

    id: str
    name: str
    method: str
    path: str
    summary: str
    description: str
    path_parameters: Sequence[Field]
    query: Sequence[Field]
    body: Type | None
    body_fields: Sequence[Field]
    content_type: str
    answers: Mapping[int, Type | None]
    refusals: Sequence[Refusal]
    signed: bool
    scope: str
    keeps_tokens: bool
    forgets_tokens: bool

    @property
    def takes_key(self) -> bool:
        return self.method == "POST"

    @property
    def conditions(self) -> Sequence[str]:
        """What is said of it beside what the route says: its scope and its own refusals."""
        said = [f"An API key needs the scope `{self.scope}`."] if self.scope else []
        if self.refusals:
            said.append(f"Refused with {', '.join(f'`{one.code}` ({one.status})' for one in self.refusals)}.")
        return said

    @property
    def listed(self) -> Type | None:
        """What a cursor list is a list of; None for any other operation."""
        kind = self.answers.get(200)
        is_list = self.method == "GET" and any(field.name == "cursor" for field in self.query)
        return kind.item if is_list and isinstance(kind, PageOf) else None


@dataclass(frozen=True)
class Group:
    """The operations of one tag."""

    tag: str
    operations: Sequence[Operation]


@dataclass(frozen=True)
class Topic:
    """What a socket may join: `conversation:{conversation_id}` has the key `conversation_id`."""

    address: str
    name: str
    keys: Sequence[str]
    event: Type
    durable: bool
    publish: bool

    @property
    def description(self) -> str:
        """What is said of it beside its events."""
        kept = "What is missed is sent later" if self.durable else "What is missed is lost"
        publish = ", and one may publish on it" if self.publish else ""
        return f"`{self.address}`. {kept}{publish}."


@dataclass(frozen=True)
class Api:
    groups: Sequence[Group]
    records: Sequence[Record]
    aliases: Sequence[Alias]
    codes: Sequence[str]
    topics: Sequence[Topic]

    @property
    def type_names(self) -> set[str]:
        return {record.name for record in self.records} | {alias.name for alias in self.aliases}
