"""The phases of a plan: chosen by the planner for growing numbers of people, with what each runs and carries."""

from collections.abc import Callable
from math import ceil

from msgspec import Struct, structs

from banyan.planner.choose import Choice, NothingHolds, bill_of, choose
from banyan.planner.cost import Bill
from banyan.planner.deployment import BESIDE_POOL, POOL_SIZES
from banyan.planner.draws import band, middle
from banyan.planner.nearest import lacking_size, nearest
from banyan.planner.options import Market, Option, Picked
from banyan.planner.plan import Capacity, Machine, Phase, ServiceSize, Unmet
from banyan.planner.quantity import Worlds
from banyan.planner.sizing.capacity import UNLIMITED, response_p95_seconds
from banyan.planner.sizing.needs import open_connections
from banyan.planner.sizing.usage import Usage, headroom, role_usage
from banyan.planner.words import people, resource

# A phase that carries less than twice the people that it begins with is not worth moving for.
STEP = 2.0
_WORTH_IT = 1.1  # where nothing carries twice as many, a last phase is one that carries so much more
_MAX_PHASES = 12


class PhaseModel(Struct, frozen=True):
    """A phase as the plan shows it, and what answers for any number of people in it."""

    phase: Phase
    capacity: Worlds  # registered users
    limit: float  # registered users, from which on the next phase begins
    resource: str  # that ends at the limit
    usage: tuple[Usage, ...]
    bill: Callable[[float, float], Bill]  # of registered users, with what so many have piled up (Load.stored_gib)


def plan_phases(market: Market, first: float, last: float) -> tuple[list[PhaseModel], Unmet | None]:
    """Phases that carry everybody from `first` to `last`, and what is lacking where none carries all of them."""
    models: list[PhaseModel] = []
    begins, target = 0.0, max(first, 1.0)
    unmet: Unmet | None = None
    while len(models) < _MAX_PHASES:
        try:
            choice = choose(market, target)
        except NothingHolds:
            if unmet is None:
                unmet = nearest(market, last if models else target)
                if models and unmet.holds_users > begins * _WORTH_IT:
                    target = unmet.holds_users
                    continue
            break
        model = _model(market, choice, begins, max(last, target), _name(choice.option, models))
        models.append(model)
        if model.limit >= last:
            return models, None
        begins, target = model.limit, max(min(model.limit * STEP, last), model.limit + 1)
    if unmet is not None and models and models[-1].limit >= unmet.holds_users:
        unmet = _fallen_short(unmet, models[-1])
    return models, unmet


def _fallen_short(unmet: Unmet, last: PhaseModel) -> Unmet:
    """Where the last phase itself comes nearest."""
    machines = ", ".join(f"{each.count} x {each.plan} ({each.role})" for each in last.phase.machines)
    return structs.replace(
        unmet,
        nearest=f"{last.phase.name}: {last.phase.machines[0].provider} {machines}",
        cost_month=last.phase.cost_month.total,
        holds_users=last.limit,
        binding_resource=last.resource,
        role="",
        reached=people(last.limit),
        lacking_share=1 - last.limit / unmet.users,
        lacks=lacking_size(last.limit, unmet.users, resource(last.resource)),
    )


def _name(option: Option, models: list[PhaseModel]) -> str:
    name = option.shape.topology.value.replace("_", "-")
    same = sum(model.phase.topology == option.shape.topology.value for model in models)
    return f"{name}-{same + 1}" if same else name


def _model(market: Market, choice: Choice, begins: float, last: float, name: str) -> PhaseModel:
    """The phase of a choice. Bill, headroom and p95 are of its last user: where it ends, or where all scenarios do."""
    option = choice.option
    limit = float(int(option.reach(market.chance)))
    shown = min(limit, last)
    resource, _ = option.scarcest(market.chance)
    usage = option_usage(market, option)
    free = headroom(usage, shown)

    def bill(users: float, piled_users: float) -> Bill:
        return bill_of(market, option, users, piled_users)

    cost = bill(shown, shown).cost(market.catalogue.currency)
    load = market.load
    phase = Phase(
        name=name,
        title=_title(option),
        from_users=int(begins),
        to_users=int(limit),
        topology=option.shape.topology.value,
        declared=False,
        machines=[_machine(each, market.catalogue.currency) for each in option.picked],
        services=services(market, option, shown),
        cost_month=cost,
        cost_per_user=cost.total / shown if shown else None,
        cost_per_active_user=cost.total / (shown * middle(load.active)) if shown and middle(load.active) else None,
        capacity=Capacity(
            requests_per_second=middle(load.requests) * limit,
            sockets=middle(load.sockets) * limit,
            concurrent_users=middle(load.concurrent) * limit,
            registered_users=limit,
            band_registered_users=band(option.capacity),
        ),
        binding_resource=resource,
        headroom=free,
        p95_ms=response_ms(market, option, shown),
        shortfall_chance=option.shortfall(shown),
        availability_percent=choice.availability_percent,
        rejected=list(choice.rejected),
        configuration=[],
        memory_budget_mib=memory_budget(market, option, shown),
        connection_budget={},
        regret_month=choice.regret,
    )
    return PhaseModel(phase, option.capacity, limit, resource, usage, bill)


def _title(option: Option) -> str:
    machines = sum(each.count for each in option.picked)
    noun = "machine" if machines == 1 else "machines"
    return f"{option.shape.name}: {machines} {noun} at {option.provider}"


