"""What accounts need of the people feature, which ranks above: wiring passes it as functions."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from banyan.features.accounts.models import PersonNames
from banyan.infra.database.work import Work


@dataclass(frozen=True, slots=True)
class PersonLink:
    """`check` (handle, display name) and `create` (id, handle, display name) raise what people say of a handle
    or name that cannot be had; `find_names` answers for every account, since each has its person.
    """

    check: Callable[[Work, str, str], Awaitable[None]]
    create: Callable[[Work, UUID, str, str], Awaitable[PersonNames]]
    find_names: Callable[[Work, UUID], Awaitable[PersonNames]]
