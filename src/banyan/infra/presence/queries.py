"""SQL of presence. All times are the database's: processes need not agree on theirs."""

from collections.abc import Sequence
from uuid import UUID

from banyan.infra.database.work import Work
from banyan.infra.presence.models import LEASE_SECONDS, PresenceState

# Long after it counts as dead: a process that was only held up finds its people still there.
_FORGOTTEN_AFTER = "2 minutes"
# Rows are locked in one order, and only who came has one: of somebody who was erased while their socket was open
# nothing is written when it closes.
_UPDATE_SEEN = """UPDATE presence_last_seen seen SET seen_at = greatest(seen.seen_at, held.seen_at)
    FROM (SELECT old.person_id, told.seen_at FROM presence_last_seen old JOIN told USING (person_id)
          ORDER BY old.person_id FOR UPDATE OF old) AS held
    WHERE seen.person_id = held.person_id"""


async def list_states(work: Work, person_ids: Sequence[UUID]) -> list[PresenceState]:
    """One for each, in any order; a process that died was last sure of its people at its last beat."""
    rows = await work.rows(
        f"""SELECT wanted.id, coalesce(held.online, false) AS online,
                CASE WHEN held.online THEN NULL ELSE greatest(seen.seen_at, held.beat_at) END AS last_seen_at
            FROM unnest($1::uuid[]) AS wanted (id)
            LEFT JOIN presence_last_seen seen ON seen.person_id = wanted.id
            LEFT JOIN LATERAL (
                SELECT bool_or(process.beat_at > now() - interval '{LEASE_SECONDS} seconds') AS online,
                    max(process.beat_at) AS beat_at
                FROM presence_people held JOIN presence_processes process ON process.id = held.process_id
                WHERE held.person_id = wanted.id) AS held ON true""",
        list(person_ids),
    )
    return [PresenceState(row["id"], row["online"], row["last_seen_at"]) for row in rows]


async def beat(work: Work, process_id: UUID) -> bool:
    """Goes on with the lease; False when there is none."""
    found = await work.write_value(
        "UPDATE presence_processes SET beat_at = now() WHERE id = $1 RETURNING true", process_id
    )
    return found is not None


async def begin_lease(work: Work, process_id: UUID) -> None:
    await work.write(
        """INSERT INTO presence_processes (id, beat_at) VALUES ($1, now())
           ON CONFLICT (id) DO UPDATE SET beat_at = now()""",
        process_id,
    )


async def list_living(work: Work) -> set[UUID]:
    """The processes that are believed now."""
    rows = await work.rows(
        f"SELECT id FROM presence_processes WHERE beat_at > now() - interval '{LEASE_SECONDS} seconds'"
    )
    return {row[0] for row in rows}


async def add_people(work: Work, process_id: UUID, person_ids: Sequence[UUID]) -> None:
    """They are here, and are seen now."""
    await work.write(
        """WITH here AS (
                INSERT INTO presence_people (person_id, process_id) SELECT id, $1 FROM unnest($2::uuid[]) AS new (id)
                ON CONFLICT DO NOTHING)
            INSERT INTO presence_last_seen AS seen (person_id, seen_at)
            SELECT id, now() FROM unnest($2::uuid[]) AS new (id) ORDER BY id
            ON CONFLICT (person_id) DO UPDATE SET seen_at = greatest(seen.seen_at, excluded.seen_at)""",
        process_id,
        list(person_ids),
    )


async def remove_people(work: Work, process_id: UUID, person_ids: Sequence[UUID], ago_seconds: float) -> None:
    """They are here no longer, since a moment ago."""
    await work.write(
        f"""WITH told AS (
                DELETE FROM presence_people WHERE process_id = $1 AND person_id = ANY ($2::uuid[])
                RETURNING person_id, now() - make_interval(secs => $3) AS seen_at)
            {_UPDATE_SEEN}""",
        process_id,
        list(person_ids),
        ago_seconds,
    )


async def note_seen(work: Work, process_id: UUID) -> None:
    """All people of a process are seen now."""
    await work.write(
        f"""WITH told AS (SELECT person_id, now() AS seen_at FROM presence_people WHERE process_id = $1)
            {_UPDATE_SEEN}""",
        process_id,
    )


async def forget_dead(work: Work) -> None:
    """Processes that died, with their people, who were seen at its last beat."""
    await work.write(
        f"""WITH dead AS (
                DELETE FROM presence_processes WHERE beat_at < now() - interval '{_FORGOTTEN_AFTER}'
                RETURNING id, beat_at),
            gone AS (
                DELETE FROM presence_people held USING dead WHERE held.process_id = dead.id
                RETURNING held.person_id, dead.beat_at),
            told AS (SELECT person_id, max(beat_at) AS seen_at FROM gone GROUP BY person_id)
            {_UPDATE_SEEN}"""
    )
    # Written by a process whose lease was gone already, and which died before its next beat.
    await work.write(
        """DELETE FROM presence_people held
           WHERE NOT EXISTS (SELECT FROM presence_processes process WHERE process.id = held.process_id)"""
    )


async def forget_person(work: Work, person_id: UUID) -> None:
    """Who leaves for good was never seen."""
    await work.write(
        """WITH held AS (DELETE FROM presence_people WHERE person_id = $1)
           DELETE FROM presence_last_seen WHERE person_id = $1""",
        person_id,
    )