def _machine(picked: Picked, currency: str) -> Machine:
    plan = picked.plan
    return Machine(
        role=picked.role.name,
        provider=plan.provider,
        plan=plan.plan,
        count=picked.count,
        vcpu=plan.vcpu,
        ram_gib=plan.ram_gib,
        disk_gb=plan.disk_gb,
        price_month=plan.price_month,
        currency=currency,
        price_as_of=plan.as_of,
        orderable=plan.orderable,
        services=list(picked.role.services),
    )


def option_usage(market: Market, option: Option) -> tuple[Usage, ...]:
    """What the option's machines use of each resource."""
    found: list[Usage] = []
    for each in option.picked:
        core = market.core(each.plan.cpu_class)
        found += role_usage(
            market.needs(each.role), each.role.name, each.plan, each.count, bool(each.role.replicas), core
        )
    allowed = sum(each.plan.transfer_tb * each.count for each in option.rented if each.public)
    sent = middle(market.load.egress_gib * (1 - market.load.cdn_share)) * 1024**3 / 1e12
    if allowed and sent:
        found.append(Usage("egress_allowance", "public", 0.0, sent / allowed))
    return tuple(found)


def response_ms(market: Market, option: Option, users: float) -> float | None:
    """The sum of the roles' p95, which is more than the p95 of the sum."""
    if market.workload.objectives.p95_ms is None:
        return None
    total = 0.0
    for each in option.picked:
        needs = market.needs(each.role)
        if needs.objective_seconds is not None:
            share = 1 if each.role.replicas else each.count
            core = market.core(each.plan.cpu_class)
            total += middle(response_p95_seconds(needs, each.plan.vcpu, core, users / share)) * 1000
    return total if total < UNLIMITED else None


_PROCESS_PARTS = {
    "api": "app",
    "realtime": "sockets",
    "worker": "worker",
    "postgresql": "database",
    "nginx": "balancer",
}


def services(market: Market, option: Option, users: float) -> list[ServiceSize]:
    """Processes of each kind, and what they need together at `users`."""
    found = []
    for each in option.picked:
        core = middle(market.core(each.plan.cpu_class))
        for service in each.role.services:
            workers = _workers(market, each, service, users) * each.count
            busy = market.part_cores(_PROCESS_PARTS.get(service, "cache"))
            spread = each.role.replicas + 1 if each.role.replicas else 1
            pool = POOL_SIZES.get(service)
            found.append(
                ServiceSize(
                    name=service,
                    workers=workers,
                    cpu_cores=middle(busy) * users / core / spread,
                    memory_mib=_service_memory(market, each, service, workers, users),
                    connections=workers * (pool + BESIDE_POOL) if pool else 0,
                    machine_role=each.role.name,
                )
            )
    return found


def _cores(picked: Picked) -> int:
    return max(int(picked.plan.vcpu), 1)


def _workers(market: Market, picked: Picked, service: str, users: float) -> int:
    """Processes of a service on one machine. Beside the API, which takes the cores, sockets have no more processes than
    they need.
    """
    if service in ("api", "nginx") or (service == "realtime" and "api" not in picked.role.services):
        return _cores(picked)
    if service != "realtime":
        return 1
    sockets = middle(market.load.sockets) * users / picked.role.carrying(picked.count)
    return max(ceil(sockets / market.profile.figures["sockets.per_process"].mid), 1)


def _service_memory(market: Market, picked: Picked, service: str, workers: int, users: float) -> float:
    figures, load = market.profile.figures, market.load

    def mid(key: str) -> float:
        return figures[f"memory.{key}"].mid

    per_process = {"api": "api_process_mib", "worker": "worker_process_mib"}
    if service in per_process:
        return mid(per_process[service]) * workers
    sockets = middle(load.sockets) * users / 1024
    if service == "realtime":
        return mid("realtime_process_mib") * workers + figures["sockets.kib_each"].mid * sockets
    if service == "nginx":
        return mid("balancer_mib") * workers + mid("balancer_kib_per_socket") * sockets
    if service == "redis":
        return mid("cache_base_mib") + mid("cache_kib_per_active_user") * middle(load.active) * users / 1024
    if service == "postgresql":
        some, per_core = open_connections(together="app" in picked.role.parts)
        connections = (some + per_core * _cores(picked)) * mid("database_connection_mib")
        hot = middle(load.database_gib) * 1024 * mid("hot_share") * users
        return picked.count * (mid("database_base_mib") + connections + hot)
    return 0.0


def memory_budget(market: Market, option: Option, users: float) -> dict[str, float]:
    """MiB per machine of each role: what is fixed, what its processes take, what grows with people, what is free."""
    budget: dict[str, float] = {}
    for each in option.picked:
        needs = market.needs(each.role)
        spread = 1 if each.role.replicas else each.count
        cores = _cores(each)
        parts = {
            "system and fixed": middle(needs.memory_fixed_mib),
            "processes": middle(needs.memory_per_vcpu_mib) * cores,
            "people": middle(needs.memory_mib) * users / spread,
        }
        budget |= {f"{each.role.name}: {name}": amount for name, amount in parts.items()}
        budget[f"{each.role.name}: free"] = max(each.plan.ram_gib * 1024 - sum(parts.values()), 0.0)
    return budget
