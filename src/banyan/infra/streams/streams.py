"""Reads what changed for a person, and logs it at that moment."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import repeat
from struct import pack
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from banyan.infra.database.work import Work
from banyan.infra.declare import Present, SyncedKind
from banyan.infra.streams import queries
from banyan.infra.streams.models import Appended, Changed, Changes, Entries, Head
from banyan.infra.streams.positions import Position, decode_position

# So many deletions are remembered for clients that were away; beyond, they begin anew. A little more are kept in
# between, because looking for the oldest costs as much as a page.
_KEPT_DELETIONS = 1000
_PRUNED_EVERY = 100
_DIGEST_BYTES = 16

# By kind.
Presents = dict[str, Present]
Values = Mapping[str, Struct]


class _Seen(NamedTuple):
    """What a person may see, with the values of those kinds that were read whole."""

    presents: Presents
    values: dict[str, Values]


class _Log(NamedTuple):
    """A log that says what its person may see: its head, and what was appended for that to `before`, where it ended."""

    head: Head
    before: int
    values: dict[str, Values]
    appended: Appended = Appended([], [], [])


class _Page(NamedTuple):
    """What one read found; the client stands at `position` once it has applied `items`."""

    entries: Entries
    items: list[Changed]
    position: Position
    reset: bool


class Streams:
    """One stream per person, over the kinds that features declare."""

    def __init__(self, kinds: Sequence[SyncedKind], kept_deletions: int = _KEPT_DELETIONS) -> None:
        self._kinds = {kind.name: kind for kind in kinds}
        self._kept_deletions = kept_deletions
        self._pruned_every = min(_PRUNED_EVERY, kept_deletions)

    async def read(self, work: Work, person_id: UUID, since: str | None, limit: int) -> Changes:
        """What a client that stands at `since` has to be told, at most `limit` things. Raises Invalid.

        Without `since`, or where the log no longer reaches back to it, everything from the start (`reset`).
        """
        page = await self._read(work, person_id, decode_position(since), limit)
        return Changes(page.items, page.position.encode(), page.reset)

    async def follow(
        self, work: Work, person_id: UUID, position: Position, limit: int
    ) -> list[tuple[Position, Changed]] | None:
        """What a client that stands at `position` has to be told, and where it stands after each; None where the log
        no longer reaches back there.
        """
        page = await self._read(work, person_id, position, limit)
        if page.reset:
            return None
        places = [Position(position.epoch, seq, position.base) for seq in page.entries.seqs]
        return list(zip(places, page.items, strict=True))

    async def end(self, work: Work, person_id: UUID) -> Position:
        """Where a client stands that reads everything anew after this."""
        head = await queries.find_head(work, person_id) or (await self._reconcile(work, person_id)).head
        return Position(head.epoch, head.last_seq, head.last_seq)

    async def _read(self, work: Work, person_id: UUID, asked: Position | None, limit: int) -> _Page:
        while True:
            # Who begins anew is told of all that is there: it is read once, with what there is to tell.
            log = await self._reconcile(work, person_id, valued=limit if asked is None else 0)
            head = log.head
            reset = asked is None or not asked.holds(head)
            position = Position(head.epoch, 0, head.last_seq) if asked is None or reset else asked
            if position.seq >= log.before:
                # All that is new to this client was found just now.
                entries = _number(log, position.seq, limit)
                break
            entries = await queries.list_entries(
                work, person_id, position.seq, head.last_seq, limit, with_gone=not reset
            )
            if work.in_transaction:
                break
            # Without the lock deletions may just have been forgotten that this page should have had.
            present = await queries.find_head(work, person_id)
            if present is not None and (present.epoch, present.floor_seq) == (head.epoch, head.floor_seq):
                break
        items = await self._fill(work, person_id, entries, log.values)
        seq = entries.seqs[-1] if len(items) == limit else head.last_seq
        return _Page(entries, items, Position(head.epoch, seq, position.base), reset)

    async def forget(self, work: Work, person_id: UUID) -> None:
        """Removes a person's stream."""
        await queries.delete_stream(work, person_id)

    async def _reconcile(self, work: Work, person_id: UUID, valued: int = 0) -> _Log:
        """Makes the log say what the person may see now; `valued`: how many values are wanted with it."""
        head = await queries.find_head(work, person_id)
        seen = await self._look(work, person_id, valued)
        digest = _digest(seen.presents)
        if head is not None and head.digest == digest:
            return _Log(head, head.last_seq, seen.values)
        if head is None:
            changes = _difference({}, seen.presents)
            head = await queries.begin_stream(work, person_id, changes, digest)
            if head is not None:
                return _Log(head, 0, seen.values, changes)
        locked = await queries.make_head(work, person_id)
        if locked != head:
            # Somebody was quicker, and may have seen more than we did before the lock.
            seen = await self._look(work, person_id, valued)
            digest = _digest(seen.presents)
        known = await queries.list_live(work, person_id) if locked.last_seq else {}
        changes = _difference(known, seen.presents)
        head = await self._append(work, person_id, locked, changes, digest)
        return _Log(head, locked.last_seq, seen.values, changes)

    async def _look(self, work: Work, person_id: UUID, valued: int) -> _Seen:
        """Kinds are read whole until there are `valued` values: the log is mostly in the order of kinds."""
        presents: Presents = {}
        values: dict[str, Values] = {}
        for name, kind in self._kinds.items():
            if kind.whole is None or valued <= 0:
                presents[name] = await kind.versions(work, person_id)
            else:
                presents[name], values[name] = await kind.whole(work, person_id, valued)
            valued -= len(presents[name].ids)
        return _Seen(presents, values)

    async def _append(self, work: Work, person_id: UUID, head: Head, changes: Appended, digest: bytes) -> Head:
        """The head after it, whose lock the caller holds."""
        await queries.append(work, person_id, head.last_seq, changes, digest)
        last_seq = head.last_seq + len(changes.ids)
        floor_seq: int | None = None
        # In a new one nothing was deleted yet.
        if head.last_seq and last_seq // self._pruned_every > head.last_seq // self._pruned_every:
            floor_seq = await queries.prune(work, person_id, self._kept_deletions)
        return Head(head.epoch, last_seq, head.floor_seq if floor_seq is None else floor_seq, digest)

    async def _fill(self, work: Work, person_id: UUID, entries: Entries, values: dict[str, Values]) -> list[Changed]:
        """The entries with their present values; `values` are those that were read just now."""
        found = _found(entries, values)
        missing: dict[str, list[str]] = {}
        for kind, id, gone, value in zip(entries.kinds, entries.ids, entries.gone, found, strict=True):
            if value is None and not gone:
                missing.setdefault(kind, []).append(id)
        if missing:
            for name, ids in missing.items():
                values[name] = {**values.get(name, {}), **await self._values(work, person_id, name, ids)}
            found = _found(entries, values)
            await self._bury_vanished(work, person_id, entries, found)
        return [
            Changed(kind, id, "delete" if value is None else "upsert", value)
            for kind, id, value in zip(entries.kinds, entries.ids, found, strict=True)
        ]

    async def _values(self, work: Work, person_id: UUID, kind: str, ids: Sequence[str]) -> Values:
        declared = self._kinds.get(kind)
        return {} if declared is None else await declared.values(work, person_id, ids)

    async def _bury_vanished(
        self, work: Work, person_id: UUID, entries: Entries, found: Sequence[Struct | None]
    ) -> None:
        """What is out of sight since the comparison. The log must say so as well: else it would think that the client
        has it, and not tell when it comes back.
        """
        rows = zip(*entries, found, strict=True)
        vanished = [row for *row, gone, value in rows if value is None and not gone]
        if vanished:
            locked = await queries.make_head(work, person_id)
            await queries.bury(work, person_id, locked.last_seq, *zip(*vanished, strict=True))


