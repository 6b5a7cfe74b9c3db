"""From people to load: what the busiest hour, a month and the years ask of the system.

Everything is kept per registered user and in every world, so that a plan for any number of people is a product.
"""

import numpy as np
from msgspec import Struct

from banyan.planner.draws import Draws, band, middle
from banyan.planner.plan import Band, Demand
from banyan.planner.profile import Profile
from banyan.planner.quantity import Quantity, Worlds
from banyan.planner.workload.models import Workload

DAYS_PER_MONTH = 30.4
SECONDS_PER_HOUR = 3600.0
_MIB_PER_GIB = 1024.0
_KIB_PER_GIB = 1024.0 * 1024.0
_MINUTES_PER_HOUR = 60.0
_ACCUMULATED_MONTHS = 12  # of what grows by the day, where a file names no retention

# Where a file is silent; each is named as assumed by `--why`.
_ASSUMED = "assumed: the file is silent"
_SECONDS_PER_MS = 1e-3
_ACTIVE_SHARE = Quantity(0.05, 0.1, 0.3)
_CONCURRENT_SHARE = Quantity(0.05, 0.1, 0.2)
_REQUESTS_PER_CONCURRENT = Quantity(0.08, 0.15, 0.4)
_SOCKETS_PER_CONCURRENT = Quantity(1, 1, 1)
_PEAK_HOUR_FACTOR = 2.0
_NIGHT_SHARE = 0.3
_USUAL_DAY = (2, 1, 1, 1, 1, 2, 3, 5, 6, 5, 5, 5, 6, 6, 5, 5, 5, 6, 7, 8, 8, 7, 5, 3)


class Load(Struct, frozen=True):
    """Per registered user and world, at the busiest hour unless the name says otherwise."""

    registered_users: float
    active: Worlds
    concurrent: Worlds
    requests: Worlds  # a second
    requests_by_class: dict[str, Worlds]
    spike_factor: Worlds
    sockets: Worlds
    messages: Worlds  # a second
    app_seconds: Worlds  # CPU of one mean request, on the profile's core
    database_seconds: Worlds
    worker_seconds: Worlds
    worker_database_seconds: Worlds  # in PostgreSQL, for the worker
    variation_squared: Worlds
    write_share: Worlds
    database_gib: Worlds
    media_gib: Worlds
    log_gib: Worlds  # of the whole system: does not grow with people
    database_gib_per_month: Worlds
    media_gib_per_month: Worlds
    egress_gib: Worlds  # a month, before the CDN
    cdn_share: Worlds
    object_writes: Worlds  # a month
    object_reads: Worlds
    requests_per_month: Worlds
    hourly_share: tuple[float, ...]
    kept_months: int  # of what grows by the day

    def stored_gib(self, users: float, piled_users: float) -> tuple[Worlds, Worlds]:
        """Database and media of `users` registered ones. What grows by the day is what `piled_users` make in the
        months that it is kept: as many as `users`, once there are that many for so long.
        """
        missing = (users - piled_users) * self.kept_months
        return (
            self.database_gib * users - self.database_gib_per_month * missing,
            self.media_gib * users - self.media_gib_per_month * missing,
        )


def hourly_shares(workload: Workload) -> tuple[float, ...]:
    """The share of a day's requests that falls into each hour, 24 figures in the people's time zone."""
    traffic = workload.traffic
    weights = [float(weight) for weight in traffic.hourly_weights or _USUAL_DAY]
    if not traffic.hourly_weights and (traffic.peak_hours or traffic.peak_hour_factor):
        factor = traffic.peak_hour_factor.mid if traffic.peak_hour_factor else _PEAK_HOUR_FACTOR
        busy = _busy_hours(workload)
        each = _busiest_share(factor, len(busy))
        if traffic.peak_hours:
            weights = [_NIGHT_SHARE if hour < 6 else 1.0 for hour in range(24)]
        left = 1 - each * len(busy)
        rest = sum(weight for hour, weight in enumerate(weights) if hour not in busy)
        if rest * each < left * max(weights):
            # So flat a day has no quiet hours.
            weights, rest = [1.0] * 24, 24.0 - len(busy)
        weights = [each if hour in busy else left * weight / rest for hour, weight in enumerate(weights)]
    total = sum(weights)
    return tuple(weight / total for weight in weights) if total else (1 / 24,) * 24


def _busy_hours(workload: Workload) -> frozenset[int]:
    spans = workload.traffic.peak_hours or [[19, 21]]
    return frozenset(hour % 24 for start, end in spans for hour in range(start, end if end > start else end + 24))


