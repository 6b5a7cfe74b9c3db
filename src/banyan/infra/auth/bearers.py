"""What may stand behind `Authorization: Bearer`: an access token, or an API key."""

from banyan.infra.auth.api_keys import KEY_PREFIX, KeyVerifier
from banyan.infra.auth.principal import Principal
from banyan.infra.auth.tokens import TokenVerifier
from banyan.infra.database.work import Work


class Bearers:
    """Asks whoever knows that kind."""

    def __init__(self, tokens: TokenVerifier, keys: KeyVerifier) -> None:
        self.tokens = tokens
        self.keys = keys

    def find(self, bearer: str) -> Principal | None:
        """Who calls if this process knows it already."""
        return self.keys.find(bearer) if bearer.startswith(KEY_PREFIX) else self.tokens.find(bearer)

    async def verify(self, work: Work, bearer: str) -> Principal:
        """Who calls. Raises InvalidToken or TokenExpired."""
        if bearer.startswith(KEY_PREFIX):
            return await self.keys.verify(work, bearer)
        return await self.tokens.verify(work, bearer)
