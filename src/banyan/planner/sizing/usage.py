"""How much of a machine is used: of each resource a fixed share and one per registered user, in the median world."""

from collections.abc import Iterable

from msgspec import Struct

from banyan.planner.catalogue.prices import RentedPlan
from banyan.planner.draws import middle
from banyan.planner.quantity import Worlds
from banyan.planner.sizing.capacity import GIB_PER_GB
from banyan.planner.sizing.needs import Needs


class Usage(Struct, frozen=True):
    """Used share of a resource at N users: `fixed + per_user * N`."""

    resource: str
    role: str
    fixed: float
    per_user: float

    def used(self, users: float) -> float:
        """The used share, above 1 where it no longer holds."""
        return self.fixed + self.per_user * users

    def free(self, users: float) -> float:
        """The free share, 0 to 1."""
        return min(max(1 - self.used(users), 0.0), 1.0)


def headroom(usage: Iterable[Usage], users: float) -> dict[str, float]:
    """The free share of each resource where it is scarcest."""
    free: dict[str, float] = {}
    for each in usage:
        free[each.resource] = min(free.get(each.resource, 1.0), each.free(users))
    return dict(sorted(free.items()))


def role_usage(needs: Needs, role: str, plan: RentedPlan, count: int, copies: bool, core: Worlds) -> list[Usage]:
    """What `count` machines of a role use."""
    spread = 1 if copies else count
    cores = max(int(plan.vcpu), 1)
    memory = plan.ram_gib * 1024
    busy = middle(needs.cores / core) / plan.vcpu / spread
    fixed_memory = middle(needs.memory_fixed_mib + needs.memory_per_vcpu_mib * cores)
    found = [
        Usage("cpu", role, 0.0, busy),
        Usage("memory", role, fixed_memory / memory, middle(needs.memory_mib) / memory / spread),
    ]
    if plan.disk_gb:
        disk = plan.disk_gb * GIB_PER_GB
        found.append(Usage("disk", role, middle(needs.disk_fixed_gib) / disk, middle(needs.disk_gib) / disk / spread))
    if needs.connections.any():
        found.append(Usage("connections", role, 0.0, middle(needs.connections) / needs.max_connections))
    if needs.sockets.any():
        held = middle(needs.sockets_per_vcpu) * cores * spread
        found.append(Usage("sockets", role, 0.0, middle(needs.sockets) / held))
    return found
