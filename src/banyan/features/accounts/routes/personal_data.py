"""One's own data over HTTP: a copy of it, and its end."""

from uuid import UUID

from banyan.features.accounts.errors import (
    ExportNotFound,
    ExportNotReady,
    ExportUnderWay,
    LastAdmin,
    LockedOut,
    WrongPassword,
)
from banyan.features.accounts.models import Deletion, DeletionRequest, Export
from banyan.features.accounts.routes.caller import client_of
from banyan.features.accounts.service.deletions import Deletions
from banyan.features.accounts.service.exports import Exports
from banyan.infra.http.routing import Controller, Cursor, FileAnswer, FromPath, JSONBody, Limit, Request, get, post
from banyan.kernel.pages import DEFAULT_LIMIT, Page

_ZIP = "application/zip"


class ExportRoutes(Controller):
    path = "/v1/me/exports"
    tags = ["accounts"]
    exports: Exports

    @post(raises=[ExportUnderWay], status=202)
    async def create(self, request: Request) -> Export:
        """Ask for a copy of one's own data.

        It is made in the background, one at a time, and kept for 7 days; a mail says when it is ready.
        """
        return await self.exports.ask_export(request.work, request.account_id)

    @get()
    async def list(self, request: Request, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[Export]:
        """The copies that are kept, newest first."""
        return await self.exports.list_exports(request.work, request.account_id, limit, cursor)

    @get("/{export_id:uuid}", raises=[ExportNotFound])
    async def show(self, request: Request, export_id: FromPath[UUID]) -> Export:
        """One of them, to see whether it is ready."""
        return await self.exports.get_export(request.work, request.account_id, export_id)

    @get("/{export_id:uuid}/file", raises=[ExportNotFound, ExportNotReady], file=_ZIP)
    async def fetch(self, request: Request, export_id: FromPath[UUID]) -> FileAnswer:
        """The copy itself: a ZIP with one JSON file per feature, and index.html to read it all."""
        name, size_bytes, pieces = await self.exports.get_file(request.work, request.account_id, export_id)
        return FileAnswer(name, _ZIP, size_bytes, pieces)


class DeletionRoutes(Controller):
    path = "/v1/me/deletion"
    tags = ["accounts"]
    deletions: Deletions

    @post(raises=[WrongPassword, LockedOut, LastAdmin], status=202)
    async def ask(self, request: Request, data: JSONBody[DeletionRequest]) -> Deletion:
        """Delete one's account.

        All sessions end, and to others the person does not exist from now on. Until `deletes_at` a sign-in with
        `"restore": true` takes it back; then it is erased.
        """
        return await self.deletions.ask_deletion(request.work, request.account_id, data.password, client_of(request))
