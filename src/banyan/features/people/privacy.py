"""To whom a profile says more than the card."""

from uuid import UUID

from banyan.features.people.models import ConnectionState, Visibility


def shows_details(
    visibility: Visibility, person_id: UUID, viewer_id: UUID | None, state: ConnectionState | None
) -> bool:
    """Whether a reader sees bio, place and counts; `state` is how the two are connected, as the reader sees it."""
    if viewer_id == person_id:
        return True
    if visibility == "connections":
        return state == "connected"
    return visibility == "everyone" or viewer_id is not None
