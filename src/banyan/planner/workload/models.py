"""The sections of a planner file. Units are in the names; a quantity is a number, [low, high] or [low, mid, high].

Nothing has a default that would invent load: what a file leaves out is either derived (said so in the field) or absent.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from banyan.planner.quantity import Amount, Figure, Share

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
Hour = Annotated[int, Field(ge=0, le=24)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
PositiveInt = Annotated[int, Field(gt=0, le=10**12)]
Cores = Annotated[float, Field(gt=0, le=10_000)]
Text = Annotated[str, Field(min_length=1)]


class Section(BaseModel):
    """Every section refuses keys that it does not know, and a text or true where a number belongs."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, strict=True, allow_inf_nan=False
    )


class People(Section):
    """How many people there are, and how many at once. "Users" alone is never a key: say which."""

    registered_users: Amount
    daily_active_share: Share | None = None
    daily_active_users: Amount | None = None
    peak_concurrent_share: Share | None = Field(None, description="of the daily active users, in the busiest hour")
    peak_concurrent_users: Amount | None = None
    sessions_per_active_user_per_day: Amount | None = None
    session_minutes: Amount | None = None
    sockets_per_concurrent_user: Amount | None = None


class Operation(Section):
    """One kind of request of an active person. `like` names the profile's operation that costs the same."""

    like: Name
    per_active_user_per_day: Amount


class Spike(Section):
    """An event that multiplies the busiest hour's load."""

    name: Name
    factor: Amount
    hours_per_month: Amount


class Traffic(Section):
    """What active people do. Requests per second follow from operations, or are declared where a document does."""

    operations: dict[Name, Operation] = {}
    peak_requests_per_second: Amount | None = Field(None, description="declared; computed from operations when absent")
    requests_per_active_user_per_day: Amount | None = Field(
        None, description="declared, of all operations; their own figures then only say how it is made up"
    )
    requests_per_registered_user_per_day: Amount | None = Field(
        None, description="as requests_per_active_user_per_day, of everybody; comes first where both are said"
    )
    messages_per_active_user_per_day: Amount | None = None
    peak_hours: list[Annotated[list[Hour], Field(min_length=2, max_length=2)]] = Field(
        [], description="[[7, 9], [12, 14]] in the people's time zone"
    )
    peak_hour_factor: Amount | None = Field(None, description="load in a peak hour over the mean hour")
    hourly_weights: Annotated[list[float], Field(min_length=24, max_length=24)] | None = None
    weekend_factor: Amount | None = Field(None, description="load of a weekend day over a weekday")
    spikes: list[Spike] = []
    cache_hit_share: Share | None = Field(None, description="requests that need no database")


class Record(Section):
    """Rows of one kind: bytes with their indexes, and how many a registered person has or makes."""

    name: Name
    bytes_each: Amount
    per_registered_user: Amount | None = None
    per_active_user_per_day: Amount | None = None


class Storage(Section):
    """What is kept. Sums and figures per user may both be given: the plan uses the larger, findings say the rest."""

    records: list[Record] = []
    database_kib_per_registered_user: Amount | None = None
    database_gib: Amount | None = None
    media_mib_per_registered_user: Amount | None = None
    media_mib_per_active_user_per_day: Amount | None = None
    media_gib: Amount | None = None
    logs_and_backups_gib: Amount | None = None
    retention_months: PositiveInt | None = None
    object_store: bool = Field(False, description="media outside the machines' disks")
    object_writes_per_registered_user_per_month: Amount | None = None
    object_reads_per_registered_user_per_month: Amount | None = None


class Egress(Section):
    """What leaves by month."""

    gib_per_month: Amount | None = None
    mib_per_registered_user_per_month: Amount | None = None
    kib_per_request: Amount | None = None
    cdn_share: Share | None = Field(None, description="of it that a CDN serves")


class Objectives(Section):
    """What the plan must meet."""

    p95_ms: Amount | None = None
    availability_percent: Annotated[float, Field(gt=0, lt=100)] | None = None
    rpo_hours: Annotated[float, Field(gt=0)] | None = None
    rto_hours: Annotated[float, Field(gt=0)] | None = None
    cost_per_user_month_max: Annotated[float, Field(gt=0)] | None = None
    cost_per_active_user_month_max: Annotated[float, Field(gt=0)] | None = None
    cost_growth_of_user_growth_max: Annotated[float, Field(gt=0)] | None = Field(
        None, description="how fast cost may grow, as a share of how fast users do"
    )
    concurrent_users_min: Annotated[float, Field(gt=0)] | None = None
    utilisation_share_min: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="of the machines, so that none is rented for nothing"
    )
    growth_absorbed_share: Annotated[float, Field(ge=0)] | None = Field(
        None, description="growth of users that must fit without an upgrade (1 is twice as many)"
    )
    user_growth_per_month: Annotated[float, Field(ge=0)] | None = Field(None, description="that must be kept up with")
    return_within_months: PositiveInt | None = None
    cpu_headroom_share: Annotated[float, Field(ge=0, lt=1)] = Field(0.3, description="kept free at peak")
    memory_headroom_share: Annotated[float, Field(ge=0, lt=1)] = 0.15
    disk_headroom_share: Annotated[float, Field(ge=0, lt=1)] = 0.2
    shortfall_chance_max: Annotated[float, Field(gt=0, lt=1)] = Field(0.05, description="of a phase, over the worlds")
    lead_time_days: Annotated[int, Field(ge=0, le=3650)] = Field(
        14, description="from the decision to the upgrade done"
    )


