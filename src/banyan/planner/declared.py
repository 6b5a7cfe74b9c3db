"""A document's own phases as they stand there: their sums, what they carry by the stack's claims, and what binds."""

from collections import Counter

import numpy as np

from banyan.planner.catalogue.prices import Catalogue, RentedPlan
from banyan.planner.cost import Bill
from banyan.planner.demand import Load
from banyan.planner.draws import Draws, band, middle
from banyan.planner.options import MACHINE_AVAILABILITY, lower_quantile
from banyan.planner.phases import PhaseModel
from banyan.planner.plan import Capacity, CostLine, Machine, Phase, ServiceSize
from banyan.planner.profile import Profile
from banyan.planner.quantity import Quantity, Worlds
from banyan.planner.queueing.dispatch import Dispatch
from banyan.planner.queueing.response import max_rate_per_second, p95_seconds
from banyan.planner.sizing.capacity import GIB_PER_GB, UNLIMITED
from banyan.planner.sizing.usage import Usage, headroom
from banyan.planner.workload.models import Machine as DeclaredMachine
from banyan.planner.workload.models import Phase as DeclaredPhase
from banyan.planner.workload.models import Service, Stack, Workload

_APP_WORDS = ("app", "api", "all", "node", "kubernetes", "backend", "vps", "single", "server")
_APP_ROLES = ("api", "realtime", "worker", "other")
_DISPATCH = Dispatch.LEAST_CONNECTIONS  # a worker to each core, and a balancer that knows which are busy
_STATED = {
    "requests": "requests_per_second",
    "concurrent_users": "concurrent_users",
    "sockets": "sockets",
    "connections": "database_connections",
}


