"""Persons and their profiles: made, shown to whoever may see them, changed, hidden and erased."""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import UNSET, structs

from banyan.features.accounts.api import AccountsApi
from banyan.features.people.api import AWAY_TOPIC, CARDS_TOPIC
from banyan.features.people.checks import check_bio, check_display_name, check_handle, check_neighbourhood, read_handle
from banyan.features.people.errors import HandleMoved, HandleTaken, PersonNotFound
from banyan.features.people.models import (
    Card,
    Location,
    LocationInput,
    Me,
    MyChanges,
    PersonImport,
    Profile,
    ProfileChanges,
)
from banyan.features.people.privacy import shows_details
from banyan.features.people.queries import profiles
from banyan.features.people.queries.attributes import find_attributes, put_attributes
from banyan.features.people.queries.profiles import CheckedChanges, StoredProfile
from banyan.features.people.service.handles import Handles
from banyan.features.people.service.presence import PeoplePresence
from banyan.features.people.signals import PersonCreated, ProfileChanged
from banyan.infra.attributes.declared import Declared
from banyan.infra.database.work import Work
from banyan.infra.declare import ANSWERS_TOPIC
from banyan.infra.presence.queries import forget_person
from banyan.infra.presence.roll import PRESENCE
from banyan.kernel.clock import now
from banyan.kernel.places import ACCURACY_METERS, Place, fuzz


class People:
    """Every method works inside the caller's unit of work."""

    def __init__(
        self,
        accounts: AccountsApi,
        handles: Handles,
        attributes: Declared | None = None,
        presence: PeoplePresence | None = None,
    ) -> None:
        self._accounts = accounts
        self._handles = handles
        self._presence = presence
        self._attributes = attributes or Declared()

    async def check_person(self, work: Work, handle: str, display_name: str) -> None:
        """Whether a person could be called so now. Raises HandleTaken, Invalid."""
        check_display_name(display_name)
        await self._handles.check_free(work, handle)

    async def create_person(
        self, work: Work, person_id: UUID, handle: str, display_name: str, created_at: datetime
    ) -> Card:
        """The person of a new account, with the account's id. Raises HandleTaken, Invalid."""
        person = PersonImport(
            id=person_id,
            handle=check_handle(handle),
            display_name=check_display_name(display_name),
            bio="",
            created_at=created_at,
        )
        if not await profiles.insert_person(work, person):
            raise HandleTaken("Choose another handle.")
        await self._handles.check_not_reserved(work, person.id, person.handle)
        work.emit(PersonCreated(person.id, person.handle))
        return Card(person.id, person.handle, person.display_name, None)

    async def get_profile(self, work: Work, viewer_id: UUID | None, handle: str) -> Profile:
        """Raises PersonNotFound, also where a block stands between the two; HandleMoved for a handle given up."""
        wanted = read_handle(handle)
        if wanted is None:
            raise PersonNotFound
        stored = await profiles.find_profile(work, wanted, viewer_id)
        if stored is None:
            present = await self._handles.find_present(work, viewer_id, wanted)
            raise PersonNotFound if present is None else HandleMoved(present)
        profile = _profile(stored, viewer_id)
        if self._presence is not None and viewer_id is not None and _may_know(profile, viewer_id):
            seen = await self._presence.find_presence(work, viewer_id, profile.id)
            profile = structs.replace(profile, presence=seen)
        if not self._attributes or profile.limited:
            return profile
        return structs.replace(profile, attributes=await self._show_attributes(work, profile.id, viewer_id))

    async def get_me(self, work: Work, person_id: UUID) -> Me:
        """One's own profile with one's address and role. Raises PersonNotFound."""
        stored = await profiles.find_own_profile(work, person_id)
        if stored is None:
            raise PersonNotFound
        login = await self._accounts.get_login(work, person_id)
        return Me(
            id=stored.card.id,
            handle=stored.card.handle,
            display_name=stored.card.display_name,
            bio=stored.bio,
            neighbourhood=stored.neighbourhood or None,
            location=_location(stored.place),
            visibility=stored.visibility,
            presence_visibility=stored.presence_visibility,
            avatar_url=stored.card.avatar_url,
            created_at=stored.created_at,
            connection_count=stored.connection_count,
            email=login.email,
            email_verified=login.email_verified,
            role=login.role,
            language=login.language,
            attributes=await self._show_attributes(work, person_id, person_id) if self._attributes else UNSET,
        )

    async def update_me(self, work: Work, person_id: UUID, changes: MyChanges) -> None:
        """As `update_profile`; the language is the account's."""
        await self.update_profile(work, person_id, changes)
        if changes.language is not UNSET:
            await self._accounts.set_language(work, person_id, changes.language)

    async def update_profile(self, work: Work, person_id: UUID, changes: ProfileChanges) -> None:
        """Raises Invalid, HandleTaken, TooManyHandleChanges."""
        checked = _check_changes(changes)
        attributes = self._attributes.check_changes(changes.attributes)
        if checked == CheckedChanges() and not attributes:
            return
        handle = checked.handle
        moves = handle is not None and await self._handles.give_up(work, person_id, handle)
        if not await profiles.update_profile(work, person_id, checked):
            raise HandleTaken("Choose another handle.")
        if moves and handle is not None:
            await self._handles.check_not_reserved(work, person_id, handle)
        if attributes:
            await put_attributes(work, person_id, attributes)
        if checked.presence_visibility is not None:
            # Whoever looks is asked again whether they still may.
            work.cut(f"{PRESENCE}:{person_id}")
        work.emit(ProfileChanged(person_id))
        self._announce_person(work, person_id)

    async def hide_person(self, work: Work, person_id: UUID) -> None:
        """To others this person does not exist from now on: an account that is being deleted. Nothing is lost."""
        if await profiles.set_hidden(work, person_id, now()):
            self._announce_person(work, person_id)
            work.announce(AWAY_TOPIC)

    async def show_person(self, work: Work, person_id: UUID) -> None:
        """Takes `hide_person` back: everything is as it was."""
        if await profiles.set_hidden(work, person_id, None):
            self._announce_person(work, person_id)
            work.announce(AWAY_TOPIC)

    async def erase_person(self, work: Work, person_id: UUID) -> None:
        """Deletes a person with connections, lists, blocks and mutes, on both sides. Only the handle stays for a
        while, so that nobody passes for them. Again changes nothing.
        """
        handle = await profiles.delete_person(work, person_id)
        if handle is not None:
            await self._handles.reserve(work, person_id, handle)
            await forget_person(work, person_id)
            self._announce_person(work, person_id)
            work.announce(AWAY_TOPIC)

    async def _show_attributes(self, work: Work, person_id: UUID, viewer_id: UUID | None) -> dict[str, Any]:
        return self._attributes.show(await find_attributes(work, person_id), own=person_id == viewer_id)

    def _announce_person(self, work: Work, person_id: UUID) -> None:
        work.announce(CARDS_TOPIC, str(person_id))
        # Answers kept for anonymous readers that show this person's card.
        work.announce(ANSWERS_TOPIC, f"person:{person_id}")