def _found(entries: Entries, values: Mapping[str, Values]) -> list[Struct | None]:
    """The values of the entries, as far as they were read; None for what is gone."""
    nothing: Values = {}
    return [
        None if gone else values.get(kind, nothing).get(id)
        for kind, id, gone in zip(entries.kinds, entries.ids, entries.gone, strict=True)
    ]


def _number(log: _Log, after: int, limit: int) -> Entries:
    """What was appended, from after `after`, which does not lie before it, as it stands in the log."""
    begin = after - log.before
    page = slice(begin, begin + limit)
    kinds, ids = log.appended.kinds[page], log.appended.ids[page]
    gone = [version is None for version in log.appended.versions[page]]
    return Entries(range(after + 1, after + 1 + len(ids)), kinds, ids, gone)


def _difference(known: dict[str, dict[str, int]], presents: Presents) -> Appended:
    """What has to be appended to a log that says `known`, so that it says `presents`. `known` is used up."""
    changes = Appended([], [], [])
    for kind, (ids, versions) in presents.items():
        logged = known.get(kind)
        if logged:
            changed = [pair for pair in zip(ids, versions, strict=True) if logged.pop(pair[0], None) != pair[1]]
            ids, versions = [id for id, _ in changed], [version for _, version in changed]
        _add(changes, kind, ids, versions)
    # Deletions first: a client that stops half way has rather too little than too much.
    gone = Appended([], [], [])
    for kind, logged in known.items():
        _add(gone, kind, list(logged), [None] * len(logged))
    return Appended(gone.kinds + changes.kinds, gone.ids + changes.ids, gone.versions + changes.versions)


def _add(changes: Appended, kind: str, ids: Sequence[str], versions: Sequence[int | None]) -> None:
    changes.kinds.extend(repeat(kind, len(ids)))
    changes.ids.extend(ids)
    changes.versions.extend(versions)


def _digest(presents: Presents) -> bytes:
    """Of everything that is compared, in the order that the kinds give it."""
    digest = sha256()
    for kind, (ids, versions) in presents.items():
        digest.update(f"{kind} {len(ids)} {''.join(ids)}".encode())
        digest.update(pack(f">{len(versions)}q", *versions))
    return digest.digest()[:_DIGEST_BYTES]
