"""Lost and found over HTTP."""

from typing import Annotated
from uuid import UUID

from banyan.features.people.errors import PersonNotFound
from banyan.infra.http.routing import (
    Controller,
    Cursor,
    FromPath,
    JSONBody,
    Limit,
    QueryParameter,
    Request,
    delete,
    get,
    patch,
    post,
)
from banyan.kernel.pages import DEFAULT_LIMIT, Page
from lost_and_found.errors import ItemNotOpen, NotTheReporter, TooManyItems
from lost_and_found.models import Helper, Item, ItemChanges, ItemKind, ItemState, NewItem, Returned
from lost_and_found.service import LostAndFound

OfKind = Annotated[ItemKind | None, QueryParameter(name="kind", description="Only those; both without it.")]
OfState = Annotated[ItemState, QueryParameter(name="state", description="Which ones: `open` without it.")]


class LostAndFoundRoutes(Controller):
    path = "/v1/lost-and-found/items"
    tags = ["lost_and_found"]
    items: LostAndFound

    @post(raises=[TooManyItems])
    async def report(self, request: Request, data: JSONBody[NewItem]) -> Item:
        """Report something lost or found."""
        return await self.items.report_item(request.work, request.account_id, data)

    @get()
    async def list(
        self,
        request: Request,
        of_kind: OfKind = None,
        of_state: OfState = "open",
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Page[Item]:
        """What is lost and found, newest first."""
        return await self.items.list_items(request.work, request.account_id, of_kind, of_state, limit, cursor)

    @get("/{item_id:uuid}")
    async def show(self, request: Request, item_id: FromPath[UUID]) -> Item:
        """One item."""
        return await self.items.get_item(request.work, request.account_id, item_id)

    @patch("/{item_id:uuid}", raises=[NotTheReporter, ItemNotOpen])
    async def edit(self, request: Request, item_id: FromPath[UUID], data: JSONBody[ItemChanges]) -> Item:
        """Change one's own open item."""
        return await self.items.edit_item(request.work, request.account_id, item_id, data)

    @delete("/{item_id:uuid}", raises=[NotTheReporter])
    async def remove(self, request: Request, item_id: FromPath[UUID]) -> None:
        """Take one's own item back."""
        await self.items.remove_item(request.work, request.account_id, item_id)

    @post("/{item_id:uuid}/return", raises=[NotTheReporter, ItemNotOpen, PersonNotFound], status=200)
    async def give_back(self, request: Request, item_id: FromPath[UUID], data: JSONBody[Returned]) -> Item:
        """Say that one's own item is back with its owner, and who is to be thanked."""
        return await self.items.return_item(request.work, request.account_id, item_id, data.helper_id)


class HelperRoutes(Controller):
    path = "/v1/lost-and-found/helpers"
    tags = ["lost_and_found"]
    items: LostAndFound

    @get()
    async def list(self, request: Request, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[Helper]:
        """Who brought things back to their owners, the latest first."""
        return await self.items.list_helpers(request.work, request.account_id, limit, cursor)
