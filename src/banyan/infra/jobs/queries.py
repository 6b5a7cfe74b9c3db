"""All SQL over `jobs` and `jobs_schedules` that the queue itself needs; times are the database's."""

from collections.abc import Collection, Sequence
from uuid import UUID

import asyncpg
from msgspec import Struct

from banyan.infra.database.indexed import Source, indexed
from banyan.infra.database.work import Work
from banyan.infra.declare import Priority, Schedule
from banyan.infra.jobs.lanes import stored_priority

_PRIORITIES = [int(priority) for priority in Priority]

# ---- writing, inside the caller's transaction ---------------------------------------------------------------

_INSERT = """
INSERT INTO jobs (id, kind, key, priority, payload, run_at)
SELECT id, kind, key, priority, payload::jsonb, coalesce(run_at, clock_timestamp())
FROM {rows} AS new(id, kind, key, priority, payload, run_at)
WHERE EXISTS (SELECT FROM written)
"""
# Most transactions enqueue one: six values are cheaper to send and to plan than six arrays.
INSERT_JOB = _INSERT.format(rows="(VALUES ($1::uuid, $2::text, $3::text, $4::smallint, $5::text, $6::timestamptz))")
INSERT_JOBS = _INSERT.format(
    rows="unnest($1::uuid[], $2::text[], $3::text[], $4::smallint[], $5::text[], $6::timestamptz[])"
)

# A waiting job with the same key stands in for the new one, but only if it starts after this commit: else it would
# miss what this transaction wrote. DO UPDATE locks its row until then, so that no claim can take it (SKIP LOCKED),
# and it keeps the earlier of both times. One that failed before keeps the time of its retry.
_KEYED = """
ON CONFLICT (kind, key) WHERE state = 'waiting' AND key IS NOT NULL
DO UPDATE SET run_at = EXCLUDED.run_at WHERE jobs.attempts = 0 AND jobs.run_at > EXCLUDED.run_at
"""
INSERT_KEYED_JOB = INSERT_JOB + _KEYED
INSERT_KEYED_JOBS = INSERT_JOBS + _KEYED

# ---- claiming -----------------------------------------------------------------------------------------------


class Claimed(Struct):
    """A job that this worker holds as long as its lease lasts."""

    id: UUID
    kind: str
    payload: str
    attempts: int
    lease: UUID
    # From the time it was due to its claim.
    waited_seconds: float


_TAKE = """
UPDATE jobs SET state = 'running', attempts = attempts + 1, lease = $3,
    lease_until = clock_timestamp() + make_interval(secs => $4)
WHERE id = ANY (ARRAY(SELECT id FROM ready))
RETURNING id, kind, payload, attempts, priority, run_at,
    extract(epoch FROM clock_timestamp() - run_at)::float8 AS waited_seconds
"""

_CLAIM = f"""
WITH ready AS MATERIALIZED (
    SELECT job.id
    FROM unnest($5::smallint[], $6::integer[]) AS class(priority, room)
    CROSS JOIN LATERAL (
        SELECT id FROM jobs
        WHERE state = 'waiting' AND jobs.priority = class.priority AND run_at <= now() AND kind = ANY ($1)
        ORDER BY run_at LIMIT least($2, class.room) FOR UPDATE SKIP LOCKED
    ) AS job
    LIMIT $2
)
{_TAKE}"""

# A key that many enqueue is locked nearly always, and skipping would starve it. Waiting for the lock is fair.
_CLAIM_LOCKED = f"""
WITH ready AS MATERIALIZED (
    SELECT id FROM jobs
    WHERE state = 'waiting' AND priority = ANY ($5) AND kind = ANY ($1) AND key IS NOT NULL
        AND run_at < now() - interval '2 seconds'
    ORDER BY run_at LIMIT $2 FOR UPDATE
)
{_TAKE}"""


class Share(Struct, frozen=True):
    """What a worker takes: these kinds, from these classes, of each no more than its room."""

    kinds: list[str]
    rooms: Sequence[tuple[int, int]]


async def claim(source: Source, share: Share, limit: int, lease: UUID, lease_seconds: float) -> list[Claimed]:
    """Takes up to `limit` ready jobs of this share: in the order of its classes, then the longest due."""
    rooms = [room for _, room in share.rooms]
    return await _claim(source, _CLAIM, share, limit, lease, lease_seconds, rooms)


async def claim_locked(source: Source, share: Share, lease: UUID, lease_seconds: float) -> list[Claimed]:
    """One overdue job whose row `claim` keeps skipping because other transactions lock it in turn."""
    return await _claim(source, _CLAIM_LOCKED, share, 1, lease, lease_seconds)


