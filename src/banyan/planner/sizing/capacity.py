"""How many registered users a rented machine carries in a role, by resource and world."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from banyan.planner.catalogue.prices import RentedPlan
from banyan.planner.quantity import Worlds
from banyan.planner.queueing.response import max_rate_per_second, p95_seconds
from banyan.planner.sizing.needs import Needs
from banyan.planner.workload.models import Objectives

UNLIMITED = 1e12
GIB_PER_GB = 1e9 / 1024**3
_NO_WAIT_LIMIT = 0.98  # of the cores, where nobody waits for the answer


class Carried(NamedTuple):
    """Registered users by resource, (worlds,) each, that one machine of a role carries; `least` is the scarcest's."""

    by_resource: dict[str, Worlds]
    least: Worlds

    def of(self, count: int) -> dict[str, Worlds]:
        """By resource, with `count` machines that share the load."""
        return {name: users * count for name, users in self.by_resource.items()}


def carried(
    needs: Needs,
    plan: RentedPlan,
    core: Worlds,
    objectives: Objectives,
    known: dict[tuple[str, float, str], Worlds],
) -> Carried:
    """What one machine carries. `core` is how fast its cores are, the profile's being 1.

    `known` keeps what cores carry by needs, cores and their class: many plans differ in memory and price only.
    """
    key = (needs.key, plan.vcpu, plan.cpu_class)
    if key not in known:
        known[key] = cpu_users(needs, plan.vcpu, core, objectives)
    budgets = {
        "cpu": known[key],
        "memory": _memory(needs, plan, objectives),
        "disk": _left(
            np.maximum(plan.disk_gb * GIB_PER_GB * (1 - objectives.disk_headroom_share) - needs.disk_fixed_gib, 0),
            needs.disk_gib,
        ),
        "sockets": _left(needs.sockets_per_vcpu * max(int(plan.vcpu), 1) * 0.8, needs.sockets),
        "connections": _left(np.full_like(core, needs.max_connections * 0.7), needs.connections),
    }
    limited = {name: np.minimum(users, UNLIMITED) for name, users in budgets.items()}
    return Carried(limited, np.minimum.reduce(list(limited.values())))


def cpu_users(needs: Needs, vcpu: float, core: Worlds, objectives: Objectives) -> Worlds:
    """Users at which p95 still holds with the headroom kept free, and in a spike without it.

    What runs beside requests (jobs, pushes, heartbeats) takes cores as so many more requests would.
    """
    servers = max(int(vcpu), 1)
    if needs.objective_seconds is None:
        busy = np.full_like(core, _NO_WAIT_LIMIT * servers)
    else:
        mean = needs.request_seconds / core
        rate = max_rate_per_second(servers, mean, needs.variation_squared, needs.objective_seconds, needs.dispatch)
        busy = mean * rate
    usable = np.minimum(1 - objectives.cpu_headroom_share, 1 / needs.spike_factor)
    return busy * min(vcpu, servers) / servers * core * usable / needs.cores


def response_p95_seconds(needs: Needs, vcpu: float, core: Worlds, users: float) -> Worlds:
    """The role's part of the p95 at so many users on one machine."""
    servers = max(int(vcpu), 1)
    rate = needs.cores * users / needs.request_seconds
    return p95_seconds(servers, rate, needs.request_seconds / core, needs.variation_squared, needs.dispatch)


def _memory(needs: Needs, plan: RentedPlan, objectives: Objectives) -> Worlds:
    usable = plan.ram_gib * 1024 * (1 - objectives.memory_headroom_share)
    left = usable - needs.memory_fixed_mib - needs.memory_per_vcpu_mib * max(int(plan.vcpu), 1)
    return _left(np.maximum(left, 0), needs.memory_mib, none=left <= 0)


def _left(budget: Worlds, per_user: Worlds, none: NDArray[np.bool_] | None = None) -> Worlds:
    users = np.divide(budget, per_user, out=np.full_like(budget, UNLIMITED), where=per_user > 0)
    return np.where(budget <= 0 if none is None else none, 0.0, users)