def _busiest_share(factor: float, hours: int) -> float:
    """Of the day, in one of so many peak hours: together they cannot have more than all of it."""
    return min(max(factor, 1.0) / 24, 1 / hours)


def _peak(workload: Workload, draws: Draws) -> Worlds:
    """The busiest hour's share of a day in each world."""
    traffic = workload.traffic
    if traffic.hourly_weights or traffic.peak_hour_factor is None:
        return draws.known(max(hourly_shares(workload)))
    factor = draws.of("traffic.peak_hour_factor", traffic.peak_hour_factor)
    return np.clip(factor / 24, 1 / 24, 1 / len(_busy_hours(workload)))


def week_share(workload: Workload) -> float:
    """The mean day's load over a weekday's."""
    factor = workload.traffic.weekend_factor
    return (5 + 2 * factor.mid) / 7 if factor else 1.0


def build_load(workload: Workload, profile: Profile, draws: Draws) -> Load:
    """Draws the file's quantities and carries them to load per registered user."""
    peak = _peak(workload, draws)
    people = _People(workload, draws, peak)
    requests, by_class, monthly = _requests(workload, draws, people, peak)
    costs = _costs(workload, profile, draws, by_class, requests)
    stored = _storage(workload, profile, draws, people)
    messages_day = _drawn(draws, "traffic.messages_per_active_user_per_day", workload)
    return Load(
        registered_users=workload.people.registered_users.mid,
        active=people.active,
        concurrent=people.concurrent,
        requests=requests,
        requests_by_class=by_class,
        spike_factor=_spike(workload, draws),
        sockets=people.sockets,
        messages=messages_day * people.active * peak / SECONDS_PER_HOUR,
        egress_gib=_egress(workload, draws, people.registered, monthly, costs["response_kib"]),
        cdn_share=_drawn(draws, "egress.cdn_share", workload),
        object_writes=_drawn(draws, "storage.object_writes_per_registered_user_per_month", workload),
        object_reads=_drawn(draws, "storage.object_reads_per_registered_user_per_month", workload),
        requests_per_month=monthly,
        hourly_share=hourly_shares(workload),
        kept_months=kept_months(workload),
        app_seconds=costs["app"],
        database_seconds=costs["database"],
        worker_seconds=costs["worker"],
        worker_database_seconds=costs["worker_database"],
        variation_squared=draws.of(
            "profile.variation_squared",
            profile.figures["variation_squared"],
            profile.source_of("variation_squared"),
        ),
        write_share=costs["writes"],
        **stored,
    )


def _figure(workload: Workload, key: str) -> Quantity | None:
    section, _, name = key.partition(".")
    value = getattr(getattr(workload, section), name)
    assert value is None or isinstance(value, Quantity)
    return value


def _drawn(draws: Draws, key: str, workload: Workload) -> Worlds:
    """The file's quantity at `key`, nothing where it is silent."""
    value = _figure(workload, key)
    return draws.known(0.0) if value is None else draws.of(key, value)


class _People:
    """Active and concurrent people and their sockets, per registered user."""

    def __init__(self, workload: Workload, draws: Draws, peak: Worlds) -> None:
        people = workload.people
        self.registered = np.maximum(draws.of("people.registered_users", people.registered_users), 1e-9)
        self._draws = draws
        concurrent_users = people.peak_concurrent_users
        if people.daily_active_share is not None:
            active = draws.of("people.daily_active_share", people.daily_active_share)
        elif people.daily_active_users is not None:
            active = draws.of("people.daily_active_users", people.daily_active_users) / self.registered
        elif concurrent_users is not None:
            share = draws.of("people.peak_concurrent_share", _CONCURRENT_SHARE, _ASSUMED)
            active = draws.of("people.peak_concurrent_users", concurrent_users) / self.registered / share
        else:
            active = draws.of("people.daily_active_share", _ACTIVE_SHARE, _ASSUMED)
        self.active = np.minimum(active, 1.0)
        self.concurrent = self._concurrent(workload, peak)
        each = people.sockets_per_concurrent_user
        source = "the file" if each else _ASSUMED
        self.sockets = self.concurrent * draws.of(
            "people.sockets_per_concurrent_user", each or _SOCKETS_PER_CONCURRENT, source
        )

    def _concurrent(self, workload: Workload, peak: Worlds) -> Worlds:
        people, draws = workload.people, self._draws
        if people.peak_concurrent_users is not None:
            return draws.of("people.peak_concurrent_users", people.peak_concurrent_users) / self.registered
        if people.peak_concurrent_share is not None:
            return self.active * draws.of("people.peak_concurrent_share", people.peak_concurrent_share)
        if people.sessions_per_active_user_per_day is not None and people.session_minutes is not None:
            # Little's law: arrivals in the busiest hour times how long each stays.
            sessions = draws.of("people.sessions_per_active_user_per_day", people.sessions_per_active_user_per_day)
            hours = draws.of("people.session_minutes", people.session_minutes) / _MINUTES_PER_HOUR
            return self.active * np.minimum(sessions * hours * peak, 1.0)
        return self.active * draws.of("people.peak_concurrent_share", _CONCURRENT_SHARE, _ASSUMED)


