"""One's own data in one file: asked for, made by a job, kept for some days."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from uuid import UUID

from banyan.features.accounts.archive import Archive
from banyan.features.accounts.errors import ExportNotFound, ExportNotReady, ExportUnderWay
from banyan.features.accounts.mails import AccountMails
from banyan.features.accounts.models import Export, ExportState, MakeExport
from banyan.features.accounts.queries import accounts as account_queries
from banyan.features.accounts.queries import exports as queries
from banyan.features.accounts.queries.exports import ExportRow
from banyan.infra.database.work import Work
from banyan.infra.declare import PersonalData
from banyan.infra.mail.mailer import Mailer
from banyan.kernel.clock import now
from banyan.kernel.ids import new_id
from banyan.kernel.pages import Page, cut_page, decode_cursor

_KEPT = timedelta(days=7)
_KEPT_EXPORTS = 3
_PIECE_BYTES = 256 * 1024
# A job that has failed for so long does not come to an end any more.
STUCK = timedelta(days=1)


class Exports:
    """The job works in one transaction: killed half way it leaves nothing behind and begins again. `parts` are what
    each feature declares; a page of each list at a time is in memory.
    """

    def __init__(
        self, parts: Sequence[PersonalData], mailer: Mailer, mails: AccountMails, community: str, public_url: str
    ) -> None:
        self._parts = parts
        self._mailer = mailer
        self._mails = mails
        self._community = community
        self._public_url = public_url.rstrip("/")

    async def ask_export(self, work: Work, account_id: UUID) -> Export:
        """Asks for an archive of all that the account's person has here. Raises ExportUnderWay."""
        moment = now()
        row = ExportRow(new_id(), account_id, ExportState.PREPARING, moment, None, moment + _KEPT, None)
        if not await queries.insert_export(work, row.id, account_id, moment, row.expires_at):
            raise ExportUnderWay("Wait until it is ready.")
        work.enqueue(MakeExport(row.id))
        return _shown(row)

    async def list_exports(self, work: Work, account_id: UUID, limit: int, cursor: str | None) -> Page[Export]:
        """One's own, newest first."""
        rows = await queries.list_exports(work, account_id, decode_cursor(cursor), limit + 1)
        return cut_page([_shown(row) for row in rows], limit, lambda export: export.id)

    async def get_export(self, work: Work, account_id: UUID, export_id: UUID) -> Export:
        """Raises ExportNotFound."""
        row = await queries.find_export(work, account_id, export_id)
        if row is None:
            raise ExportNotFound
        return _shown(row)

    async def get_file(self, work: Work, account_id: UUID, export_id: UUID) -> tuple[str, int, AsyncIterator[bytes]]:
        """The file's name, its size in bytes and its content, a piece at a time.

        Raises ExportNotFound, ExportNotReady.
        """
        export = await self.get_export(work, account_id, export_id)
        if export.state is not ExportState.READY or export.size_bytes is None:
            raise ExportNotReady("Ask for the export itself: its `state` says when it is ready.")
        return f"export-{export.created_at:%Y-%m-%d}.zip", export.size_bytes, _pieces(work, export_id)

    async def make_export(self, work: Work, job: MakeExport) -> None:
        """The job of `ask_export`."""
        row = await queries.lock_export(work, job.export_id)
        if row is None or row.state is not ExportState.PREPARING:
            return
        size_bytes = number = 0
        async for piece in self._archive(work, row.account_id):
            await queries.insert_piece(work, row.id, number, piece)
            number += 1
            size_bytes += len(piece)
        moment = now()
        await queries.mark_ready(work, row.id, moment, moment + _KEPT, size_bytes, _KEPT_EXPORTS)
        login = await account_queries.find_login(work, row.account_id)
        if login is not None:
            language = await account_queries.find_language(work, row.account_id)
            url = f"{self._public_url}/app#/settings"
            self._mailer.send(work, self._mails.export_ready(login.email, language, str(_KEPT.days), url))

    async def _archive(self, work: Work, account_id: UUID) -> AsyncIterator[bytes]:
        """The bytes of the archive, in pieces of about `_PIECE_BYTES`."""
        with Archive(f"Your data at {self._community}") as archive:
            for part in self._parts:
                if not part.sections:
                    continue
                archive.begin_feature(part.feature)
                for section in part.sections:
                    archive.begin_section(section.name, section.title)
                    cursor: str | None = None
                    while True:
                        page = await section.read(work, account_id, cursor)
                        archive.add(page.items)
                        if archive.waiting_bytes >= _PIECE_BYTES:
                            yield archive.take()
                        cursor = page.next_cursor
                        if cursor is None:
                            break
                    archive.end_section()
                archive.end_feature()
            waiting = archive.take()
            for last in archive.finish():
                waiting += last
                if len(waiting) >= _PIECE_BYTES:
                    yield waiting
                    waiting = b""
            if waiting:
                yield waiting


async def _pieces(work: Work, export_id: UUID) -> AsyncIterator[bytes]:
    number = 0
    while (piece := await queries.find_piece(work, export_id, number)) is not None:
        yield piece
        number += 1


def _shown(row: ExportRow) -> Export:
    return Export(
        id=row.id,
        state=row.state,
        created_at=row.created_at,
        ready_at=row.ready_at,
        expires_at=row.expires_at,
        size_bytes=row.size_bytes,
        file_url=f"/v1/me/exports/{row.id}/file" if row.state is ExportState.READY else None,
    )
