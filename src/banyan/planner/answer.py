"""The plan in a sentence or two, as the table and the report begin."""

from banyan.planner.plan import Phase, Plan


def answer(plan: Plan) -> str:
    """What to rent first, what it costs and carries, what ends first and when."""
    if not plan.phases:
        return "Nothing that may be rented holds these people within the objectives; see the findings."
    begun = next((months[0].phase for months in plan.growth.values() if months), plan.phases[0].name)
    phase = next(each for each in plan.phases if each.name == begun)
    text = (
        f"Begin with {machines_of(phase)}: {phase.cost_month.total:,.2f} {plan.currency} a month at its last user, "
        f"good for {phase.capacity.registered_users:,.0f} registered users; {phase.binding_resource} ends first."
    )
    dates = [
        f"{entry.month} in the {scenario} scenario (order by {entry.order_by})"
        for scenario, entries in plan.outgrow.items()
        for entry in entries
        if entry.phase == begun and entry.month
    ]
    return text + (f" It is outgrown in {' and '.join(dates)}." if dates else " No scenario outgrows it.")


def machines_of(phase: Phase) -> str:
    """`2 x hetzner CPX22, 1 x hetzner CPX32, object storage`."""
    parts = [f"{each.count} x {each.provider} {each.plan or each.role}".replace("  ", " ") for each in phase.machines]
    if not phase.declared and has_object_store(phase):
        parts.append("object storage")
    return ", ".join(parts) or phase.title or phase.name


def has_object_store(phase: Phase) -> bool:
    """Whether its files lie outside its machines, by its bill."""
    return any("object storage" in line.item.lower() for line in phase.cost_month.lines)
