"""Notifications and how people want them, as they go over HTTP."""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType, field

from banyan.features.people.models import Card

EmailTime = Literal["now", "daily", "off"]
TimeOfDay = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="HH:MM, 00:00 to 23:59.")]
TimeZone = Annotated[
    str, Meta(min_length=1, max_length=64, description="A name of the IANA data base, such as `Africa/Lagos`.")
]
DigestHour = Annotated[int, Meta(ge=0, le=23, description="From this hour on the day's digest is sent.")]


class Subject(Struct, frozen=True, gc=False):
    """What it is about. `type` says of what `id` is one: post, comment, person, conversation, or text for a post or
    comment.
    """

    type: str
    id: UUID


class Notification(Struct, frozen=True, gc=False):
    """What several people did about one subject, told as one while it is unread: `actors` are the newest three of
    `actor_count`. `text` is in the reader's language. `post_id`: the post that the subject is, or stands under.
    """

    id: UUID
    kind: str
    subject: Subject
    post_id: UUID | None
    actors: list[Card]
    actor_count: int
    text: str
    created_at: datetime
    updated_at: datetime
    read_at: datetime | None


class UnreadCount(Struct, frozen=True, gc=False):
    """How many unread notifications there are; it counts no further than 1,000."""

    unread_count: int


class UnreadMark(Struct, frozen=True, gc=False):
    """As a client keeps it: `id` is one's own."""

    id: UUID
    unread_count: int


class ReadAll(Struct, forbid_unknown_fields=True, kw_only=True):
    """Without `before` everything is read."""

    before: (
        Annotated[
            str,
            Meta(
                max_length=64,
                description="The id of a notification: it and all below it in the list. Or a time: all until then.",
            ),
        ]
        | None
    ) = None


class KindInfo(Struct, frozen=True):
    """A kind of notification. `title` is in the reader's language."""

    kind: str
    title: str


class Channels(Struct, frozen=True):
    """By which ways a kind of notification comes; `email` at once, in the daily digest, or not at all."""

    in_app: bool
    email: EmailTime
    push: bool


class ChannelChanges(Struct, forbid_unknown_fields=True, kw_only=True):
    """Fields left out stay as they are."""

    in_app: bool | UnsetType = UNSET
    email: EmailTime | UnsetType = UNSET
    push: bool | UnsetType = UNSET


class QuietHours(Struct, frozen=True, forbid_unknown_fields=True):
    """Between these two times of day mail and push wait; over midnight where `from` is the later one."""

    from_: TimeOfDay = field(name="from")
    to: TimeOfDay


class Preferences(Struct, frozen=True):
    """How somebody wants to be told. `quiet_hours` and `digest_hour` are in `time_zone`."""

    kinds: dict[str, Channels]
    quiet_hours: QuietHours | None
    time_zone: str
    digest_hour: int


class PreferenceChanges(Struct, forbid_unknown_fields=True, kw_only=True):
    """Fields and kinds left out stay as they are; `quiet_hours` null: none."""

    kinds: dict[str, ChannelChanges] | UnsetType = UNSET
    quiet_hours: QuietHours | UnsetType | None = UNSET
    time_zone: TimeZone | UnsetType = UNSET
    digest_hour: DigestHour | UnsetType = UNSET


class StoredPreferences(Struct, frozen=True):
    """What a person has chosen, as it is stored: quiet hours in minutes after midnight."""

    kinds: dict[str, Channels] = {}
    quiet: tuple[int, int] | None = None
    time_zone: str = "UTC"
    digest_hour: int = 8


Base64 = Annotated[str, Meta(max_length=200, description="URL-safe base64, with or without padding.")]


class SubscriptionKeys(Struct, forbid_unknown_fields=True, kw_only=True):
    """The browser's public key and its secret for the encryption of what is pushed (RFC 8291)."""

    p256dh: Base64
    auth: Base64


class NewSubscription(Struct, forbid_unknown_fields=True, kw_only=True):
    """What a browser's `PushSubscription.toJSON()` gives, as it is."""

    endpoint: Annotated[str, Meta(max_length=2000, description="https://, on the public internet.")]
    keys: SubscriptionKeys
    expiration_time: Annotated[float | None, Meta(description="Not looked at.")] = field(
        name="expirationTime", default=None
    )


class PushKey(Struct, frozen=True):
    """What a browser takes as `applicationServerKey`: a point of P-256 in URL-safe base64."""

    public_key: str


class PushSubscription(Struct, frozen=True, gc=False):
    """A browser that is told by push, in the words of its `user_agent`. `pushed_at`: to the hour."""

    id: UUID
    endpoint: str
    user_agent: str
    created_at: datetime
    pushed_at: datetime | None


AppService = Literal["fcm", "apns"]
PushServiceName = Literal["web", "fcm", "apns"]
WEB: Final = "web"
APPS: Final[tuple[AppService, ...]] = ("fcm", "apns")


class NewDevice(Struct, forbid_unknown_fields=True, kw_only=True):
    """The token that `service` has given to the app on this device."""

    service: AppService
    token: Annotated[str, Meta(max_length=4096)]


class PushDevice(Struct, frozen=True, gc=False):
    """A device with the app, told by push. `pushed_at`: to the hour."""

    id: UUID
    service: AppService
    user_agent: str
    created_at: datetime
    pushed_at: datetime | None


class DeviceRow(Struct, frozen=True, kw_only=True):
    """A browser or an app on a device, as it is stored."""

    id: UUID
    person_id: UUID
    session_id: UUID
    service: PushServiceName
    address: str
    p256dh: bytes = b""
    auth: bytes = b""
    user_agent: str
    created_at: datetime
    seen_at: datetime
    pushed_at: datetime | None = None
    failing_since: datetime | None = None


class PushDue(Struct, frozen=True):
    """A push in the hands of this worker."""

    item_id: UUID
    device_id: UUID
    attempts: int
    asked: int


class ItemRow(Struct, frozen=True, gc=False):
    """A notification as it is stored."""

    id: UUID
    person_id: UUID
    kind: str
    subject_id: UUID
    post_id: UUID | None
    place: UUID
    actor_count: int
    version: int
    read_at: datetime | None


class Told(Struct, frozen=True):
    """What telling one person made: the item, and whether it is a new one."""

    item_id: UUID
    person_id: UUID
    fresh: bool


class ActorsRow(Struct, frozen=True):
    """The newest actors of an item whom its reader may see, and how many they may see."""

    ids: list[UUID]
    count: int
