"""The plan in a sentence or two, as the table and the report begin."""

from datetime import date

from msgspec import Struct, structs

from banyan.planner.plan import CostLine, Machine, Phase, Plan, Unmet
from banyan.planner.words import day, ends_first, money, month, people

_NOTHING = 0.005  # less than half a cent is not an amount


class MachineGroup(Struct, frozen=True):
    """Machines of one plan in one role, wherever a phase lists them."""

    machine: Machine
    count: int
    services: tuple[str, ...]

    @property
    def model(self) -> str:
        """`hetzner CPX22`, or nothing where the file states only what they cost."""
        return f"{self.machine.provider} {self.machine.plan}".strip() if self.machine.plan else ""

    @property
    def name(self) -> str:
        """`2 x app`."""
        return f"{self.count} x {self.machine.role}"


def answer(plan: Plan) -> str:
    """What to rent first, what it costs and carries, what ends first and when."""
    if not plan.phases:
        return _nothing(plan.unmet, plan.currency)
    first = next((months[0] for months in plan.growth.values() if months), None)
    phase = next(each for each in plan.phases if first is None or each.name == first.phase)
    carried = phase.capacity.registered_users
    few = f", fewer than the {people(first.users)} of the first month" if first and carried < first.users else ""
    full = phase.cost_month.total
    begun = first.cost_month if first and first.cost_month < full / 2 else None
    at_first = f" ({money(begun, plan.currency)} in the first month)" if begun is not None else ""
    text = (
        f"Begin with {machines_of(phase)}: {money(full, plan.currency)} a month when it is full{at_first}, "
        f"good for {people(carried)} registered users{few}; {ends_first(phase.binding_resource)}"
    )
    dates = _dates(plan, phase.name)
    text += f". It is outgrown in {' and '.join(dates)}." if dates else ". No scenario outgrows it."
    most = people(plan.phases[-1].capacity.registered_users)
    return text + (f" Nothing that may be rented holds more than {most}." if plan.unmet else "")


def two_schedules(plan: Plan) -> str:
    """Why the calendar moves earlier than the document's phases; nothing where it does not."""
    early = [
        f"{name} from {month(first.month)}"
        for name, months in plan.growth.items()
        if (first := next((each for each in months if each.phase != each.needed_phase), None))
    ]
    if not early:
        return ""
    return (
        "Growth and its cost keep to the document's own phases; the calendar moves when machines no longer hold, which "
        f"is earlier: {', '.join(early)}."
    )


def _nothing(unmet: Unmet | None, currency: str) -> str:
    """What comes nearest, and what it lacks."""
    if unmet is None or not unmet.nearest:
        why = f": {unmet.lacks}" if unmet else ""
        return f"Nothing that may be rented holds these people within the objectives{why}."
    cost = f" for {money(unmet.cost_month, currency)} a month" if unmet.cost_month is not None else ""
    return (
        f"Nothing that may be rented holds these {people(unmet.users)} registered users within the objectives. "
        f"The nearest is {unmet.nearest}{cost}: {unmet.lacks}."
    )


def _dates(plan: Plan, phase: str) -> list[str]:
    found = []
    for scenario, entries in plan.outgrow.items():
        for entry in entries:
            if entry.phase == phase and entry.month:
                late = entry.order_by is None or entry.order_by <= plan.as_of
                order = "order now" if late or entry.order_by is None else f"order by {day(entry.order_by)}"
                found.append(f"{month(entry.month)} ({scenario}; {order})")
    return found


def groups_of(phase: Phase) -> list[MachineGroup]:
    """The machines of a phase; those that a file lists one by one are counted together."""
    found: dict[tuple[str, str, str, float], list[Machine]] = {}
    for each in phase.machines:
        found.setdefault((each.role, each.provider, each.plan, each.price_month), []).append(each)
    return [
        MachineGroup(
            machines[0],
            sum(each.count for each in machines),
            tuple(dict.fromkeys(service for each in machines for service in each.services)),
        )
        for machines in found.values()
    ]


def bill_of(phase: Phase) -> tuple[list[CostLine], list[CostLine]]:
    """What costs something, and what does not; lines that are the same are added up."""
    found: dict[tuple[str, str, date | None], list[CostLine]] = {}
    for line in phase.cost_month.lines:
        found.setdefault((line.item, line.source, line.as_of), []).append(line)
    lines = [_added(same) for same in found.values()]
    return [each for each in lines if abs(each.amount) >= _NOTHING], [
        each for each in lines if abs(each.amount) < _NOTHING
    ]


def _added(same: list[CostLine]) -> CostLine:
    first, count = same[0], len(same)
    if count == 1:
        return first
    rest = first.item.removeprefix("1 x ")
    return structs.replace(first, item=f"{count} x {rest}", amount=sum(each.amount for each in same))


def machines_of(phase: Phase, *, roles: bool = True) -> str:
    """`4 x hetzner CPX22 (2 app, 2 database), object storage`: each kind of machine once."""
    kinds: dict[str, list[MachineGroup]] = {}
    for group in groups_of(phase):
        kinds.setdefault(group.model or group.machine.role, []).append(group)
    parts = []
    for kind, groups in kinds.items():
        named = ", ".join(f"{group.count} {group.machine.role}" for group in groups)
        shown = f" ({named})" if roles and len(groups) > 1 and groups[0].model else ""
        parts.append(f"{sum(group.count for group in groups)} x {kind}{shown}")
    if not phase.declared and has_object_store(phase):
        parts.append("object storage")
    return ", ".join(parts) or phase.title or phase.name


def has_object_store(phase: Phase) -> bool:
    """Whether its files lie outside its machines, by its bill."""
    return any("object storage" in line.item.lower() for line in phase.cost_month.lines)
