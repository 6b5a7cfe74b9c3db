"""An import of accounts from a file: batches in transactions of their own, each account with its person."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from msgspec import Struct

from banyan.features.accounts.import_lines import BadImportFile, ImportLine, count_lines, read_lines
from banyan.features.accounts.models import PersonNames
from banyan.features.accounts.person import NewPerson, PersonBulk
from banyan.features.accounts.service.imports import AccountImports, BatchOutcome, ReadyLine, Refused, import_one
from banyan.features.people.models import PersonImport
from banyan.features.people.service.handles import Handles
from banyan.features.people.service.imports import PeopleImports, read_names
from banyan.features.people.settings import PeopleSettings
from banyan.infra.database.pool import Pool
from banyan.infra.database.work import Work
from banyan.infra.settings import BadSettings
from banyan.kernel.errors import Conflict

# Large enough that the transaction's own cost is small, small enough that a kill loses little work.
_BATCH = 1_000


class ImportReport(Struct, frozen=True):
    """What became of a file: accounts made (or, in a dry run, to be made), those there already, lines refused."""

    made: int
    there: int
    refused: list[Refused]
    dry_run: bool


def count_import_lines(path: Path) -> int:
    """How long the file is, for a progress bar. Raises BadSettings."""
    try:
        return count_lines(path)
    except BadImportFile as error:
        raise BadSettings(str(error)) from None


async def import_accounts(
    pool: Pool, path: Path, advance: Callable[[int], None], *, dry_run: bool = False
) -> ImportReport:
    """Takes over the accounts of a file. Good lines go in whatever the others are; run again after a kill or once
    the others are mended, it only adds what is missing. `advance` hears the line reached.

    Raises BadSettings for a file that cannot be read at all, Unavailable.
    """
    imports = AccountImports(_bulk(Handles(PeopleSettings())))
    made = there = 0
    refused: list[Refused] = []
    for lines in _batches(path):
        ready, wrong = imports.read(lines)
        outcome = await _import(pool, imports, ready, dry_run)
        made += outcome.made
        there += outcome.there
        refused += sorted([*wrong, *outcome.refused], key=lambda one: one.line)
        advance(lines[-1].line)
    return ImportReport(made, there, refused, dry_run)


async def _import(pool: Pool, imports: AccountImports, ready: Sequence[ReadyLine], dry_run: bool) -> BatchOutcome:
    try:
        async with pool.work() as work:
            return await imports.import_batch(work, ready, dry_run=dry_run)
    except Conflict:
        # Somebody signed up between our look and our write: only their line is to blame.
        outcomes = []
        for one in ready:
            async with pool.work() as work:
                outcomes.append(await import_one(imports, work, one, dry_run=dry_run))
        return BatchOutcome(
            sum(outcome.made for outcome in outcomes),
            sum(outcome.there for outcome in outcomes),
            [refused for outcome in outcomes for refused in outcome.refused],
        )


def _bulk(handles: Handles) -> PersonBulk:
    imports = PeopleImports(handles)

    def read(handle: str, display_name: str) -> PersonNames:
        return PersonNames(*read_names(handle, display_name))

    async def create(work: Work, persons: Sequence[NewPerson]) -> None:
        await imports.import_people(
            work,
            [
                PersonImport(
                    id=person.id,
                    handle=person.names.handle,
                    display_name=person.names.display_name,
                    bio="",
                    created_at=person.created_at,
                )
                for person in persons
            ],
        )

    return PersonBulk(read=read, find_holders=handles.find_holders, create=create)


def _batches(path: Path) -> Iterator[list[ImportLine]]:
    lines = read_lines(path)
    try:
        while batch := list(islice(lines, _BATCH)):
            yield batch
    except BadImportFile as error:
        raise BadSettings(str(error)) from None