async def _claim(
    source: Source, sql: str, share: Share, limit: int, lease: UUID, lease_seconds: float, *more: object
) -> list[Claimed]:
    classes = [stored for stored, _ in share.rooms]
    async with indexed(source) as connection:
        rows = await connection.fetch(sql, share.kinds, limit, lease, lease_seconds, classes, *more)
    # RETURNING has no order of its own.
    rows.sort(key=lambda row: (stored_priority(row["priority"]), row["run_at"]))
    return [
        Claimed(row["id"], row["kind"], row["payload"], row["attempts"], lease, row["waited_seconds"]) for row in rows
    ]


async def settle_classes(source: Source, kinds: list[str], classes: list[int]) -> None:
    """Moves jobs to the class that their kind has by now, if another version of the program wrote them: nobody may
    look for them where they stand.
    """
    sql = """
        UPDATE jobs SET priority = declared.priority
        FROM unnest($1::text[], $2::smallint[]) AS declared(kind, priority)
        WHERE jobs.kind = declared.kind AND id = ANY (ARRAY(
            SELECT id FROM jobs JOIN unnest($1::text[], $2::smallint[]) AS declared(kind, priority) USING (kind)
            WHERE jobs.priority <> declared.priority FOR UPDATE OF jobs SKIP LOCKED))
    """
    async with source.connection() as connection:
        await connection.execute(sql, kinds, classes)


async def take_expired(
    source: Source, kinds: list[str], limit: int, lease: UUID, lease_seconds: float
) -> list[Claimed]:
    """Takes over jobs whose lease ran out; their attempt is counted already."""
    sql = """
        UPDATE jobs SET lease = $3, lease_until = clock_timestamp() + make_interval(secs => $4)
        WHERE id = ANY (ARRAY(
            SELECT id FROM jobs WHERE state = 'running' AND lease_until < now() AND kind = ANY ($1)
            ORDER BY lease_until LIMIT $2 FOR UPDATE SKIP LOCKED))
        RETURNING id, kind, attempts
    """
    async with indexed(source) as connection:
        rows = await connection.fetch(sql, kinds, limit, lease, lease_seconds)
    return [Claimed(row["id"], row["kind"], "", row["attempts"], lease, 0.0) for row in rows]


async def extend(source: Source, held: Sequence[tuple[UUID, UUID]], lease_seconds: float) -> set[UUID]:
    """Prolongs the leases of (id, lease) pairs; the ids of lost ones come back.

    A row that is locked is being finished just now: it needs no more time, and waiting for it helps nobody.
    """
    sql = """
        WITH held AS MATERIALIZED (SELECT id, lease FROM unnest($1::uuid[], $2::uuid[]) AS held(id, lease)),
        free AS MATERIALIZED (
            SELECT jobs.id FROM held JOIN jobs USING (id, lease) FOR UPDATE OF jobs SKIP LOCKED),
        extended AS (
            UPDATE jobs SET lease_until = clock_timestamp() + make_interval(secs => $3)
            WHERE id = ANY (ARRAY(SELECT id FROM free)))
        SELECT id FROM held
        WHERE NOT EXISTS (SELECT FROM jobs WHERE jobs.id = held.id AND jobs.lease = held.lease)
    """
    async with indexed(source) as connection:
        rows = await connection.fetch(sql, [id for id, _ in held], [lease for _, lease in held], lease_seconds)
    return {row["id"] for row in rows}


# ---- settling -----------------------------------------------------------------------------------------------


async def finish(work: Work, id: UUID, lease: UUID) -> bool:
    """Deletes the job in the transaction of its own writes; False when the lease is not ours any more."""
    return bool(await work.write_value("SELECT jobs_finish($1, $2)", id, lease))


async def finish_many(source: Source, held: Sequence[tuple[UUID, UUID]]) -> None:
    """Deletes jobs that wrote nothing, in one statement; those whose lease is lost stay."""
    sql = """
        DELETE FROM jobs USING unnest($1::uuid[], $2::uuid[]) AS held(id, lease)
        WHERE jobs.id = held.id AND jobs.lease = held.lease
    """
    async with indexed(source) as connection:
        await connection.execute(sql, [id for id, _ in held], [lease for _, lease in held])


async def hand_back(source: Source, held: Sequence[tuple[UUID, UUID]]) -> None:
    """Makes jobs ready again as if they had not been claimed."""
    sql = """
        UPDATE jobs SET state = 'waiting', lease = NULL, lease_until = NULL, attempts = attempts - 1
        FROM unnest($1::uuid[], $2::uuid[]) AS held(id, lease)
        WHERE jobs.id = held.id AND jobs.lease = held.lease
    """
    try:
        async with indexed(source) as connection:
            await connection.execute(sql, [id for id, _ in held], [lease for _, lease in held])
    except asyncpg.UniqueViolationError:
        # A newer job waits with the key of one of these, and does its work too.
        if len(held) == 1:
            await finish_many(source, held)
        else:
            for one in held:
                await hand_back(source, [one])