class DeclaredPhases:
    """Evaluates the phases of one file."""

    def __init__(self, workload: Workload, load: Load, profile: Profile, catalogue: Catalogue, draws: Draws) -> None:
        self._workload = workload
        self._load = load
        self._profile = profile
        self._catalogue = catalogue
        self._draws = draws
        self._services = {each.name: each for each in workload.stack.services} if workload.stack else {}
        self._plans: dict[tuple[str, str], RentedPlan | None] = {}

    def models(self) -> list[PhaseModel]:
        """In the file's order."""
        return [self._model(phase) for phase in self._workload.phases]

    def _model(self, phase: DeclaredPhase) -> PhaseModel:
        by_resource = self._carried(phase)
        capacity: Worlds = np.minimum.reduce([self._draws.known(UNLIMITED), *by_resource.values()])
        chance = self._workload.objectives.shortfall_chance_max
        ends = {name: lower_quantile(users, chance) for name, users in by_resource.items()}
        resource = min(ends, key=lambda name: ends[name]) if ends else "not stated"
        stated = float(phase.to_users or UNLIMITED)
        if not ends:
            # Nothing in the file says what these machines carry but the range of the phase itself.
            capacity = self._draws.known(float(phase.to_users or phase.from_users))
        reach = ends.get(resource, middle(capacity))
        limit, ending = (reach, resource) if reach < stated else (stated, "stated_users")
        usage = self._usage(phase, by_resource)
        bill = self._bill(phase)
        shown = float(phase.to_users or max(phase.from_users, self._load.registered_users))
        cost = bill.cost(self._workload.currency)
        users = phase.to_users or phase.from_users
        active = middle(self._load.active)
        built = Phase(
            name=phase.name,
            title=phase.title,
            from_users=phase.from_users,
            to_users=phase.to_users,
            topology=phase.topology.value,
            declared=True,
            machines=[self._machine(machine) for machine in phase.machines],
            services=self._sizes(phase),
            cost_month=cost,
            cost_per_user=cost.total / users if users else None,
            cost_per_active_user=cost.total / (users * active) if users and active else None,
            capacity=self._capacity(phase, capacity, reach),
            binding_resource=resource,
            headroom=headroom(usage, shown),
            p95_ms=self._response_ms(phase, shown),
            shortfall_chance=float(np.mean(capacity < shown)),
            availability_percent=self._availability(phase),
            rejected=[],
            configuration=[],
            memory_budget_mib=self._memory(phase),
            connection_budget={},
        )
        return PhaseModel(built, capacity, limit, ending, usage, lambda _users, _piled: bill)

    def _plan(self, machine: DeclaredMachine) -> RentedPlan | None:
        """The catalogue's plan of that name, for what the file does not say of a machine."""
        if machine.provider is None or machine.plan is None:
            return None
        key = (machine.provider, machine.plan)
        if key not in self._plans:
            self._plans[key] = self._catalogue.find_plan(*key)
        return self._plans[key]

    def _vcpu(self, machine: DeclaredMachine) -> float:
        plan = self._plan(machine)
        return machine.vcpu or (plan.vcpu if plan else 0)

    def _ram(self, machine: DeclaredMachine) -> float:
        plan = self._plan(machine)
        return machine.ram_gib or (plan.ram_gib if plan else 0)

    def _disk(self, machine: DeclaredMachine) -> float:
        plan = self._plan(machine)
        return machine.disk_gb if machine.disk_gb is not None else (plan.disk_gb if plan else 0)

    def _price(self, machine: DeclaredMachine) -> Quantity | None:
        if machine.price_month is not None:
            return machine.price_month
        plan = self._plan(machine)
        return Quantity(*(plan.price_month,) * 3) if plan else None

    def _serves(self, machine: DeclaredMachine) -> bool:
        """Whether the application runs there: by its services, else by the role's name."""
        known = [self._services[name] for name in machine.services if name in self._services]
        if known:
            return any(service.role in _APP_ROLES for service in known)
        return any(word in machine.role for word in _APP_WORDS)

    def _carried(self, phase: DeclaredPhase) -> dict[str, Worlds]:
        """Registered users by resource, of those that the file says enough about."""
        found: dict[str, Worlds] = {}
        serving = [machine for machine in phase.machines if self._serves(machine)]
        cores = sum(self._vcpu(machine) * machine.count for machine in serving)
        if cores:
            found["cpu"] = self._cpu(cores)
        found |= self._stated(phase)
        nodes = sum(machine.count for machine in serving)
        figures = self._profile.figures
        for key, per_user, name in (
            ("sockets.per_node", self._load.sockets, "sockets"),
            ("people.per_node", self._load.concurrent, "concurrent_users"),
        ):
            if key in figures and nodes and per_user.any():
                each = self._draws.of(f"stack.{key}", figures[key])
                found[name] = np.minimum(found.get(name, self._draws.known(UNLIMITED)), nodes * each / per_user)
        disk = self._disk_users(phase)
        if disk is not None:
            found["disk"] = disk
        return {name: np.minimum(users, UNLIMITED) for name, users in found.items()}

    def _cpu(self, cores: float) -> Worlds:
        load, objectives = self._load, self._workload.objectives
        mean = np.maximum(load.app_seconds + load.database_seconds, 1e-9)
        servers = max(int(cores), 1)
        if objectives.p95_ms is None:
            rate = servers / mean
        else:
            wanted = self._draws.of("objectives.p95_ms", objectives.p95_ms) / 1000
            rate = max_rate_per_second(servers, mean, load.variation_squared, wanted, _DISPATCH)
        usable = np.minimum(1 - objectives.cpu_headroom_share, 1 / load.spike_factor)
        return rate * usable / np.maximum(load.requests, 1e-15)

    def _response_ms(self, phase: DeclaredPhase, users: float) -> float | None:
        """The p95 at so many users, where cores are known and the load leaves some free."""
        cores = sum(self._vcpu(machine) * machine.count for machine in phase.machines if self._serves(machine))
        if not cores:
            return None
        load = self._load
        mean = np.maximum(load.app_seconds + load.database_seconds, 1e-9)
        rate = load.requests * users
        response = middle(p95_seconds(max(int(cores), 1), rate, mean, load.variation_squared, _DISPATCH))
        return response * 1000 if np.isfinite(response) else None

    def _stated(self, phase: DeclaredPhase) -> dict[str, Worlds]:
        load = self._load
        per_user = {
            "requests": load.requests,
            "concurrent_users": load.concurrent,
            "sockets": load.sockets,
            "connections": load.requests * (load.database_seconds + 0.5 * load.app_seconds),
        }
        found = {}
        for resource, key in _STATED.items():
            stated = getattr(phase.capacity, key)
            if stated is not None and per_user[resource].any():
                drawn = self._draws.of(f"phases.{phase.name}.capacity.{key}", stated)
                found[resource] = drawn / per_user[resource]
        return found

    def _disk_users(self, phase: DeclaredPhase) -> Worlds | None:
        """Files and tables against all disks of the phase; an object store takes the files."""
        disks = sum(self._disk(machine) * machine.count for machine in phase.machines) * GIB_PER_GB
        load = self._load
        bought = any("object" in line.item.lower() or "s3" in line.item.lower() for line in phase.costs)
        outside = self._workload.storage.object_store or bought
        stored = load.database_gib + (0 if outside else load.media_gib)
        if not disks or not stored.any():
            return None
        usable = disks * (1 - self._workload.objectives.disk_headroom_share) - (0 if outside else load.log_gib)
        return np.maximum(usable, 0) / np.maximum(stored, 1e-15)

    def _usage(self, phase: DeclaredPhase, by_resource: dict[str, Worlds]) -> tuple[Usage, ...]:
        """Capacity is where the budget ends, headroom is of the whole resource."""
        objectives = self._workload.objectives
        budgets = {"cpu": 1 - objectives.cpu_headroom_share, "disk": 1 - objectives.disk_headroom_share}
        found = [
            Usage(name, "all", 0.0, budgets.get(name, 1.0) / max(middle(users), 1e-9))
            for name, users in by_resource.items()
        ]
        for machine in phase.machines:
            memory, budget = self._ram(machine) * 1024, self._budget(machine)
            if memory and budget:
                found.append(Usage("memory", machine.role, budget / memory, 0.0))
        return tuple(found)

    def _budget(self, machine: DeclaredMachine) -> float:
        return sum(self._services[name].memory_mib.mid for name in machine.services if name in self._services)

    def _memory(self, phase: DeclaredPhase) -> dict[str, float]:
        found: dict[str, float] = {}
        for machine in phase.machines:
            for name in machine.services:
                if name in self._services:
                    found[f"{machine.role}: {name}"] = self._services[name].memory_mib.mid
            if self._ram(machine) and self._budget(machine):
                found[f"{machine.role}: free"] = self._ram(machine) * 1024 - self._budget(machine)
        return found

    def _sizes(self, phase: DeclaredPhase) -> list[ServiceSize]:
        return [
            self._size(self._services[name], machine)
            for machine in phase.machines
            for name in machine.services
            if name in self._services
        ]

    def _size(self, service: Service, machine: DeclaredMachine) -> ServiceSize:
        workers = (service.workers or 1) * machine.count
        return ServiceSize(
            name=service.name,
            workers=workers,
            cpu_cores=0.0,
            memory_mib=service.memory_mib.mid * machine.count,
            connections=(service.connections_per_worker or 0) * workers,
            machine_role=machine.role,
        )

    def _machine(self, machine: DeclaredMachine) -> Machine:
        plan, price = self._plan(machine), self._price(machine)
        return Machine(
            role=machine.role,
            provider=machine.provider or "",
            plan=machine.plan or "",
            count=machine.count,
            vcpu=self._vcpu(machine),
            ram_gib=self._ram(machine),
            disk_gb=self._disk(machine),
            price_month=price.mid if price else 0.0,
            currency=self._workload.currency,
            price_as_of=self._workload.as_of if machine.price_month else (plan.as_of if plan else None),
            orderable=plan.orderable if plan else "not in the catalogue",
            services=list(machine.services),
        )

    def _bill(self, phase: DeclaredPhase) -> Bill:
        """Machines and lines as the document has them; where it gives no price of a part, the rest of its total."""
        document = self._workload.document or "the file"
        lines: list[CostLine] = []
        total = self._draws.known(0.0)
        unpriced = not phase.machines
        for machine in phase.machines:
            price = self._price(machine)
            if price is None:
                unpriced = True
                continue
            named = f"{machine.provider} {machine.plan}" if machine.plan else machine.role
            title = f"{machine.count} x {named}" + (f" ({machine.role})" if machine.plan else "")
            lines.append(CostLine(title, price.mid * machine.count, document, self._workload.as_of, False))
            key = f"phases.{phase.name}.machines.{machine.role}.price_month"
            total = total + self._draws.of(key, price) * machine.count
        for line in phase.costs:
            if not line.optional:
                lines.append(CostLine(line.item, line.amount_month.mid, document, self._workload.as_of, False))
                total = total + self._draws.of(f"phases.{phase.name}.costs.{line.item}", line.amount_month)
        if unpriced and phase.total_month is not None:
            stated = phase.total_month.mid - sum(line.amount for line in lines)
            if stated > 0:
                lines.append(CostLine("parts without a price", stated, document, self._workload.as_of, False))
                total = self._draws.of(f"phases.{phase.name}.total_month", phase.total_month)
        return Bill(tuple(lines), total)

    def _capacity(self, phase: DeclaredPhase, capacity: Worlds, reach: float) -> Capacity:
        """As stated where the document states it, else what the scarcest resource leaves."""
        load, stated = self._load, phase.capacity

        def shown(quantity: Quantity | None, per_user: Worlds) -> float:
            return quantity.mid if quantity is not None else middle(per_user) * reach

        return Capacity(
            requests_per_second=shown(stated.requests_per_second, load.requests),
            sockets=shown(stated.sockets, load.sockets),
            concurrent_users=shown(stated.concurrent_users, load.concurrent),
            registered_users=reach,
            band_registered_users=band(capacity),
        )

    def _availability(self, phase: DeclaredPhase) -> float:
        up = 1.0
        counts: dict[str, int] = {}
        for machine in phase.machines:
            role = machine.role.removesuffix("-replica").removesuffix("-primary")
            counts[role] = counts.get(role, 0) + machine.count
        for count in counts.values():
            up *= 1 - (1 - MACHINE_AVAILABILITY) ** count
        return up * 100


def stated_connections(stack: Stack | None, phase: Phase) -> dict[str, int]:
    """What the services of a document may open, on as many machines as run them in the phase, and its own
    max_connections.
    """
    copies: Counter[str] = Counter()
    for machine in phase.machines:
        for name in machine.services:
            copies[name] += machine.count
    budget = {
        service.name: service.connections_per_worker * (service.workers or 1) * max(copies[service.name], 1)
        for service in (stack.services if stack else [])
        if service.connections_per_worker and (copies[service.name] or not copies)
    }
    if stack and stack.database_max_connections:
        budget["max_connections"] = stack.database_max_connections
    return budget
