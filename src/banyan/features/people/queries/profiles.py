"""SQL of people themselves: profiles and cards."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from msgspec import UNSET, Struct, UnsetType

from banyan.features.people.models import Card, ConnectionLink, PersonImport, PresenceVisibility, Visibility
from banyan.features.people.queries.parts import BLOCKED, THERE, read_card
from banyan.infra.database.work import Work
from banyan.kernel.places import Place

# Above so many rows a count is read from the statistics: counting 1,000,000 costs about 60 ms.
_COUNTED_EXACTLY_ROWS = 1_000_000

_PROFILE = f"""SELECT p.id, p.handle, p.display_name, p.avatar_url, p.bio, p.neighbourhood, p.latitude, p.longitude,
        p.visibility, p.presence_visibility, p.created_at, mine.connection_id, mine.state,
        muted.id IS NOT NULL AS muted,
        (SELECT count(*) FROM people_connections c WHERE c.person_id = p.id AND c.state = 'connected'
             AND {THERE.format(person="c.other_id")}) AS connection_count
    FROM people_people p"""


class StoredProfile(Struct, frozen=True):
    """All that there is of a person, how the reader is connected with them, and whether the reader has muted them."""

    card: Card
    bio: str
    neighbourhood: str
    place: Place | None
    visibility: Visibility
    presence_visibility: PresenceVisibility
    created_at: datetime
    connection_count: int
    connection: ConnectionLink | None
    muted: bool


class CheckedChanges(Struct, frozen=True, kw_only=True):
    """What of a profile changes: None, for the place UNSET, leaves it as it is."""

    handle: str | None = None
    display_name: str | None = None
    bio: str | None = None
    neighbourhood: str | None = None
    visibility: Visibility | None = None
    presence_visibility: PresenceVisibility | None = None
    place: Place | UnsetType | None = UNSET


async def insert_person(work: Work, person: PersonImport) -> bool:
    """False when the id or the handle is taken."""
    added = await work.write_value(
        """INSERT INTO people_people (id, handle, display_name, bio, avatar_url, created_at)
           VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING true""",
        person.id,
        person.handle,
        person.display_name,
        person.bio,
        person.avatar_url,
        person.created_at,
    )
    return added is not None


async def find_profile(work: Work, handle: str, viewer_id: UUID | None) -> StoredProfile | None:
    """None also when the person is hidden or a block stands between the two."""
    row = await work.row(
        f"""{_PROFILE}
            LEFT JOIN people_connections mine ON mine.person_id = $2::uuid AND mine.other_id = p.id
            LEFT JOIN people_mutes muted ON muted.person_id = $2::uuid AND muted.muted_id = p.id
            WHERE p.handle = $1 AND p.hidden_at IS NULL
              AND NOT {BLOCKED.format(viewer="$2::uuid", person="p.id")}""",
        handle,
        viewer_id,
    )
    return None if row is None else _profile(row)


async def find_own_profile(work: Work, person_id: UUID) -> StoredProfile | None:
    row = await work.row(
        f"""{_PROFILE}
            LEFT JOIN people_connections mine ON false
            LEFT JOIN people_mutes muted ON false
            WHERE p.id = $1""",
        person_id,
    )
    return None if row is None else _profile(row)


async def update_profile(work: Work, person_id: UUID, changes: CheckedChanges) -> bool:
    """False when the handle is taken (the transaction is lost then)."""
    place = changes.place
    moves = place is not UNSET
    try:
        await work.write(
            """UPDATE people_people SET
                   handle = coalesce($2, handle), display_name = coalesce($3, display_name),
                   bio = coalesce($4, bio), neighbourhood = coalesce($5, neighbourhood),
                   visibility = coalesce($6, visibility),
                   latitude = CASE WHEN $7 THEN $8 ELSE latitude END,
                   longitude = CASE WHEN $7 THEN $9 ELSE longitude END,
                   presence_visibility = coalesce($10, presence_visibility)
               WHERE id = $1""",
            person_id,
            changes.handle,
            changes.display_name,
            changes.bio,
            changes.neighbourhood,
            changes.visibility,
            moves,
            place.latitude if isinstance(place, Place) else None,
            place.longitude if isinstance(place, Place) else None,
            changes.presence_visibility,
        )
    except asyncpg.UniqueViolationError:
        return False
    return True


async def set_hidden(work: Work, person_id: UUID, at: datetime | None) -> bool:
    """Hides a person since `at`, or shows them again; False when it was so already."""
    changed = await work.write_value(
        """UPDATE people_people SET hidden_at = $2
           WHERE id = $1 AND (hidden_at IS NULL) <> ($2::timestamptz IS NULL) RETURNING true""",
        person_id,
        at,
    )
    return changed is not None


async def delete_person(work: Work, person_id: UUID) -> str | None:
    """With everything that hangs on a person, also on the sides of others; their handle, None without a person."""
    await work.write("DELETE FROM people_connections WHERE person_id = $1", person_id)
    await work.write("DELETE FROM people_connections WHERE other_id = $1", person_id)
    handle: str | None = await work.write_value("DELETE FROM people_people WHERE id = $1 RETURNING handle", person_id)
    return handle


async def list_cards(work: Work, keys: Sequence[bytes]) -> list[Card]:
    """Cards by the bytes of ids, without those who are hidden."""
    ids = [UUID(bytes=key) for key in keys]
    rows = await work.rows(
        "SELECT id, handle, display_name, avatar_url FROM people_people WHERE id = ANY($1) AND hidden_at IS NULL", ids
    )
    return [read_card(row) for row in rows]


async def find_card(work: Work, person_id: UUID) -> Card | None:
    """Also the card of somebody who is hidden."""
    row = await work.row("SELECT id, handle, display_name, avatar_url FROM people_people WHERE id = $1", person_id)
    return None if row is None else read_card(row)


async def exists(work: Work, person_id: UUID) -> bool:
    """Whether there is such a person, whom nobody needs to see: one may block somebody by whom one is blocked."""
    found: bool = await work.value(
        "SELECT EXISTS (SELECT FROM people_people WHERE id = $1 AND hidden_at IS NULL)", person_id
    )
    return found


async def count_people(work: Work) -> int:
    """Exact up to a million, then as PostgreSQL last estimated it."""
    count: int = await work.value(
        """SELECT CASE WHEN c.reltuples > $1::bigint THEN c.reltuples::bigint
                       ELSE (SELECT count(*) FROM people_people WHERE hidden_at IS NULL) END
           FROM pg_class c WHERE c.oid = 'people_people'::regclass""",
        _COUNTED_EXACTLY_ROWS,
    )
    return count


async def list_showing_presence(work: Work, ids: Sequence[UUID]) -> list[UUID]:
    """Those of these people who let their connections know when they are online."""
    rows = await work.rows(
        """SELECT id FROM people_people
           WHERE id = ANY ($1) AND presence_visibility = 'connections' AND hidden_at IS NULL""",
        list(ids),
    )
    return [row[0] for row in rows]


async def list_names(work: Work, ids: Sequence[UUID]) -> list[tuple[UUID, str, str]]:
    """Id, handle and name."""
    rows = await work.rows("SELECT id, handle, display_name FROM people_people WHERE id = ANY ($1)", list(ids))
    return [(row[0], row[1], row[2]) for row in rows]


async def search_ids(work: Work, text: str, before: UUID | None, limit: int) -> list[UUID]:
    """Whose handle or name holds the text in any case; newest id first."""
    rows = await work.rows(
        """SELECT id FROM people_people
           WHERE (strpos(handle, lower($1)) > 0 OR strpos(lower(display_name), lower($1)) > 0)
               AND ($2::uuid IS NULL OR id < $2)
           ORDER BY id DESC LIMIT $3""",
        text,
        before,
        limit,
    )
    return [row[0] for row in rows]


def _profile(row: Any) -> StoredProfile:
    link = None if row["connection_id"] is None else ConnectionLink(row["connection_id"], row["state"])
    place = None if row["latitude"] is None else Place(row["latitude"], row["longitude"])
    return StoredProfile(
        card=read_card(row),
        bio=row["bio"],
        neighbourhood=row["neighbourhood"],
        place=place,
        visibility=row["visibility"],
        presence_visibility=row["presence_visibility"],
        created_at=row["created_at"],
        connection_count=row["connection_count"],
        connection=link,
        muted=row["muted"],
    )
