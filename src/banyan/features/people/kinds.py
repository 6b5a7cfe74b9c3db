"""What people are told of by people: requests for a connection, and that they were accepted."""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from banyan.features.people.api import PeopleApi
from banyan.features.people.signals import ConnectionAsked, ConnectionEnded, ConnectionMade
from banyan.infra.database.work import Work
from banyan.infra.declare import (
    AnyNotificationKind,
    ChannelDefaults,
    Gone,
    KindText,
    Notice,
    NoticeEnd,
    NotificationKind,
)

_ASKED: Final = {
    "en": KindText(
        "Requests for a connection",
        "{actors} would like to connect with you",
        "{actors} would like to connect with you",
    ),
    "fr": KindText(
        "Demandes de contact", "{actors} souhaite entrer en contact", "{actors} souhaitent entrer en contact"
    ),
    "ar": KindText("طلبات التواصل", "يودّ {actors} التواصل معك", "يودّ {actors} التواصل معك"),
}
_ACCEPTED: Final = {
    "en": KindText(
        "Requests accepted", "{actors} accepted your request: you are connected", "{actors} accepted your requests"
    ),
    "fr": KindText(
        "Demandes acceptées", "{actors} a accepté votre demande de contact", "{actors} ont accepté vos demandes"
    ),
    "ar": KindText("الطلبات المقبولة", "قبِل {actors} طلب التواصل", "قبِل {actors} طلباتك"),
}


async def _tell_asked(work: Work, signal: ConnectionAsked) -> Notice:
    return Notice(
        person_id=signal.asked_id,
        actor_id=signal.person_id,
        subject_id=signal.person_id,
        source_id=signal.connection_id,
    )


async def _tell_accepted(work: Work, signal: ConnectionMade) -> Notice:
    return Notice(
        person_id=signal.other_id,
        actor_id=signal.person_id,
        subject_id=signal.person_id,
        source_id=signal.person_id,
    )


def notification_kinds(people: PeopleApi) -> tuple[AnyNotificationKind, ...]:
    async def connected(work: Work, viewer_id: UUID, subjects: Sequence[UUID]) -> Collection[UUID]:
        relations = await people.relations(work, viewer_id)
        return [one for one in subjects if one in relations.connected]

    return (
        NotificationKind(
            "connection_asked",
            ConnectionAsked,
            "person",
            _tell_asked,
            people.list_askers_among,
            _ASKED,
            ChannelDefaults(email="daily"),
        ),
        NotificationKind("connection_accepted", ConnectionMade, "person", _tell_accepted, connected, _ACCEPTED),
    )


def _forget_ended(signal: ConnectionEnded) -> Sequence[Gone]:
    return (
        Gone(person_id=signal.person_id, subject_id=signal.other_id),
        Gone(person_id=signal.other_id, subject_id=signal.person_id),
    )


NOTICE_ENDS = (NoticeEnd(ConnectionEnded, _forget_ended),)
