"""Reads what changed for a person, and logs it at that moment."""

from collections.abc import Sequence
from hashlib import blake2b
from struct import pack
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from banyan.infra.database.work import Work
from banyan.infra.declare import ME_TOPIC, SyncedKind
from banyan.infra.streams import queries
from banyan.infra.streams.models import Change, Changed, Changes, Entry, Head
from banyan.infra.streams.positions import Position, decode_position

# So many deletions are remembered for clients that were away; beyond, they begin anew. A little more are kept in
# between, because looking for the oldest costs as much as a page.
_KEPT_DELETIONS = 1000
_PRUNED_EVERY = 100

# Ids and versions, by kind.
Versions = dict[str, Sequence[tuple[UUID, int]]]
# By the bytes of the id: they hash in a tenth of the time that a UUID takes.
Values = dict[bytes, Struct]


class _Seen(NamedTuple):
    """What a person may see, with the values of those kinds that were read whole."""

    versions: Versions
    values: dict[str, Values]


class _Log(NamedTuple):
    """A log that says what its person may see: its head, and what was appended for that to `before`, where it ended."""

    head: Head
    before: int
    values: dict[str, Values]
    appended: Sequence[Change] = ()


class _Page(NamedTuple):
    """What one read found; the client stands at `position` once it has applied `items`."""

    entries: Sequence[Entry]
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
        places = [Position(position.epoch, entry.seq, position.base) for entry in page.entries]
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
                entries: Sequence[Entry] = _number(log, position.seq, limit)
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
        seq = entries[-1].seq if len(entries) == limit else head.last_seq
        return _Page(entries, items, Position(head.epoch, seq, position.base), reset)

    async def append(self, work: Work, person_id: UUID, changes: Sequence[Change]) -> None:
        """Logs changes in the caller's transaction, for who has to hear of them before the person asks.

        Of the kinds declared, with the versions that their `versions` would give. Does nothing for a person who has
        no stream yet: their first look finds everything.
        """
        head = await queries.lock_head(work, person_id) if changes else None
        if head is not None:
            # Without a digest the next look compares one by one.
            await self._append(work, person_id, head, changes, None)
            work.announce(ME_TOPIC, str(person_id))

    async def forget(self, work: Work, person_id: UUID) -> None:
        """Removes a person's stream."""
        await queries.delete_stream(work, person_id)

    async def _reconcile(self, work: Work, person_id: UUID, valued: int = 0) -> _Log:
        """Makes the log say what the person may see now; `valued`: how many values are wanted with it."""
        head = await queries.find_head(work, person_id)
        seen = await self._look(work, person_id, valued)
        digest = _digest(seen.versions)
        if head is not None and head.digest == digest:
            return _Log(head, head.last_seq, seen.values)
        made = await queries.insert_head(work, person_id) if head is None else None
        locked = made or await queries.make_head(work, person_id)
        if made is None and locked != head:
            # Somebody was quicker, and may have seen more than we did before the lock.
            seen = await self._look(work, person_id, valued)
            digest = _digest(seen.versions)
        known = await queries.list_live(work, person_id) if locked.last_seq else ()
        changes = _difference(known, seen.versions)
        head = await self._append(work, person_id, locked, changes, digest)
        return _Log(head, locked.last_seq, seen.values, changes)

    async def _look(self, work: Work, person_id: UUID, valued: int) -> _Seen:
        """Kinds are read whole until there are `valued` values: the log is mostly in the order of kinds."""
        versions: Versions = {}
        values: dict[str, Values] = {}
        for name, kind in self._kinds.items():
            if kind.whole is None or valued <= 0:
                versions[name] = await kind.versions(work, person_id)
            else:
                versions[name], found = await kind.whole(work, person_id, valued)
                values[name] = {id.bytes: value for id, value in found}
            valued -= len(versions[name])
        return _Seen(versions, values)

    async def _append(
        self, work: Work, person_id: UUID, head: Head, changes: Sequence[Change], digest: bytes | None
    ) -> Head:
        """The head after it, whose lock the caller holds."""
        await queries.append(work, person_id, head.last_seq, changes, digest)
        last_seq = head.last_seq + len(changes)
        floor_seq: int | None = None
        # In a new one nothing was deleted yet.
        if head.last_seq and last_seq // self._pruned_every > head.last_seq // self._pruned_every:
            floor_seq = await queries.prune(work, person_id, self._kept_deletions)
        return Head(head.epoch, last_seq, head.floor_seq if floor_seq is None else floor_seq, digest)

    async def _fill(
        self, work: Work, person_id: UUID, entries: Sequence[Entry], values: dict[str, Values]
    ) -> list[Changed]:
        """The entries with their present values; `values` are those that were read just now."""
        values = {name: values.get(name, {}) for name in {entry.kind for entry in entries}}
        wanted: dict[str, list[UUID]] = {}
        for entry in entries:
            if not entry.gone and entry.id.bytes not in values[entry.kind]:
                wanted.setdefault(entry.kind, []).append(entry.id)
        for name, ids in wanted.items():
            values[name] = values[name] | await self._values(work, person_id, name, ids)
        items = [
            Changed(entry.kind, entry.id, None if entry.gone else values[entry.kind].get(entry.id.bytes))
            for entry in entries
        ]
        vanished = [entry for entry, item in zip(entries, items, strict=True) if item.value is None and not entry.gone]
        if vanished:
            # Out of sight since the comparison. The log must say so as well: else it would think that the client has
            # it, and not tell when it comes back.
            locked = await queries.make_head(work, person_id)
            await queries.bury(work, person_id, locked.last_seq, vanished)
        return items

    async def _values(self, work: Work, person_id: UUID, kind: str, ids: list[UUID]) -> Values:
        declared = self._kinds.get(kind)
        found = () if declared is None else await declared.values(work, person_id, ids)
        return {id.bytes: value for id, value in found}


def _number(log: _Log, after: int, limit: int) -> list[Entry]:
    """What was appended, from after `after`, which does not lie before it, as it stands in the log."""
    begin = after - log.before
    numbered = enumerate(log.appended[begin : begin + limit], after + 1)
    return [Entry(seq, change.kind, change.id, change.version is None) for seq, change in numbered]


def _difference(known: Sequence[tuple[str, UUID, int]], versions: Versions) -> list[Change]:
    """What has to be appended to a log that says `known`, so that it says `versions`."""
    if not known:
        return [Change(kind, id, version) for kind, present in versions.items() for id, version in present]
    rest = {(kind, id.bytes): (id, version) for kind, id, version in known}
    changes = []
    for kind, present in versions.items():
        for id, version in present:
            logged = rest.pop((kind, id.bytes), None)
            if logged is None or logged[1] != version:
                changes.append(Change(kind, id, version))
    # Deletions first: a client that stops half way has rather too little than too much.
    return [*(Change(kind, id, None) for (kind, _), (id, _) in rest.items()), *changes]


def _digest(versions: Versions) -> bytes:
    """Of everything that is compared, in the order that the kinds give it."""
    digest = blake2b(digest_size=16)
    for kind, present in versions.items():
        digest.update(b"%s %d " % (kind.encode(), len(present)))
        digest.update(b"".join([id.bytes for id, _ in present]))
        digest.update(pack(f">{len(present)}q", *[version for _, version in present]))
    return digest.digest()
