"""The plan: what `banyan plan FILE --format json` prints. Its keys are stable; new ones may join.

Money is in the plan's `currency`; shares are 0 to 1; months are "YYYY-MM"; a band is {low, mid, high}: the 5th, 50th
and 95th percentile over the worlds.
"""

from datetime import date
from typing import Literal

from msgspec import Struct

Severity = Literal["error", "warning", "note"]


class Band(Struct, frozen=True):
    """The 5th, 50th and 95th percentile over the worlds."""

    low: float
    mid: float
    high: float


class Demand(Struct, frozen=True):
    """What the people ask of the system in the busiest hour, now."""

    registered_users: float
    daily_active_users: float
    peak_concurrent_users: float
    peak_requests_per_second: Band
    peak_requests_per_second_by_class: dict[str, Band]
    messages_per_second: Band
    sockets: float
    requests_in_progress: Band  # Little's law
    database_connections_in_use: Band
    storage_gib_by_month: list[float]  # of the first scenario, or of twelve months at today's size
    database_gib: float
    media_gib: float
    egress_gib_per_month: float
    object_store_writes_per_month: float
    object_store_reads_per_month: float
    hourly_share: list[float]  # of a day's requests, 24 figures in `time_zone`
    time_zone: str


class Machine(Struct, frozen=True):
    """Machines of one plan in one role. `price_month` is of one, VAT as the file asks."""

    role: str
    provider: str
    plan: str
    count: int
    vcpu: float
    ram_gib: float
    disk_gb: float
    price_month: float
    currency: str
    price_as_of: date | None
    orderable: str
    services: list[str]


class ServiceSize(Struct, frozen=True):
    """One process kind in a phase: `workers` processes that need so much together."""

    name: str
    workers: int
    cpu_cores: float
    memory_mib: float
    connections: int
    machine_role: str


class CostLine(Struct, frozen=True):
    item: str
    amount: float
    source: str
    as_of: date | None
    verified: bool


class Cost(Struct, frozen=True):
    currency: str
    total: float
    lines: list[CostLine]
    band: Band


class Capacity(Struct, frozen=True):
    """What a phase carries while every objective holds."""

    requests_per_second: float
    sockets: float
    concurrent_users: float
    registered_users: float
    band_registered_users: Band


class Rejected(Struct, frozen=True):
    option: str
    reason: str
    binding_resource: str
    cost_month: float | None = None


class Unmet(Struct, frozen=True):
    """Nothing that may be rented holds so many people within the objectives; what comes nearest, and what it lacks.

    `nearest` is empty where the file leaves nothing to rent. `lacking_share` is the missing part of what is wanted
    (people, time up, speed), 0 to 1.
    """

    users: float  # registered, that are to be held
    nearest: str
    cost_month: float | None  # of the nearest option
    holds_users: float
    binding_resource: str
    role: str  # of the machines on which it ends
    stated: str
    reached: str
    lacking_share: float
    lacks: str  # in a sentence's second half
    rejected: list[Rejected]


class Setting(Struct, frozen=True):
    """A configuration value: of which file, and the formula that gives it."""

    file: str
    name: str
    value: str
    formula: str
    source: str


class Phase(Struct, frozen=True):
    name: str
    title: str
    from_users: int
    to_users: int | None
    topology: str
    declared: bool
    machines: list[Machine]
    services: list[ServiceSize]
    cost_month: Cost
    cost_per_user: float | None
    cost_per_active_user: float | None
    capacity: Capacity
    binding_resource: str
    headroom: dict[str, float]  # free share at the phase's upper end
    p95_ms: float | None
    shortfall_chance: float
    availability_percent: float
    rejected: list[Rejected]
    configuration: list[Setting]
    memory_budget_mib: dict[str, float]
    connection_budget: dict[str, int]
    regret_month: float | None = None  # beyond what each world would have needed, on average


class GrowthMonth(Struct, frozen=True):
    """`phase` is the one that is paid for: of a document's phases the one that it names for so many people.
    `needed_phase` is the first whose machines hold them, by which upgrades are dated; of chosen phases the same.
    """

    month: str
    users: float
    phase: str
    needed_phase: str
    cost_month: float
    cost_per_user: float | None
    cost_band: Band
    users_band: Band
    storage_gib: float
    egress_gib: float
    revenue: float | None
    shortfall_chance: float
    headroom: dict[str, float]


class Outgrown(Struct, frozen=True):
    """`month` is when the phase no longer holds (None: not within the scenario); `order_by` is the lead time before."""

    phase: str
    month: str | None
    resource: str
    month_low: str | None
    month_high: str | None
    order_by: date | None
    next_phase: str | None


class Year(Struct, frozen=True):
    """Sums of a scenario's year; growth rates are from its first to its last month."""

    year: int
    cost: float
    cost_band: Band
    revenue: float | None
    cost_growth: float | None
    user_growth: float | None
    return_share: float | None


class Upgrade(Struct, frozen=True):
    """A move in the upgrade calendar, before `month`, in which `resource` of the phase no longer holds.

    What is due already is ordered on the day of the plan and done in the next window after it: the quietest hours of
    the people, in their time zone.
    """

    scenario: str
    from_phase: str
    to_phase: str
    month: str
    resource: str
    order_by: date
    window_start: str
    window_end: str
    extra_cost_month: float
    steps: list[str]


class Trigger(Struct, frozen=True):
    metric: str
    warning: float
    critical: float
    for_minutes: float
    severity: str
    action: str
    source: str
    unit: str
    expression: str  # PromQL over Banyan's own metrics, or empty


class Advice(Struct, frozen=True):
    code: str
    text: str
    source: str
    gain_share: float | None = None
    cost_month: float | None = None


class Finding(Struct, frozen=True):
    """Something in the file that contradicts itself, its prices or its plan. `where` is a dotted key of it, or of the
    plan behind `plan.`.
    """

    severity: Severity
    code: str
    where: str
    stated: str
    computed: str
    message: str
    line: int | None = None


class Stated(Struct, frozen=True):
    claim: str
    stated: str
    computed: str
    agrees: bool
    line: int | None = None


class Plan(Struct, frozen=True):
    name: str
    title: str
    stack: str  # declared or banyan
    currency: str
    demand: Demand
    phases: list[Phase]
    growth: dict[str, list[GrowthMonth]]
    years: dict[str, list[Year]]
    outgrow: dict[str, list[Outgrown]]
    upgrades: list[Upgrade]
    triggers: list[Trigger]
    advice: list[Advice]
    findings: list[Finding]
    stated: list[Stated]
    prices_as_of: date
    as_of: date
    seed: int
    worlds: int
    unmet: Unmet | None = None  # where growth goes beyond what can be rented