class Backups(Section):
    """How the document keeps its data."""

    database_every_hours: Annotated[float, Field(gt=0)] | None = None
    media_every_hours: Annotated[float, Field(gt=0)] | None = None
    retention_days: PositiveInt | None = None
    restore_test_every_days: PositiveInt | None = None
    point_in_time: bool = Field(False, description="the write-ahead log is archived all the time")
    replicated: bool = Field(False, description="copied to another machine as it is written")


class Service(Section):
    """One process kind of a declared stack, its memory as the document budgets it."""

    name: Name
    memory_mib: Amount
    workers: PositiveInt | None = None
    concurrency_per_worker: PositiveInt | None = None
    connections_per_worker: PositiveInt | None = None
    requests_per_second_per_vcpu: Amount | None = None
    role: Literal["api", "realtime", "worker", "database", "cache", "broker", "storage", "balancer", "other"] = "api"
    settings: dict[str, str | int | float | bool] = Field(
        {}, description="as in the tool's own file: maxmemory_mib = 1024"
    )


class Stack(Section):
    """What the document claims its software does, where it is not Banyan."""

    kind: Name
    services: list[Service] = []
    requests_per_second_per_vcpu: Amount | None = None
    sockets_per_node: Amount | None = None
    concurrent_users_per_node: Amount | None = None
    database: Literal["postgresql", "mysql", "mongodb"] | None = None
    database_max_connections: PositiveInt | None = None
    memory_mib_per_service: Amount | None = Field(None, description="what its processes are said to need, each")
    system_memory_mib: Amount | None = Field(None, description="left to the operating system")
    open_files_per_process: PositiveInt | None = None
    service_variation_squared: Amount | None = Field(
        None, description="squared coefficient of variation of service times"
    )


class Topology(StrEnum):
    """How the parts lie over machines, from least to most."""

    SINGLE = "single"
    SPLIT = "split"
    BALANCED = "load_balanced"
    REPLICATED = "replicated"
    CLUSTER = "cluster"


class Machine(Section):
    """Rented machines of one kind in a declared phase. With provider and plan the catalogue knows the rest."""

    role: Name
    count: PositiveInt = 1
    provider: Name | None = None
    plan: str | None = None
    vcpu: Cores | None = None
    ram_gib: Annotated[float, Field(gt=0)] | None = None
    assumed_vcpu: Cores | None = Field(
        None, description="of a machine whose size nobody said: `render` writes for it, no figure follows from it"
    )
    assumed_ram_gib: Annotated[float, Field(gt=0)] | None = Field(None, description="as assumed_vcpu")
    disk_gb: Annotated[float, Field(ge=0)] | None = None
    transfer_tb: Annotated[float, Field(ge=0)] | None = None
    price_month: Amount | None = Field(None, description="of one, in the file's currency")
    services: list[Name] = []


class CostLine(Section):
    """A line of a declared phase's bill beside its machines, in the file's currency."""

    item: str
    amount_month: Amount
    optional: bool = Field(False, description="not in the sum: an alternative to another line, or a choice")
    gib: Amount | None = Field(None, description="what is bought by the GiB: storage, backup, traffic")


class StatedCapacity(Section):
    """What the document says that a phase carries."""

    concurrent_users: Amount | None = None
    requests_per_second: Amount | None = None
    sockets: Amount | None = None
    database_connections: Amount | None = None


class Phase(Section):
    """A phase as the document has it."""

    name: Name
    title: str = ""
    from_users: Annotated[int, Field(ge=0, le=10**12)]
    to_users: PositiveInt | None = None
    topology: Annotated[Topology, Field(strict=False)] = Topology.SINGLE
    machines: list[Machine] = []
    costs: list[CostLine] = []
    total_month: Amount | None = Field(None, description="as stated; checked against the sum")
    cost_per_user_month: Amount | None = None
    capacity: StatedCapacity = StatedCapacity()
    starts_in_month: PositiveInt | None = Field(None, description="of the document's own schedule, the first being 1")
    backup_gib: Amount | None = Field(None, description="rented for backups")


class Alternative(Phase):
    """A deployment that the document weighs and does not take, or another of its tables for the same people."""

    instead_of: Name | None = None


class Quote(Section):
    """A price as the document quotes it; held against the catalogue by plan or by size."""

    provider: Name
    plan: str | None = None
    vcpu: Cores | None = None
    ram_gib: Annotated[float, Field(gt=0)] | None = None
    disk_gb: Annotated[float, Field(ge=0)] | None = None
    price_month: Amount
    currency: Currency | None = Field(None, description="the file's when absent")


