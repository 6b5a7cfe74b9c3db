"""The frames of the protocol, version 1; docs/realtime.md describes each with an example."""

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Struct

from banyan.kernel.errors import BanyanError, FieldError, Invalid, Malformed

VERSION: Final = 1
_MAX_TOPIC_CHARACTERS = 120
_MAX_CREDENTIAL_CHARACTERS = 4096
_MAX_ID_CHARACTERS = 64
_MAX_OFFSET = (1 << 63) - 1

FrameId = str | int


class HelloFrame(Struct, frozen=True, tag_field="type", tag="hello"):
    """The first frame of a client: a ticket, or an access token."""

    version: int = VERSION
    ticket: str | None = None
    token: str | None = None
    id: FrameId | None = None


class SubscribeFrame(Struct, frozen=True, tag_field="type", tag="subscribe"):
    """Joins a topic; with the last `epoch` and `offset` that the client has of it, goes on from there. In place of
    `topic`, `topics` of one kind that takes several.
    """

    topic: str | None = None
    epoch: str | None = None
    offset: int | str | None = None
    id: FrameId | None = None
    topics: tuple[str, ...] = ()


class UnsubscribeFrame(Struct, frozen=True, tag_field="type", tag="unsubscribe"):
    """Leaves a topic, or several; answered with an ack."""

    topic: str | None = None
    id: FrameId | None = None
    topics: tuple[str, ...] = ()


class PublishFrame(Struct, frozen=True, tag_field="type", tag="publish"):
    """Sends something on a topic that takes it, such as typing; answered with an ack."""

    topic: str
    data: Any = None
    id: FrameId | None = None


class PingFrame(Struct, frozen=True, tag_field="type", tag="ping"):
    """Answered with a pong at once."""

    id: FrameId | None = None


class PongFrame(Struct, frozen=True, tag_field="type", tag="pong"):
    """Shows that the client is there; no answer."""

    id: FrameId | None = None


ClientFrame = HelloFrame | SubscribeFrame | UnsubscribeFrame | PublishFrame | PingFrame | PongFrame


class Limits(Struct, frozen=True):
    """What one client may do, told at hello."""

    max_message_bytes: int
    frames_per_second: float
    topics: int


class Welcome(Struct, frozen=True, tag_field="type", tag="hello"):
    """The answer to a client's hello; `person_id` is null for an anonymous socket."""

    version: int
    person_id: str | None
    heartbeat_seconds: int
    limits: Limits
    id: FrameId | None = None


class Subscribed(Struct, frozen=True, tag_field="type", tag="subscribed"):
    """A topic is joined. Not recovered: what the client knows of it may be outdated, so it reads it anew."""

    topic: str
    durable: bool
    recovered: bool
    epoch: str | None = None
    offset: int | str | None = None
    id: FrameId | None = None


class SubscribedMany(Struct, frozen=True, tag_field="type", tag="subscribed"):
    """Several topics of states are joined, those refused apart; how they stand follows in a frame of its own."""

    topics: list[str]
    refused: list[str]
    durable: bool = False
    recovered: bool = False
    id: FrameId | None = None


class StateOf(Struct, frozen=True):
    """How that stands which one has joined as `topic`."""

    topic: str
    data: msgspec.Raw


class States(Struct, frozen=True, tag_field="type", tag="states"):
    """How things stand: all that one has just joined, or what changed of it. Each may be older by `within_seconds`."""

    states: list[StateOf]
    within_seconds: int


class Ack(Struct, frozen=True, tag_field="type", tag="ack"):
    """An unsubscribe or publish was done."""

    topic: str
    id: FrameId | None = None


class AckMany(Struct, frozen=True, tag_field="type", tag="ack"):
    """Several topics were left."""

    topics: list[str]
    id: FrameId | None = None


class Pong(Struct, frozen=True, tag_field="type", tag="pong"):
    """The answer to a ping."""

    id: FrameId | None = None


class ErrorFrame(Struct, frozen=True, tag_field="type", tag="error", omit_defaults=True):
    """A frame was refused, or a topic was cut; the codes are those of the API."""

    code: str
    title: str
    status: int
    detail: str
    topic: str | None = None
    id: FrameId | None = None
    errors: tuple[FieldError, ...] = ()
    retry_after_seconds: float | None = None


class Goodbye(Struct, frozen=True, tag_field="type", tag="goodbye"):
    """The last frame. `reconnect`: whether it makes sense to come back, not before `after_seconds`."""

    reason: str
    reconnect: bool
    after_seconds: float


ServerFrame = Welcome | Subscribed | SubscribedMany | States | Ack | AckMany | Pong | ErrorFrame | Goodbye


