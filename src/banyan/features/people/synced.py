"""What of people a client keeps offline."""

from banyan.features.people.service.synced import SyncedPeople
from banyan.infra.declare import SyncedKind


def synced_kinds(people: SyncedPeople) -> tuple[SyncedKind, ...]:
    return (
        SyncedKind("connection", people.connection_versions, people.connection_values, people.whole_connections),
        SyncedKind("list", people.list_versions, people.list_values),
    )