class Improvement(Section):
    """A change of the software itself, such as a cache or an index, and what it is said to gain."""

    name: Name
    text: str
    gain_share: Amount | None = Field(
        None, description="more throughput, or less load on the part that it helps (1 is twice)"
    )
    cost_month: Amount | None = Field(None, description="what it adds to the bill; 0 is a change of code or settings")
    done: bool = False


class CacheTime(Section):
    """How long an answer may be served from a cache."""

    name: Name
    seconds: Amount


class RateLimit(Section):
    """How often one client may ask."""

    name: Name
    requests: PositiveInt
    per_seconds: Annotated[float, Field(gt=0)]
    burst: PositiveInt | None = None


class Scenario(Section):
    """Registered users at the end of each month: given, or from a start and a rate (0.2 is 20% a month)."""

    name: Name
    start_month: Annotated[str, Field(pattern=r"^2\d{3}-(0[1-9]|1[0-2])$")] | None = None
    registered_users_by_month: list[Annotated[float, Field(ge=0)]] = []
    start_users: Annotated[float, Field(ge=0)] | None = None
    growth_per_month: Figure | None = None
    months: Annotated[int, Field(gt=0, le=120)] | None = None


class Revenue(Section):
    """What comes in, in the file's currency."""

    per_registered_user_month: Amount | None = None
    per_active_user_month: Amount | None = None
    growth_per_month: Figure | None = None
    investment: Amount | None = None


class Threshold(Section):
    """A threshold as the document gives it; `metric` is one of the planner's metrics."""

    metric: Name
    warning: float | None = None
    critical: float | None = None
    for_minutes: Annotated[float, Field(ge=0)] = 0
    action: str = ""


class Claim(Section):
    """A figure of the document that follows from others: `formula` over dotted keys of the file and of its plan.

    Only numbers, keys, + - * / ( ) and sum, min, max, ceil, floor, round are read. See `planner/claims.py`.
    """

    claim: str
    stated: Figure
    unit: str = ""
    formula: str
    line: PositiveInt | None = None
    tolerance_share: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.01, description="rounding that the document allows itself"
    )


class Measurement(Section):
    """A figure of the software or of a core that somebody measured, in the place of the profile's own
    (`profiles/banyan.toml`): `cores.shared`, `operations.feed.app_ms`.
    """

    figure: Text
    value: Amount
    source: Text = Field(description="who measured it, on what")
    as_of: date | None = None


class OwnPlan(Section):
    """A plan to rent that the catalogue does not hold, or holds at another price."""

    provider: Name
    plan: Text
    vcpu: Cores
    ram_gib: Annotated[float, Field(gt=0)]
    disk_gb: Annotated[float, Field(ge=0)]
    transfer_tb: Annotated[float, Field(ge=0)] = 0
    price_month: Annotated[float, Field(ge=0)]
    currency: Currency
    as_of: date
    source: Text
    cpu_class: Literal["shared", "dedicated", "burstable"] = "shared"
    architecture: Literal["x86", "arm64"] = "x86"


class OwnPrice(Section):
    """A price of something else than a machine (see the catalogue's items): `object_storage_gib_month = 0.015`."""

    item: Name
    price: Annotated[float, Field(ge=0)]
    currency: Currency
    as_of: date
    source: Text


class Rent(Section):
    """Where machines may come from, and what goes on the bill."""

    providers: list[Name] = Field([], description="empty: all of the catalogue")
    architectures: list[Literal["x86", "arm64"]] = ["x86"]
    cpu_classes: list[Literal["shared", "dedicated", "burstable"]] = ["shared", "dedicated"]
    only_orderable: bool = True
    vat_percent: Annotated[float, Field(ge=0, le=100)] = 0
    reserved: bool = Field(False, description="commit for a year where the provider gives a discount for it")
    plans: list[OwnPlan] = []
    prices: list[OwnPrice] = []
    exchange_rates: dict[Currency, Annotated[float, Field(gt=0)]] = Field(
        {}, description="units of that currency for one unit of the file's"
    )
    exchange_rates_as_of: date | None = None


class Workload(Section):
    """A whole planner file."""

    name: Name
    title: str = ""
    document: str = Field("", description="where the figures come from")
    as_of: date | None = Field(None, description="day of the document's figures")
    currency: Currency = "USD"
    time_zone: str = "UTC"
    people: People
    traffic: Traffic = Traffic()
    storage: Storage = Storage()
    egress: Egress = Egress()
    objectives: Objectives = Objectives()
    backups: Backups = Backups()
    measurements: list[Measurement] = Field([], description="instead of figures of the profile")
    stack: Stack | None = None
    phases: list[Phase] = []
    alternatives: list[Alternative] = []
    quotes: list[Quote] = []
    improvements: list[Improvement] = []
    caches: list[CacheTime] = []
    rate_limits: list[RateLimit] = []
    scenarios: list[Scenario] = []
    revenue: Revenue = Revenue()
    thresholds: list[Threshold] = []
    claims: list[Claim] = []
    rent: Rent = Rent()
    high_availability: bool = Field(False, description="no single machine may be missed for long")
    team_runs_kubernetes: bool = False
    managed_database: bool = False
