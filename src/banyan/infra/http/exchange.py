"""What the gateway and the routes share about one request."""

from uuid import UUID

from banyan.infra.auth.principal import Principal
from banyan.infra.database.work import Work
from banyan.infra.ratelimit import Verdict
from banyan.kernel.errors import BanyanError

SCOPE_KEY = "banyan"


class Exchange:
    """One request on its way through the gateway: who asks, its unit of work, and what the route said of it."""

    __slots__ = (
        "client_ip",
        "error",
        "headers",
        "idempotency_key",
        "is_head",
        "principal",
        "remembered_subject",
        "replayed_subject",
        "request_id",
        "secure",
        "shared_tags",
        "verdict",
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
        self.is_head = False
        # Set when a retry of an answered request comes in whose answer held tokens: whose tokens they were.
        self.replayed_subject: UUID | None = None
        self.remembered_subject: UUID | None = None
        self.shared_tags: tuple[str, ...] = ()
        self.verdict: Verdict | None = None
        # The refusal that the answer is made of, if it is one.
        self.error: BanyanError | None = None

    @property
    def account_id(self) -> UUID | None:
        return self.principal.account_id if self.principal else None

    @property
    def error_code(self) -> str | None:
        return self.error.code if self.error else None