def _check_changes(changes: ProfileChanges) -> CheckedChanges:
    """Raises Invalid."""
    location = changes.location
    return CheckedChanges(
        handle=None if changes.handle is UNSET else check_handle(changes.handle),
        display_name=None if changes.display_name is UNSET else check_display_name(changes.display_name),
        bio=None if changes.bio is UNSET else check_bio(changes.bio),
        neighbourhood=None if changes.neighbourhood is UNSET else check_neighbourhood(changes.neighbourhood or ""),
        visibility=None if changes.visibility is UNSET else changes.visibility,
        presence_visibility=None if changes.presence_visibility is UNSET else changes.presence_visibility,
        # From here on the exact place is nowhere any more.
        place=fuzz(Place(location.latitude, location.longitude)) if isinstance(location, LocationInput) else location,
    )


def _may_know(profile: Profile, viewer_id: UUID) -> bool:
    """Whether it is worth asking for somebody's presence."""
    return profile.id == viewer_id or (profile.connection is not None and profile.connection.state == "connected")


def _location(place: Place | None) -> Location | None:
    return None if place is None else Location(place.latitude, place.longitude, ACCURACY_METERS)


def _profile(stored: StoredProfile, viewer_id: UUID | None) -> Profile:
    """As much of a person as this reader may see."""
    card, link = stored.card, stored.connection
    shown = shows_details(stored.visibility, card.id, viewer_id, link.state if link else None)
    return Profile(
        id=card.id,
        handle=card.handle,
        display_name=card.display_name,
        bio=stored.bio if shown else None,
        neighbourhood=(stored.neighbourhood or None) if shown else None,
        location=_location(stored.place) if shown else None,
        avatar_url=card.avatar_url,
        created_at=stored.created_at if shown else None,
        connection_count=stored.connection_count if shown else None,
        connection=link,
        muted=stored.muted,
        limited=not shown,
    )
