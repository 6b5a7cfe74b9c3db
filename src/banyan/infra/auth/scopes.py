"""What an API key may be used for: `FEATURE:read`, `FEATURE:write` (which includes reading), and `admin`."""

from collections.abc import Iterable

ADMIN_SCOPE = "admin"
# Whoever holds a key must not be able to make another one, or to keep the account's owner out.
SESSION_ONLY = frozenset({"accounts", "auth"})


def needed_scope(feature: str, method: str, *, admin: bool) -> str | None:
    """The scope that a route asks of a key; None where none will do. `feature` is the route's tag."""
    if feature in SESSION_ONLY:
        return None
    if admin:
        return ADMIN_SCOPE
    return f"{feature}:read" if method == "GET" else f"{feature}:write"


def allows(scopes: frozenset[str], needed: str | None) -> bool:
    """Whether a key with these scopes may be used where `needed` is asked for."""
    if needed is None:
        return False
    return needed in scopes or (needed.endswith(":read") and f"{needed.removesuffix(':read')}:write" in scopes)


def offered_scopes(features: Iterable[str]) -> tuple[str, ...]:
    """All scopes that a key may have, in order."""
    kinds = [f"{feature}:{kind}" for feature in sorted(set(features)) for kind in ("read", "write")]
    return (*kinds, ADMIN_SCOPE)
