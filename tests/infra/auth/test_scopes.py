"""Scopes: what a key may be used for, and never more."""

from hypothesis import given
from hypothesis import strategies as st

from banyan.infra.auth.scopes import ADMIN_SCOPE, SESSION_ONLY, allows, needed_scope, offered_scopes

FEATURES = ("posts", "people", "sync")
methods = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"])
features = st.sampled_from(FEATURES)
scopes = st.frozensets(st.sampled_from(offered_scopes(FEATURES)))


@given(held=scopes, feature=features, method=methods)
def test_a_route_takes_its_own_scope_or_the_wider_one(held: frozenset[str], feature: str, method: str) -> None:
    needed = needed_scope(feature, method, admin=False)
    good = {f"{feature}:write"} | ({f"{feature}:read"} if method == "GET" else set())
    assert allows(held, needed) == bool(held & good)


@given(held=scopes, method=methods)
def test_admin_routes_take_the_scope_admin_alone(held: frozenset[str], method: str) -> None:
    assert allows(held, needed_scope("admin", method, admin=True)) == (ADMIN_SCOPE in held)


@given(method=methods, admin=st.booleans(), feature=st.sampled_from(sorted(SESSION_ONLY)))
def test_accounts_take_none(method: str, admin: bool, feature: str) -> None:
    everything = frozenset([*offered_scopes([*FEATURES, *SESSION_ONLY]), "None", ""])
    assert not allows(everything, needed_scope(feature, method, admin=admin))


def test_what_is_offered() -> None:
    assert offered_scopes(["posts", "people", "posts"]) == (
        "people:read",
        "people:write",
        "posts:read",
        "posts:write",
        "admin",
    )
