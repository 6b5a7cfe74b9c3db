"""When to upgrade: the window in the people's quietest hours, and what to do in which order."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from banyan.planner.answer import has_object_store, machines_of
from banyan.planner.growth import Curve, Timeline
from banyan.planner.phases import PhaseModel
from banyan.planner.plan import Machine, Upgrade
from banyan.planner.workload.models import Workload

WINDOW_HOURS = 3


def quietest_hour(hourly_share: tuple[float, ...]) -> int:
    """Where the three hours with the fewest requests begin; of equal ones the hours after 2 in the night."""
    order: list[int] = [2, 3, 1, 4, 0, *range(5, 24)]
    sums = {hour: sum(hourly_share[(hour + ahead) % 24] for ahead in range(WINDOW_HOURS)) for hour in order}
    return min(order, key=lambda hour: round(sums[hour], 9))


def window(workload: Workload, hourly_share: tuple[float, ...], before: date, as_of: date) -> tuple[str, str]:
    """The last quiet window before a day, or the next one from the day of the plan on where that has passed.

    On a Sunday where weekends are quieter, else on a Tuesday.
    """
    factor = workload.traffic.weekend_factor
    wanted = 6 if factor is not None and factor.mid < 1 else 1
    day = before - timedelta(days=1)
    while day.weekday() != wanted:
        day -= timedelta(days=1)
    if day <= as_of:
        day = as_of + timedelta(days=(wanted - as_of.weekday() - 1) % 7 + 1)
    start = datetime(day.year, day.month, day.day, quietest_hour(hourly_share), tzinfo=ZoneInfo(workload.time_zone))
    return start.isoformat(), (start + timedelta(hours=WINDOW_HOURS)).isoformat()


def upgrades(
    workload: Workload,
    hourly_share: tuple[float, ...],
    models: list[PhaseModel],
    timeline: Timeline,
    curve: Curve,
) -> list[Upgrade]:
    """An entry for each month in which a scenario must move to another phase, whatever month a document names."""
    found = []
    for number, before, after in timeline.moves():
        year, month = map(int, curve.months[number].split("-"))
        start, end = window(workload, hourly_share, date(year, month, 1), timeline.as_of)
        old, new = models[before], models[after]
        users = curve.users[number]
        extra = _amount(new, users) - _amount(old, users)
        found.append(
            Upgrade(
                scenario=curve.name,
                from_phase=old.phase.name,
                to_phase=new.phase.name,
                month=curve.months[number],
                resource=timeline.ends_by(before)[1],
                order_by=timeline.order_by(number),
                window_start=start,
                window_end=end,
                extra_cost_month=extra,
                steps=steps(old, new),
            )
        )
    return found


def _amount(model: PhaseModel, users: float) -> float:
    return sum(line.amount for line in model.bill(users, users).lines)


def steps(old: PhaseModel, new: PhaseModel) -> list[str]:
    """What to do, in order."""
    had = {machine.role for machine in old.phase.machines}
    files = ["move files to the object store while serving"] if _gains_object_store(old, new) else []
    if files and [_rented(each) for each in old.phase.machines] == [_rented(each) for each in new.phase.machines]:
        return [*files, "delete the files on the disk when a week has passed and a backup of the store was restored"]
    found = [f"rent {machines_of(new.phase)}", "take a backup and restore it on a new machine"]
    found.append("set up PostgreSQL on the new machine as a replica of the old one")
    if "balancer" in {each.role for each in new.phase.machines} - had:
        found.append("put the load balancer in front, still with the old machine behind it")
    found += [
        *files,
        "in the window: stop writes, let the replica catch up, promote it, point the application at it",
        "start the application on its new machines and watch errors and p95 for an hour",
        "keep the old machines for a week, then give them back",
    ]
    return found


def _gains_object_store(old: PhaseModel, new: PhaseModel) -> bool:
    return has_object_store(new.phase) and not has_object_store(old.phase)


def _rented(machine: Machine) -> tuple[str, str, int]:
    return machine.provider, machine.plan, machine.count