class _Numbered(Struct, frozen=True):
    """Anything with an `id`."""

    id: FrameId | None = None


_decode: Callable[[str], ClientFrame] = msgspec.json.Decoder(ClientFrame).decode
_decode_id: Callable[[str], _Numbered] = msgspec.json.Decoder(_Numbered).decode
# How msgspec says what is wrong where.
_MISSING = re.compile(r"missing required field `(\w+)`")
_PLACE = re.compile(r"`\$\.(\w+)")
encode = msgspec.json.Encoder().encode


def read_frame(text: str) -> ClientFrame:
    """What a client has sent. Raises Malformed for what is no JSON, Invalid for what is no frame."""
    try:
        frame = _decode(text)
    except msgspec.ValidationError as error:
        raise _misshapen(str(error)) from None
    except (msgspec.DecodeError, UnicodeError):
        raise Malformed("A frame is one JSON object.") from None
    except RecursionError:
        raise Malformed("The frame is nested too deeply.") from None
    _check_sizes(frame)
    return frame


def find_id(text: str) -> FrameId | None:
    """The `id` of what is no frame; None where there is none that one could answer with."""
    try:
        found = _decode_id(text).id
        _check_id(found)
    except (msgspec.DecodeError, UnicodeError, RecursionError, Invalid):
        return None
    return found


def _misshapen(message: str) -> Invalid:
    """As the API says it: the field by its name, and what was expected there."""
    if missing := _MISSING.search(message):
        return Invalid.field(missing[1], "missing_field", message)
    place = _PLACE.search(message)
    return Invalid.field(place[1] if place else "frame", "invalid", message)


def _check_id(id: FrameId | None) -> None:
    if isinstance(id, str) and len(id) > _MAX_ID_CHARACTERS:
        raise Invalid.field("id", "too_long", f"At most {_MAX_ID_CHARACTERS} characters.")
    if isinstance(id, int) and abs(id) > _MAX_OFFSET:
        raise Invalid.field("id", "too_large", "At most 63 bits.")


def _check_sizes(frame: ClientFrame) -> None:
    """Raises Invalid. Only what is bounded is compared, stored, echoed or handed to the database."""
    _check_id(frame.id)
    if isinstance(frame, HelloFrame):
        if len(frame.ticket or "") + len(frame.token or "") > _MAX_CREDENTIAL_CHARACTERS:
            raise Invalid.field("token", "too_long", f"At most {_MAX_CREDENTIAL_CHARACTERS} characters.")
    elif isinstance(frame, SubscribeFrame | UnsubscribeFrame) and (frame.topic is None) != bool(frame.topics):
        raise Invalid.field("topic", "required", "Name one `topic`, or several `topics`.")
    if isinstance(frame, SubscribeFrame):
        if isinstance(frame.offset, int) and not 0 <= frame.offset <= _MAX_OFFSET:
            raise Invalid.field("offset", "invalid", "Pass the offset of the last event, unchanged.")
        if len(frame.epoch or "") > _MAX_TOPIC_CHARACTERS or (
            isinstance(frame.offset, str) and len(frame.offset) > _MAX_TOPIC_CHARACTERS
        ):
            raise Invalid.field("offset", "invalid", "Pass epoch and offset of the last event, unchanged.")
        if (frame.epoch is None) != (frame.offset is None):
            raise Invalid.field("offset", "invalid", "Pass epoch and offset together, or neither.")


def split_topic(name: str) -> tuple[str, str] | None:
    """Name and key of a topic as a client writes it; None for what no topic is called."""
    if not 0 < len(name) <= _MAX_TOPIC_CHARACTERS or not name.isascii():
        return None
    kind, _, key = name.partition(":")
    if not kind.replace("_", "").isalnum() or (key and not key.replace("-", "").replace("_", "").isalnum()):
        return None
    return kind, key


def error_frame(error: BanyanError, topic: str | None = None, id: FrameId | None = None) -> ErrorFrame:
    """A refusal as a frame."""
    return ErrorFrame(
        code=error.code,
        title=error.title,
        status=error.status,
        detail=error.detail,
        topic=topic,
        id=id,
        errors=error.fields,
        retry_after_seconds=error.retry_after_seconds,
    )


def event_text(topic: str, data: bytes, offset: int | str | None = None) -> bytes:
    """An event as a message, from its encoded content; `topic` holds nothing that JSON would escape."""
    if offset is None:
        return b'{"type":"event","topic":"%b","data":%b}' % (topic.encode(), data)
    return b'{"type":"event","topic":"%b","offset":%b,"data":%b}' % (topic.encode(), encode(offset), data)
