"""What could be rented: for each shape and provider the cheapest machines that hold so many people."""

from collections.abc import Iterator
from functools import cached_property
from math import ceil

import numpy as np
from msgspec import Struct, structs

from banyan.planner.catalogue.prices import Catalogue, RentedPlan
from banyan.planner.cost import Prices, Rented
from banyan.planner.demand import Load
from banyan.planner.draws import Draws
from banyan.planner.profile import Profile
from banyan.planner.quantity import Worlds
from banyan.planner.sizing.capacity import Carried, carried
from banyan.planner.sizing.needs import Needs, build_needs, build_parts
from banyan.planner.topology import Role, Shape, shapes
from banyan.planner.workload.models import Workload

# Assumed, of one rented machine with its disk, kernel updates and the restore after a loss counted in.
MACHINE_AVAILABILITY = 0.998


class Picked(Struct, frozen=True):
    """Machines for one role, and what they carry by resource."""

    role: Role
    plan: RentedPlan
    count: int
    users: dict[str, Worlds]


class Option(Struct, frozen=True):
    """A whole deployment that can be rented."""

    shape: Shape
    provider: str
    picked: tuple[Picked, ...]
    capacity: Worlds

    @property
    def rented(self) -> tuple[Rented, ...]:
        """Its machines as the bill wants them."""
        return tuple(rented(self.shape, each.role, each.plan, each.count) for each in self.picked)

    @property
    def title(self) -> str:
        """As rejections name it."""
        parts = ", ".join(f"{each.count} x {each.plan.plan} ({each.role.name})" for each in self.picked)
        return f"{self.shape.name}: {self.provider} {parts}"

    def holds(self, users: float, chance: float) -> bool:
        """Whether it falls short of `users` in no more than `chance` of the worlds."""
        return self.shortfall(users) <= chance

    def shortfall(self, users: float) -> float:
        """The share of worlds in which it does not carry `users`."""
        return float(np.mean(self.capacity < users))

    def reach(self, chance: float) -> float:
        """The largest number of registered users that it holds with that chance of falling short."""
        return lower_quantile(self.capacity, chance)

    def scarcest(self, chance: float) -> tuple[str, Picked]:
        """The resource that ends first, and whose."""
        reach = [
            (lower_quantile(users, chance), name, each) for each in self.picked for name, users in each.users.items()
        ]
        least = min(reach, key=lambda entry: entry[0])
        return least[1], least[2]


def lower_quantile(worlds: Worlds, chance: float) -> float:
    """The largest figure that at most `chance` of the worlds stay under."""
    ordered = np.sort(worlds)
    return float(ordered[min(int(chance * len(ordered) + 1e-9), len(ordered) - 1)])


def availability_percent(shape: Shape, counts: dict[str, int]) -> float:
    """Of roles in a row; a role with several machines is away only when all of them are."""
    up = 1.0
    for role in shape.roles:
        count = counts.get(role.name, role.min_count)
        up *= 1 - (1 - MACHINE_AVAILABILITY) ** count
    return up * 100


