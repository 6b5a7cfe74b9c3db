"""API keys over HTTP."""

from uuid import UUID

from banyan.features.accounts.errors import ApiKeyLimit, ApiKeyNotFound
from banyan.features.accounts.models import ApiKey, ApiKeyMade, NewApiKey
from banyan.features.accounts.service.api_keys import ApiKeys
from banyan.infra.http.routing import Controller, Cursor, FromPath, JSONBody, Limit, Request, delete, get, post
from banyan.kernel.errors import Forbidden
from banyan.kernel.pages import DEFAULT_LIMIT, Page


class ApiKeyRoutes(Controller):
    path = "/v1/api-keys"
    tags = ["auth"]
    api_keys: ApiKeys

    @post(raises=[ApiKeyLimit, ApiKeyNotFound, Forbidden], secret_answer=True)
    async def create(self, request: Request, data: JSONBody[NewApiKey]) -> ApiKeyMade:
        """Make an API key.

        The key is shown this once. A retry with the same Idempotency-Key gets the same one with another secret.
        """
        if request.replayed_subject is not None:
            return await self.api_keys.create_again(request.work, request.account_id, request.replayed_subject)
        role = request.principal.role if request.principal else ""
        answer = await self.api_keys.create(request.work, request.account_id, role, data)
        request.remember_subject(answer.id)
        return answer

    @get()
    async def list(self, request: Request, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[ApiKey]:
        """One's own API keys, newest first."""
        return await self.api_keys.list_keys(request.work, request.account_id, limit, cursor)

    @delete("/{key_id:uuid}", raises=[ApiKeyNotFound])
    async def end(self, request: Request, key_id: FromPath[UUID]) -> None:
        """End an API key. It holds no more anywhere within a second."""
        await self.api_keys.end(request.work, request.account_id, key_id)
