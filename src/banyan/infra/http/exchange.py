"""What the gateway and the routes share about one request."""

from uuid import UUID

from banyan.infra.auth.principal import Principal
from banyan.infra.database.work import Work

SCOPE_KEY = "banyan"


class Exchange:
    """One request on its way through the gateway: who asks, its unit of work, and what the route said of it."""

    __slots__ = (
        "account_id",
        "client_ip",
        "error_code",
        "headers",
        "idempotency_key",
        "keeps_work",
        "principal",
        "remembered_subject",
        "replayed_subject",
        "request_id",
        "retry_after_seconds",
        "secure",
        "shared_tag",
        "work",
    )

    def __init__(self, request_id: str, client_ip: str, secure: bool, headers: dict[bytes, bytes], work: Work) -> None:
        self.request_id = request_id
        self.client_ip = client_ip
        self.secure = secure
        self.headers = headers
        self.work = work
        self.principal: Principal | None = None
        self.idempotency_key: str | None = None
        # Set when a retry of an answered request comes in whose answer held tokens: whose tokens they were.
        self.replayed_subject: UUID | None = None
        self.remembered_subject: UUID | None = None
        self.shared_tag: str | None = None
        self.keeps_work = False
        self.retry_after_seconds: float | None = None
        self.error_code = ""
