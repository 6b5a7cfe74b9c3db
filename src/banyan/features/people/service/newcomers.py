"""Many persons at once, for an import of accounts."""

from banyan.features.people.checks import check_display_name, check_handle


def read_names(handle: str, display_name: str) -> tuple[str, str]:
    """Handle and display name as they are kept. Raises Invalid."""
    return check_handle(handle), check_display_name(display_name)
