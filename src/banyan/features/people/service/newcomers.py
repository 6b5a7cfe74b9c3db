"""Many persons at once, for an import of accounts."""

from collections.abc import Sequence
from uuid import UUID

from banyan.features.people.checks import check_display_name, check_handle
from banyan.features.people.queries import newcomers as queries
from banyan.infra.database.work import Work


def read_names(handle: str, display_name: str) -> tuple[str, str]:
    """Handle and display name as they are kept. Raises Invalid."""
    return check_handle(handle), check_display_name(display_name)


async def find_holders(work: Work, handles: Sequence[str]) -> dict[str, UUID]:
    """Who has which of these handles; free ones are left out."""
    return await queries.find_holders(work, handles)
