"""Scenarios by month: how many people, in which phase, at what cost, and when each phase is outgrown."""

from datetime import date, timedelta
from functools import cached_property

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from banyan.planner.demand import Load
from banyan.planner.draws import Draws, band, middle
from banyan.planner.phases import PhaseModel
from banyan.planner.plan import Band, GrowthMonth, Outgrown, Year
from banyan.planner.quantity import Quantity, Worlds
from banyan.planner.sizing.usage import headroom
from banyan.planner.workload.models import Scenario, Workload

_DEFAULT_MONTHS = 36
_STANDSTILL = Quantity(0, 0, 0)
MOST_USERS = 1e12  # a hundred times everybody: where growth is walked no further


class Curve(Struct, frozen=True):
    """Registered users at the end of each month: in the middle, and in every world (months, worlds)."""

    name: str
    months: tuple[str, ...]
    users: tuple[float, ...]
    worlds: Worlds


def month_after(month: str, count: int) -> str:
    """`count` months later, as "YYYY-MM"."""
    year, number = map(int, month.split("-"))
    position = year * 12 + number - 1 + count
    return f"{position // 12:04d}-{position % 12 + 1:02d}"


def curves(workload: Workload, draws: Draws, as_of: date) -> list[Curve]:
    """The file's scenarios; without one, the people there are now for three years."""
    scenarios = workload.scenarios or [Scenario(name="steady", growth_per_month=_STANDSTILL)]
    return [_curve(scenario, workload, draws, as_of) for scenario in scenarios]


def _curve(scenario: Scenario, workload: Workload, draws: Draws, as_of: date) -> Curve:
    begins = scenario.start_month or f"{as_of:%Y-%m}"
    growth = scenario.growth_per_month or _STANDSTILL
    rate = draws.of(f"scenarios.{scenario.name}.growth_per_month", growth)
    base, ahead = _base(scenario, workload)
    users = users_by_month(scenario, workload)
    months = tuple(month_after(begins, month) for month in range(len(users)))
    return Curve(scenario.name, months, users, _grown(base[:, None], rate[None, :], ahead[:, None]))


def users_by_month(scenario: Scenario, workload: Workload) -> tuple[float, ...]:
    """Registered users at the end of each month, at the middle of the scenario's rate; at most MOST_USERS."""
    base, ahead = _base(scenario, workload)
    growth = scenario.growth_per_month or _STANDSTILL
    return tuple(float(each) for each in _grown(base, np.full(len(base), growth.mid), ahead))


def _base(scenario: Scenario, workload: Workload) -> tuple[Worlds, NDArray[np.int64]]:
    """Of each month the users that it grows from, and for how many months at the scenario's rate."""
    given = list(scenario.registered_users_by_month)
    count = scenario.months or len(given) or _DEFAULT_MONTHS
    if given:
        # A list that ends before `months` goes on at the scenario's rate.
        ahead = np.maximum(np.arange(count) - (len(given) - 1), 0)
        return np.array([given[min(month, len(given) - 1)] for month in range(count)], dtype=np.float64), ahead
    start = scenario.start_users if scenario.start_users is not None else workload.people.registered_users.mid
    return np.full(count, float(start)), np.arange(count)


def _grown(base: Worlds, rate: Worlds, months: NDArray[np.int64]) -> Worlds:
    """`base x (1 + rate) ^ months`, at most MOST_USERS."""
    with np.errstate(over="ignore"):
        factor = np.minimum((1 + rate) ** months, 1e300)
        grown: Worlds = np.minimum(base * factor, MOST_USERS)
    return grown


