"""Taking over accounts of another system, many at a time, by the rules for one.

A batch is one transaction, so a killed import leaves whole batches behind; run again, it finds their lines there.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct

from banyan.features.accounts.emails import Address, read_address
from banyan.features.accounts.errors import EmailTaken
from banyan.features.accounts.import_lines import ImportLine
from banyan.features.accounts.models import AccountImport, PersonNames, Role
from banyan.features.accounts.person import NewPerson, PersonBulk
from banyan.features.accounts.queries import accounts as queries
from banyan.infra.auth.foreign import BadHash, check_foreign_hash
from banyan.infra.database.work import Work
from banyan.infra.mail.message import LANGUAGES
from banyan.kernel.clock import now
from banyan.kernel.errors import BanyanError, Invalid
from banyan.kernel.ids import new_id

_YES = frozenset({"true", "yes", "1", "t", "y"})
_NO = frozenset({"false", "no", "0", "f", "n", ""})


class Refused(Struct, frozen=True):
    """A line that cannot go in, and what would be right."""

    line: int
    field: str | None
    detail: str


class BatchOutcome(Struct, frozen=True):
    """What became of the lines of a batch: how many accounts were made, were there already, and what was refused."""

    made: int
    there: int
    refused: list[Refused]


class ReadyLine(Struct, frozen=True):
    """A line that is right by itself."""

    line: int
    address: Address
    names: PersonNames
    account: AccountImport


class AccountImports:
    """Reads one file; it remembers its addresses and handles, so that a line given twice is told by its first."""

    def __init__(self, people: PersonBulk) -> None:
        self._people = people
        self._emails: dict[str, int] = {}
        self._handles: dict[str, int] = {}

    def read(self, lines: Sequence[ImportLine]) -> tuple[list[ReadyLine], list[Refused]]:
        """The lines that are right by themselves, and the others. To be called once for each batch."""
        ready: list[ReadyLine] = []
        refused: list[Refused] = []
        for line in lines:
            try:
                ready.append(self._read(line))
            except Invalid as error:
                first = error.fields[0] if error.fields else None
                refused.append(
                    Refused(line.line, first.field if first else None, first.detail if first else str(error))
                )
        return ready, refused

    async def import_batch(self, work: Work, ready: Sequence[ReadyLine], *, dry_run: bool) -> BatchOutcome:
        """Makes the accounts and persons of those that are not there yet, in the transaction of `work`.

        Raises EmailTaken or what people say when somebody else was quicker: then try the lines one by one.
        """
        there = await queries.find_ids_by_email(work, [one.address.key for one in ready])
        holders = await self._people.find_holders(work, [one.names.handle for one in ready])
        refused: list[Refused] = []
        wanted: list[ReadyLine] = []
        known = 0
        for one in ready:
            account_id, holder = there.get(one.address.key), holders.get(one.names.handle)
            if account_id is None and holder is None:
                wanted.append(one)
            elif account_id == holder:
                known += 1
            elif account_id is not None:
                refused.append(Refused(one.line, "email", "This address has an account under another handle."))
            else:
                refused.append(Refused(one.line, "handle", "This handle is taken: choose another one."))
        if wanted and not dry_run:
            await self._create(work, wanted)
        return BatchOutcome(len(wanted), known, refused)

    async def _create(self, work: Work, wanted: Sequence[ReadyLine]) -> None:
        accounts = [one.account for one in wanted]
        if await queries.insert_accounts(work, accounts, [one.address.key for one in wanted]) != len(wanted):
            raise EmailTaken("Somebody signed up with this address just now.")
        people = [NewPerson(one.account.id, one.names, one.account.created_at) for one in wanted]
        await self._people.create(work, people)

    def _read(self, line: ImportLine) -> ReadyLine:
        if line.problem is not None:
            raise Invalid(line.problem)
        fields = line.fields
        address = read_address(fields.get("email", ""))
        names = self._people.read(fields.get("handle", ""), fields.get("display_name", ""))
        account = AccountImport(
            id=new_id(),
            email=address.email,
            email_verified=_flag(fields.get("email_verified", "")),
            password_hash=_password_hash(fields.get("password_hash", "")),
            created_at=_moment(fields.get("created_at", "")),
            role=_role(fields.get("role", "")),
            language=_language(fields.get("language", "")),
        )
        self._check_twice(self._emails, address.key, "email", line.line)
        self._check_twice(self._handles, names.handle, "handle", line.line)
        return ReadyLine(line.line, address, names, account)

    def _check_twice(self, seen: dict[str, int], key: str, field: str, line: int) -> None:
        first = seen.setdefault(key, line)
        if first != line:
            raise Invalid.field(field, "given_twice", f"Line {first} has the same one.")


async def import_one(imports: AccountImports, work: Work, one: ReadyLine, *, dry_run: bool) -> BatchOutcome:
    """A batch of one that refuses its line instead of raising: after somebody was quicker."""
    try:
        return await imports.import_batch(work, [one], dry_run=dry_run)
    except BanyanError as error:
        await work.rollback()
        return BatchOutcome(0, 0, [Refused(one.line, None, error.detail)])


def _flag(text: str) -> bool:
    value = text.strip().lower()
    if value not in _YES | _NO:
        raise Invalid.field("email_verified", "invalid_flag", "`true` or `false`.")
    return value in _YES


def _password_hash(text: str) -> str | None:
    """None for an account whose owner has to ask for a new password."""
    stored = text.strip()
    if not stored:
        return None
    try:
        check_foreign_hash(stored)
    except BadHash as error:
        raise Invalid.field("password_hash", "invalid_hash", str(error)) from None
    return stored


def _moment(text: str) -> datetime:
    if not text.strip():
        return now()
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise Invalid.field("created_at", "invalid_time", "ISO 8601, such as 2024-05-31T08:00:00Z.") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if not datetime(1970, 1, 1, tzinfo=UTC) <= moment <= now():
        raise Invalid.field("created_at", "out_of_range", "A moment between 1970 and now.")
    return moment


def _role(text: str) -> Role:
    value = text.strip().lower() or Role.MEMBER.value
    if value not in set(Role):
        raise Invalid.field("role", "invalid_role", f"One of {', '.join(Role)}.")
    return Role(value)


def _language(text: str) -> str:
    value = text.strip().lower() or "en"
    if value not in LANGUAGES:
        raise Invalid.field("language", "invalid_language", f"One of {', '.join(LANGUAGES)}.")
    return value