def _requests(
    workload: Workload, draws: Draws, people: _People, peak: Worlds
) -> tuple[Worlds, dict[str, Worlds], Worlds]:
    """Requests a second in the busiest hour, the same by class, and requests a month."""
    traffic = workload.traffic
    by_class = {
        name: draws.of(f"traffic.operations.{name}.per_active_user_per_day", operation.per_active_user_per_day)
        * people.active
        * peak
        / SECONDS_PER_HOUR
        for name, operation in traffic.operations.items()
    }
    computed: Worlds = np.sum(list(by_class.values()), axis=0) if by_class else draws.known(0.0)
    daily = _daily(workload, draws, people, computed * SECONDS_PER_HOUR / peak)
    if traffic.peak_requests_per_second is not None:
        total = draws.of("traffic.peak_requests_per_second", traffic.peak_requests_per_second) / people.registered
    elif daily is not None:
        total = daily * peak / SECONDS_PER_HOUR
    else:
        each = draws.of("traffic.requests_per_concurrent_user", _REQUESTS_PER_CONCURRENT, _ASSUMED)
        total = each * people.concurrent
    # A declared figure is shared out over the operations as they stand to each other.
    scale = np.divide(total, computed, out=np.zeros_like(total), where=computed > 0)
    shared = {name: rate * scale for name, rate in by_class.items()}
    if not shared or not computed.any():
        shared = {"request": total}
    a_day = total * SECONDS_PER_HOUR / peak if daily is None else daily
    return total, shared, a_day * week_share(workload) * DAYS_PER_MONTH


def _daily(workload: Workload, draws: Draws, people: _People, of_operations: Worlds) -> Worlds | None:
    """Requests a day per registered user: as declared, else what the operations add up to."""
    traffic = workload.traffic
    if traffic.requests_per_registered_user_per_day is not None:
        key = "traffic.requests_per_registered_user_per_day"
        return draws.of(key, traffic.requests_per_registered_user_per_day)
    if traffic.requests_per_active_user_per_day is not None:
        key = "traffic.requests_per_active_user_per_day"
        return draws.of(key, traffic.requests_per_active_user_per_day) * people.active
    return of_operations if traffic.operations else None


def _costs(
    workload: Workload, profile: Profile, draws: Draws, by_class: dict[str, Worlds], requests: Worlds
) -> dict[str, Worlds]:
    """CPU seconds of the mean request in each part, its answer's size, and the share of requests that write."""
    names = ("app", "database", "worker", "worker_database", "response_kib", "writes")
    sums = {name: draws.known(0.0) for name in names}
    usual = {"feed": 0.4, "read": 0.5, "write": 0.1}
    for name, rate in by_class.items():
        operation = workload.traffic.operations.get(name)
        mix = {operation.like: 1.0} if operation else ({"read": 1.0} if profile.declared else usual)
        weight = np.divide(rate, requests, out=np.zeros_like(rate), where=requests > 0)
        for like, share in mix.items():
            cost = profile.operation(like)
            where = f"operations.{like if like in profile.operations else 'read'}"
            parts = {
                "app": ("app_ms", cost.app_ms, _SECONDS_PER_MS),
                "database": ("database_ms", cost.database_ms, _SECONDS_PER_MS),
                "worker": ("worker_ms", cost.worker_ms, _SECONDS_PER_MS),
                "worker_database": ("worker_database_ms", cost.worker_database_ms, _SECONDS_PER_MS),
                "response_kib": ("response_kib", cost.response_kib, 1),
            }
            for part, (field, quantity, unit) in parts.items():
                drawn = draws.of(f"profile.{where}.{field}", quantity, profile.source_of(f"{where}.{field}"))
                sums[part] = sums[part] + weight * share * drawn * unit
            sums["writes"] += weight * share * float(cost.writes)
    if not profile.declared:
        # A claim of a foreign stack's speed already counts its caches; ours was measured without.
        sums["database"] *= 1 - _drawn(draws, "traffic.cache_hit_share", workload)
    return sums