class Timeline:
    """One scenario walked through the phases."""

    def __init__(
        self,
        workload: Workload,
        load: Load,
        models: list[PhaseModel],
        curve: Curve,
        as_of: date,
    ) -> None:
        self.as_of = as_of
        self._workload = workload
        self._load = load
        self._models = models
        self._curve = curve
        self.places = self._walk()

    def _walk(self) -> list[int]:
        """The phase of each month. Nobody moves back to a smaller one for a month."""
        places, place = [], 0
        for users in self._curve.users:
            while place + 1 < len(self._models) and users > self._upper(place):
                place += 1
            places.append(place)
        return places

    def _upper(self, place: int) -> float:
        """Where a document says that a phase ends it ends, also when it would carry more or less."""
        phase = self._models[place].phase
        if phase.declared:
            following = self._models[place + 1].phase.from_users if place + 1 < len(self._models) else None
            return float(phase.to_users or following or np.inf)
        return self._models[place].limit

    def ends_by(self, place: int) -> tuple[float, str]:
        """The registered users at which a phase ends, and what ends there: its machines, or what a document says."""
        model, upper = self._models[place], self._upper(place)
        return (model.limit, model.resource) if model.limit <= upper else (upper, "stated_users")

    def moves(self) -> list[tuple[int, int, int]]:
        """Month, phase before and after it of each move that is needed.

        A document's phase is left when its machines no longer hold, also where the document stays in it; the next is
        the first that holds everybody of that month, else the one that holds most.
        """
        found, place = [], self.places[0]
        for number, users in enumerate(self._curve.users):
            rest = range(place + 1, len(self._models))
            if users > self.ends_by(place)[0] and rest:
                holding = (later for later in rest if users <= self.ends_by(later)[0])
                after = next(holding, max(rest, key=lambda later: self.ends_by(later)[0]))
                found.append((number, place, after))
                place = after
        return found

    def months(self) -> list[GrowthMonth]:
        """Each month of the scenario."""
        storage, needed = self.storage(), self.needed()
        return [self._month(number, place, needed[number], storage[number]) for number, place in enumerate(self.places)]

    def needed(self) -> list[int]:
        """The phase of each month whose machines hold its people: a later one where a document stays too long."""
        found = list(self.places)
        for number, _, after in self.moves():
            found[number:] = [max(place, after) for place in found[number:]]
        return found

    def storage(self) -> list[float]:
        """GiB of database and files at the end of each month, with what has piled up until then."""
        pairs = zip(self._curve.users, self._piled, strict=True)
        return [middle(np.add(*self._load.stored_gib(users, piled))) for users, piled in pairs]

    @cached_property
    def _piled(self) -> list[float]:
        """Of each month the users whose daily uploads are kept, as the mean over the months that they are kept for."""
        kept, users = self._load.kept_months, np.array(self._curve.users)
        return [float(users[max(0, month - kept + 1) : month + 1].sum()) / kept for month in range(len(users))]

    def _month(self, number: int, place: int, needed: int, storage_gib: float) -> GrowthMonth:
        model, users = self._models[place], self._curve.users[number]
        bill = model.bill(users, self._piled[number])
        amount = sum(line.amount for line in bill.lines)
        return GrowthMonth(
            month=self._curve.months[number],
            users=users,
            phase=model.phase.name,
            needed_phase=self._models[needed].phase.name,
            cost_month=amount,
            cost_per_user=amount / users if users else None,
            cost_band=band(bill.total),
            users_band=band(self._curve.worlds[number]),
            storage_gib=storage_gib,
            egress_gib=middle(self._load.egress_gib) * users,
            revenue=self.revenue(number),
            shortfall_chance=float(np.mean(model.capacity < self._curve.worlds[number])),
            headroom=headroom(model.usage, users),
        )

    def revenue(self, number: int) -> float | None:
        """What comes in that month, where the file says something of it."""
        given, users = self._workload.revenue, self._curve.users[number]
        if given.per_registered_user_month is None and given.per_active_user_month is None:
            return None
        growth = given.growth_per_month.mid if given.growth_per_month else 0.0
        registered = given.per_registered_user_month.mid if given.per_registered_user_month else 0.0
        active = given.per_active_user_month.mid if given.per_active_user_month else 0.0
        return users * (registered + active * middle(self._load.active)) * (1 + growth) ** number

    def outgrown(self) -> list[Outgrown]:
        """When each phase that the scenario passes through no longer holds."""
        found = []
        for place in sorted(set(self.places)):
            model = self._models[place]
            limit, resource = self.ends_by(place)
            entered = self.places.index(place)
            number = next((n for n, users in enumerate(self._curve.users) if n >= entered and users > limit), None)
            low, high = self._interval(model, self._upper(place), entered, number)
            following = self._models[place + 1].phase.name if place + 1 < len(self._models) else None
            found.append(
                Outgrown(
                    phase=model.phase.name,
                    month=None if number is None else self._curve.months[number],
                    resource=resource,
                    month_low=low,
                    month_high=high,
                    order_by=None if number is None else self.order_by(number),
                    next_phase=following,
                )
            )
        return found

    def order_by(self, number: int) -> date:
        """The lead time before the month begins, or the day of the plan where that has passed."""
        year, month = map(int, self._curve.months[number].split("-"))
        return max(date(year, month, 1) - timedelta(days=self._workload.objectives.lead_time_days), self.as_of)

    def _interval(
        self, model: PhaseModel, upper: float, entered: int, number: int | None
    ) -> tuple[str | None, str | None]:
        """The 5th and 95th percentile of the month in which a world outgrows the phase, the plan's own among them."""
        over = self._curve.worlds > np.minimum(model.capacity, upper)[None, :]
        over[:entered] = False
        first = np.where(over.any(axis=0), over.argmax(axis=0), len(self._curve.months))
        ends = np.sort(first)
        low, high = (int(ends[min(int(share * len(ends)), len(ends) - 1)]) for share in (0.05, 0.95))
        if number is not None:
            low, high = min(low, number), max(high, number)
        named = [self._curve.months[each] if each < len(self._curve.months) else None for each in (low, high)]
        return named[0], named[1]

    def years(self, months: list[GrowthMonth]) -> list[Year]:
        """Sums by calendar year, and how cost grows against users."""
        found = []
        investment = self._workload.revenue.investment
        for year in sorted({int(each.month[:4]) for each in months}):
            part = [each for each in months if each.month.startswith(f"{year:04d}")]
            cost = sum(each.cost_month for each in part)
            earned = [each.revenue for each in part if each.revenue is not None]
            revenue = sum(earned) if earned else None
            spent = cost + (investment.mid if investment and part[0] is months[0] else 0.0)
            low, mid, high = (sum(getattr(each.cost_band, end) for each in part) for end in ("low", "mid", "high"))
            found.append(
                Year(
                    year=year,
                    cost=cost,
                    cost_band=Band(low, mid, high),
                    revenue=revenue,
                    cost_growth=_growth(part[0].cost_month, part[-1].cost_month),
                    user_growth=_growth(part[0].users, part[-1].users),
                    return_share=(revenue - spent) / spent if revenue is not None and spent else None,
                )
            )
        return found


def _growth(first: float, last: float) -> float | None:
    return last / first - 1 if first else None
