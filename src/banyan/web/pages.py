"""The table of pages, and everything a server must hold in memory to serve them."""

import functools
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from banyan.web.assets import CONTENT_TYPES, Assets, digest_of

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)
# Mails bring their own inline styles; their frame inherits the policy of the page that shows them.
MAILBOX_SECURITY_POLICY = f"{CONTENT_SECURITY_POLICY}; style-src 'self' 'unsafe-inline'"

REVALIDATE = "no-cache"
NEVER_STORE = "no-store"
KEEP_FOR_EVER = "public, max-age=31536000, immutable"

NOT_FOUND = "/404"


class Page(msgspec.Struct, frozen=True):
    """An answer held in memory: `etag` is quoted, ready for the header."""

    body: bytes
    content_type: str
    etag: str
    cache_control: str
    content_security_policy: str


class _Source(msgspec.Struct, frozen=True):
    file: str
    cache_control: str = REVALIDATE
    content_security_policy: str = CONTENT_SECURITY_POLICY


_PAGES: Mapping[str, _Source] = MappingProxyType(
    {
        "/": _Source("landing/page.html"),
        "/app": _Source("app/page.html"),
        "/docs": _Source("docs/page.html"),
        "/setup": _Source("links/setup.html"),
        "/confirm-email": _Source("links/confirm_email.html"),
        "/reset-password": _Source("links/reset_password.html"),
        "/verify-email": _Source("links/verify_email.html"),
        "/unsubscribe": _Source("links/unsubscribe.html"),
        "/dev/mailbox": _Source("mailbox/page.html", NEVER_STORE, MAILBOX_SECURITY_POLICY),
        NOT_FOUND: _Source("links/not_found.html"),
    }
)


@functools.cache
def load_pages(socket_origin: str = "") -> Mapping[str, Page]:
    """URL path -> page, for every page and asset; about 150 KB.

    `NOT_FOUND` is the page for unknown paths. Pages may open sockets at `socket_origin` (`wss://live.example.org`) too.
    Raises BrokenAsset when a file names one that is not there.
    """
    assets = Assets()
    # Where 'self' stands for ws: and wss: as well, this only adds another host; older browsers need it for our own too.
    allowed = f"; connect-src 'self' {socket_origin}" if socket_origin else ""
    served = {url: _load_page(assets, source, allowed) for url, source in _PAGES.items()}
    for asset in assets.all():
        served[asset.url] = _page(asset.body, asset.content_type, KEEP_FOR_EVER, CONTENT_SECURITY_POLICY)
    # Browsers ask for this name when they show an answer that is no page, such as /openapi.json.
    mark = assets.asset("shared/logo.svg")
    served["/favicon.ico"] = _page(mark.body, mark.content_type, REVALIDATE, CONTENT_SECURITY_POLICY)
    # A worker is for the pages below the folder that it comes from, so it stands at the top.
    worker = assets.asset("push/worker.js")
    served["/push-worker.js"] = _page(worker.body, worker.content_type, REVALIDATE, CONTENT_SECURITY_POLICY)
    return MappingProxyType(served)


def _load_page(assets: Assets, source: _Source, allowed: str) -> Page:
    body = assets.page(source.file)
    return _page(body, CONTENT_TYPES[".html"], source.cache_control, source.content_security_policy + allowed)


def _page(body: bytes, content_type: str, cache_control: str, content_security_policy: str) -> Page:
    return Page(
        body=body,
        content_type=content_type,
        etag=f'"{digest_of(body)}"',
        cache_control=cache_control,
        content_security_policy=content_security_policy,
    )
