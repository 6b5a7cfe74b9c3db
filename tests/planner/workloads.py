"""Workloads for tests of the planner: a small community, and changes of it."""

from typing import Any

from banyan.planner.workload.models import Workload

COMMUNITY: dict[str, Any] = {
    "name": "community",
    "currency": "EUR",
    "time_zone": "Africa/Lagos",
    "people": {
        "registered_users": [8_000, 12_000],
        "daily_active_share": [0.1, 0.2],
        "peak_concurrent_share": [0.1, 0.2],
        "sockets_per_concurrent_user": 1,
    },
    "traffic": {
        "operations": {
            "feed": {"like": "feed", "per_active_user_per_day": [20, 40]},
            "post": {"like": "write", "per_active_user_per_day": [1, 3]},
        },
        "messages_per_active_user_per_day": [5, 20],
        "weekend_factor": 0.7,
    },
    "storage": {"database_kib_per_registered_user": [40, 90], "media_mib_per_registered_user": [0.5, 2]},
    "egress": {"mib_per_registered_user_per_month": [10, 40]},
    "objectives": {"p95_ms": 200},
    "scenarios": [{"name": "steady", "start_users": 10_000, "growth_per_month": [0.08, 0.12], "months": 36}],
}


def workload(**sections: Any) -> Workload:
    """The community with sections changed: keys of a section are laid over its own."""
    changed = dict(COMMUNITY)
    for name, value in sections.items():
        changed[name] = {**changed.get(name, {}), **value} if isinstance(value, dict) else value
    return Workload.model_validate(changed)