def _spike(workload: Workload, draws: Draws) -> Worlds:
    factors = [draws.of(f"traffic.spikes.{spike.name}.factor", spike.factor) for spike in workload.traffic.spikes]
    return np.maximum(np.max(factors, axis=0), 1.0) if factors else draws.known(1.0)


def _storage(workload: Workload, profile: Profile, draws: Draws, people: _People) -> dict[str, Worlds]:
    """What is kept, per registered user: after `retention_months` (or a year) of what grows by the day."""
    storage = workload.storage
    months = kept_months(workload)
    rows, rows_per_month = draws.known(0.0), draws.known(0.0)
    for record in storage.records:
        key = f"storage.records.{record.name}"
        size = draws.of(f"{key}.bytes_each", record.bytes_each) / 1024**3
        if record.per_registered_user is not None:
            rows += size * draws.of(f"{key}.per_registered_user", record.per_registered_user)
        if record.per_active_user_per_day is not None:
            daily = draws.of(f"{key}.per_active_user_per_day", record.per_active_user_per_day) * people.active
            rows_per_month += size * daily * DAYS_PER_MONTH
    rows = rows + rows_per_month * months
    each = _drawn(draws, "storage.database_kib_per_registered_user", workload) / _KIB_PER_GIB
    whole = _drawn(draws, "storage.database_gib", workload) / people.registered
    media_each = _drawn(draws, "storage.media_mib_per_registered_user", workload) / _MIB_PER_GIB
    media_month = (
        _drawn(draws, "storage.media_mib_per_active_user_per_day", workload)
        * people.active
        * DAYS_PER_MONTH
        / _MIB_PER_GIB
    )
    media_whole = _drawn(draws, "storage.media_gib", workload) / people.registered
    return {
        "database_gib": np.maximum.reduce([rows, each, whole]),
        "media_gib": np.maximum.reduce([media_each + media_month * months, media_whole]),
        "log_gib": _drawn(draws, "storage.logs_and_backups_gib", workload),
        "database_gib_per_month": rows_per_month,
        "media_gib_per_month": media_month,
    }


def kept_months(workload: Workload) -> int:
    """For how many months what grows by the day is kept."""
    return workload.storage.retention_months or _ACCUMULATED_MONTHS


def _egress(workload: Workload, draws: Draws, registered: Worlds, monthly: Worlds, response_kib: Worlds) -> Worlds:
    """GiB a month per registered user: as declared, else what the answers weigh."""
    egress = workload.egress
    if egress.gib_per_month is not None:
        return draws.of("egress.gib_per_month", egress.gib_per_month) / registered
    if egress.mib_per_registered_user_per_month is not None:
        return _drawn(draws, "egress.mib_per_registered_user_per_month", workload) / _MIB_PER_GIB
    if egress.kib_per_request is not None:
        return monthly * draws.of("egress.kib_per_request", egress.kib_per_request) / _KIB_PER_GIB
    return monthly * response_kib / _KIB_PER_GIB


def describe_demand(workload: Workload, load: Load, storage_by_month: list[float]) -> Demand:
    """The plan's `demand`, for the registered users that the file names."""
    users = load.registered_users
    stated = workload.traffic.peak_requests_per_second
    busy = (load.app_seconds + load.database_seconds) * load.requests * users
    database = load.database_seconds * load.requests * users
    return Demand(
        registered_users=users,
        daily_active_users=round(middle(load.active) * users, 6),
        peak_concurrent_users=round(middle(load.concurrent) * users, 6),
        # What the file states is said as it states it, not as percentiles of its own interval.
        peak_requests_per_second=Band(stated.low, stated.mid, stated.high) if stated else band(load.requests * users),
        peak_requests_per_second_by_class={
            name: band(rate * users) for name, rate in sorted(load.requests_by_class.items())
        },
        messages_per_second=band(load.messages * users),
        sockets=round(middle(load.sockets) * users, 6),
        requests_in_progress=band(busy),
        database_connections_in_use=band(database),
        storage_gib_by_month=storage_by_month,
        database_gib=middle(load.database_gib) * users,
        media_gib=middle(load.media_gib) * users,
        egress_gib_per_month=middle(load.egress_gib) * users,
        object_store_writes_per_month=middle(load.object_writes) * users,
        object_store_reads_per_month=middle(load.object_reads) * users,
        hourly_share=list(load.hourly_share),
        time_zone=workload.time_zone,
    )