async def retry_later(source: Source, id: UUID, lease: UUID, delay_seconds: float, error: str) -> None:
    """Makes a failed job wait; one with a key gives way to a newer one that waits with the same key."""
    sql = """
        UPDATE jobs SET state = 'waiting', lease = NULL, lease_until = NULL,
            run_at = clock_timestamp() + make_interval(secs => $3), last_error = $4
        WHERE id = $1 AND lease = $2
    """
    try:
        async with indexed(source) as connection:
            await connection.execute(sql, id, lease, delay_seconds, error)
    except asyncpg.UniqueViolationError:
        await finish_many(source, [(id, lease)])


async def bury(source: Source, id: UUID, lease: UUID, error: str) -> None:
    """A dead letter: kept until an operator retries or drops it."""
    sql = """
        UPDATE jobs SET state = 'dead', lease = NULL, lease_until = NULL, last_error = $3
        WHERE id = $1 AND lease = $2
    """
    async with indexed(source) as connection:
        await connection.execute(sql, id, lease, error)


# ---- schedules ----------------------------------------------------------------------------------------------


async def save_schedules(work: Work, schedules: Sequence[Schedule]) -> None:
    """Adds new schedules, due at once, and takes over changed intervals. Others' schedules are left alone."""
    await work.write(
        """
        INSERT INTO jobs_schedules (name, every_seconds, next_run_at)
        SELECT name, every_seconds, now() FROM unnest($1::text[], $2::float8[])
            AS declared(name, every_seconds) ORDER BY name
        ON CONFLICT (name) DO UPDATE SET every_seconds = EXCLUDED.every_seconds,
            next_run_at = least(jobs_schedules.next_run_at,
                                now() + make_interval(secs => EXCLUDED.every_seconds))
        WHERE jobs_schedules.every_seconds <> EXCLUDED.every_seconds
        """,
        [schedule.name for schedule in schedules],
        [float(schedule.every_seconds) for schedule in schedules],
    )


async def take_due_schedules(work: Work, names: list[str]) -> list[str]:
    """Advances the due ones to their next time after now, however many were missed, and names them."""
    rows = await work.write(
        """
        WITH due AS MATERIALIZED (
            SELECT name FROM jobs_schedules WHERE name = ANY ($1) AND next_run_at <= now() FOR UPDATE SKIP LOCKED
        )
        UPDATE jobs_schedules SET next_run_at = next_run_at + make_interval(secs => every_seconds
            * (floor(extract(epoch FROM now() - next_run_at)::float8 / every_seconds) + 1))
        WHERE name IN (SELECT name FROM due)
        RETURNING name
        """,
        names,
    )
    return [row["name"] for row in rows]


# ---- measuring ----------------------------------------------------------------------------------------------


class QueueState(Struct, frozen=True):
    """The queue at one moment."""

    # Age of the oldest ready job of these kinds; 0 when nothing is overdue.
    lag_seconds: float
    dead: int
    # Ready jobs whose kind this process does not know, among the 1,000 oldest of each priority.
    unknown: dict[str, int]


async def measure(source: Source, kinds: list[str], classes: Collection[int] = ()) -> QueueState:
    """Reads no more than a few thousand index entries, however long the queue is. `classes`: those of lanes."""
    oldest = """
        SELECT coalesce(extract(epoch FROM now() - min(job.run_at)), 0)::float8 AS lag_seconds,
            (SELECT count(*) FROM jobs WHERE state = 'dead') AS dead
        FROM unnest($2::smallint[]) AS class(priority) CROSS JOIN LATERAL (
            SELECT run_at FROM jobs
            WHERE state = 'waiting' AND jobs.priority = class.priority AND run_at <= now() AND kind = ANY ($1)
            ORDER BY run_at LIMIT 1) AS job
    """
    unknown = """
        SELECT job.kind, count(*) AS jobs FROM unnest($2::smallint[]) AS class(priority) CROSS JOIN LATERAL (
            SELECT kind FROM jobs WHERE state = 'waiting' AND jobs.priority = class.priority AND run_at <= now()
            ORDER BY run_at LIMIT 1000) AS job
        WHERE job.kind <> ALL ($1) GROUP BY job.kind ORDER BY job.kind LIMIT 100
    """
    looked_at = sorted({*_PRIORITIES, *classes})
    async with indexed(source) as connection:
        row = await connection.fetchrow(oldest, kinds, looked_at)
        strangers = await connection.fetch(unknown, kinds, looked_at)
    counts = {stranger["kind"]: stranger["jobs"] for stranger in strangers}
    return QueueState(row["lag_seconds"], row["dead"], counts) if row else QueueState(0.0, 0, counts)
