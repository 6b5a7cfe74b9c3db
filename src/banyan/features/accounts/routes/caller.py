"""What the rules of accounts want to know of a request."""

from banyan.features.accounts.models import Client
from banyan.infra.http.addresses import limit_key
from banyan.infra.http.routing import Request
from banyan.infra.mail.message import Language, choose_language


def client_of(request: Request) -> Client:
    return Client(request.client_ip, limit_key(request.client_ip), request.user_agent)


def language_of(request: Request) -> Language:
    return choose_language(request.header("accept-language"))