class Market:
    """All that can be rented, sized for one file's load."""

    def __init__(self, workload: Workload, load: Load, profile: Profile, catalogue: Catalogue, draws: Draws) -> None:
        self.workload = workload
        self.load = load
        self.profile = profile
        self.catalogue = catalogue
        self.draws = draws
        self.prices = Prices(workload, catalogue, load)
        promised = workload.objectives.availability_percent is not None or workload.high_availability
        self.shapes = shapes(object_store=workload.storage.object_store, spare=promised)
        self.chance = workload.objectives.shortfall_chance_max
        self._parts = build_parts(load, profile, draws)
        self._needs: dict[str, Needs] = {}
        self._carried: dict[tuple[str, str, str], Carried] = {}
        self._reach: dict[tuple[str, str, str, int], float] = {}
        self._cpu: dict[tuple[str, float, str], Worlds] = {}
        self._matrices: dict[tuple[str, str], tuple[Worlds, Worlds]] = {}

    @cached_property
    def providers(self) -> tuple[str, ...]:
        """Those with plans that may be rented, by name."""
        return tuple(sorted({plan.provider for plan in self.catalogue.plans}))

    @cached_property
    def plans(self) -> dict[str, list[RentedPlan]]:
        """What may be rented of each provider, cheapest first."""
        return {name: [plan for plan in self.catalogue.plans if plan.provider == name] for name in self.providers}

    def core(self, cpu_class: str) -> Worlds:
        """How fast a plan's core is, the profile's being 1."""
        key = f"cores.{cpu_class}"
        return self.draws.of(f"profile.{key}", self.profile.figures[key], self.profile.source_of(key))

    def needs(self, role: Role) -> Needs:
        """What a role needs for each registered user."""
        if role.key not in self._needs:
            self._needs[role.key] = build_needs(role, self.workload, self.load, self.profile, self._parts, self.draws)
        return self._needs[role.key]

    def part_cores(self, part: str) -> Worlds:
        """CPU seconds a second of a part per registered user, on the profile's core."""
        return self._parts.cores[part]

    def carried(self, role: Role, plan: RentedPlan) -> Carried:
        """What one machine of that plan carries in that role."""
        key = (role.key, plan.provider, plan.plan)
        if key not in self._carried:
            core = self.core(plan.cpu_class)
            self._carried[key] = carried(self.needs(role), plan, core, self.workload.objectives, self._cpu)
        return self._carried[key]

    def reach(self, role: Role, plan: RentedPlan, parts: int) -> float:
        """Users that one machine holds. Each of a shape's roles may fall short in its share of the chance, so that
        roles can be picked one by one and the whole still keeps the promise."""
        key = (role.key, plan.provider, plan.plan, parts)
        if key not in self._reach:
            least = self.carried(role, plan).least
            self._reach[key] = lower_quantile(least, self.chance / parts)
        return self._reach[key]

    def count_for(self, role: Role, plan: RentedPlan, users: float, parts: int) -> int | None:
        """How many machines hold `users`; None where no allowed number does."""
        reach = self.reach(role, plan, parts)
        if reach <= 0:
            return None
        if exceeds_connections(role, plan, self.needs(role), 1):
            return None
        count = role.min_count if role.replicas else max(role.min_count, ceil(users / reach - 1e-9) + role.spares)
        if (role.replicas or role.max_count == 1) and reach < users:
            return None
        if count > role.max_count or exceeds_connections(role, plan, self.needs(role), count):
            return None
        return count

    def pick(self, shape: Shape, provider: str, role: Role, users: float) -> Picked | None:
        """The cheapest machines of a provider for a role, what they send beyond their allowance counted in; None where
        none hold.
        """
        best: tuple[float, RentedPlan, int] | None = None
        for plan in self.plans[provider]:
            least = self.count_for(role, plan, users, len(shape.roles))
            if least is None:
                continue
            for each in self._worth(rented(shape, role, plan, least), role, users):
                spent = self.prices.of_role(each, users)
                if best is None or spent < best[0]:
                    best = (spent, plan, each.count)
        if best is None:
            return None
        _, plan, count = best
        return self.picked(role, plan, count)

    def _worth(self, least: Rented, role: Role, users: float) -> Iterator[Rented]:
        """The fewest machines that hold, and more of them where their allowance may pay for it."""
        for count in self.prices.counts_worth(least, users):
            if count <= role.max_count and not exceeds_connections(role, least.plan, self.needs(role), count):
                yield structs.replace(least, count=count)

    def picked(self, role: Role, plan: RentedPlan, count: int) -> Picked:
        """So many machines of a plan, with what they carry."""
        return Picked(role, plan, count, self.carried(role, plan).of(role.carrying(count)))

    def option(self, shape: Shape, provider: str, users: float) -> Option | None:
        """The cheapest option of a shape from one provider that holds `users`."""
        picked = [self.pick(shape, provider, role, users) for role in shape.roles]
        found = tuple(each for each in picked if each is not None)
        if len(found) < len(picked):
            return None
        return make_option(shape, provider, found)

    def options(self, users: float) -> Iterator[Option]:
        """The cheapest of every shape and provider that hold `users`."""
        for shape in self.shapes:
            for provider in self.providers:
                option = self.option(shape, provider, users)
                if option is not None:
                    yield option

    def cheapest_by_world(self, users: float) -> Worlds:
        """The cheapest machines that hold `users` in each world, had one known which it is; VAT in."""
        best = self.draws.known(np.inf)
        for shape in self.shapes:
            for provider in self.providers:
                total = self.draws.known(0.0)
                for role in shape.roles:
                    total = total + self._cheapest_role(role, provider, users)
                best = np.minimum(best, total)
        return best

    def _cheapest_role(self, role: Role, provider: str, users: float) -> Worlds:
        """For each world the price of the cheapest machines of one plan; inf where no allowed number holds."""
        least, prices = self._matrix(role, provider)
        if role.replicas or role.max_count == 1:
            allowed, count = least >= users, np.full_like(least, role.min_count)
        else:
            count = np.maximum(np.ceil(users / np.maximum(least, 1e-9) - 1e-9) + role.spares, role.min_count)
            allowed = count <= role.max_count
        cheapest: Worlds = np.where(allowed, prices * count, np.inf).min(axis=0)
        return cheapest

    def _matrix(self, role: Role, provider: str) -> tuple[Worlds, Worlds]:
        """What each plan of a provider carries (plans, worlds), and its price with VAT (plans, 1)."""
        key = (role.key, provider)
        if key not in self._matrices:
            plans = self.plans[provider]
            carries = np.stack([self.carried(role, plan).least for plan in plans])
            factor = self.prices.machine_factor(provider)
            self._matrices[key] = (carries, np.array([[plan.price_month * factor] for plan in plans]))
        return self._matrices[key]


def rented(shape: Shape, role: Role, plan: RentedPlan, count: int) -> Rented:
    """As the bill wants it; the balancers face people, or whoever stands in their place."""
    faces = {"balancer"} if any(each.name == "balancer" for each in shape.roles) else {"all", "app"}
    return Rented(role.name, plan, count, role.name in faces)


def make_option(shape: Shape, provider: str, picked: tuple[Picked, ...]) -> Option:
    """An option carries what the scarcest resource of any of its roles does."""
    every = [users for each in picked for users in each.users.values()]
    return Option(shape, provider, picked, np.minimum.reduce(every))


def exceeds_connections(role: Role, plan: RentedPlan, needs: Needs, count: int) -> bool:
    """Whether the pools of all processes would open more connections than the database takes, without PgBouncer."""
    if role.max_count > 8 or not needs.connections_per_vcpu:
        return False  # those shapes run PgBouncer
    opened = needs.connections_per_vcpu * (max(int(plan.vcpu), 1) + 1) * count
    return opened > needs.max_connections
