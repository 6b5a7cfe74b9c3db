"""The formula behind each key of a plan, and which quantities go into it. `*` stands for an element of a list.

Inputs: `draw:` quantities of the file and the profile by pattern, `plan:` other keys (each `^` is one step up),
`set:` settings of the file that are no quantities, `price:` the lines of the bill.
"""

from msgspec import Struct

from banyan.planner.deployment import BESIDE_POOL, RESERVED_CONNECTIONS


class Formula(Struct, frozen=True):
    """In words, and the inputs that it takes."""

    text: str
    inputs: tuple[str, ...]


_PEOPLE = ("draw:people.*",)
_LOAD = (*_PEOPLE, "draw:traffic.*", "plan:demand.hourly_share")
_SIZING = (*_LOAD, "draw:profile.*", "draw:stack.*", "draw:storage.*", "draw:objectives.*", "set:objectives")
_GROWTH = ("draw:scenarios.*", "draw:people.registered_users")
_STORED = ("draw:storage.*", "draw:people.*", "set:storage.retention_months")

FORMULAS: dict[str, Formula] = {
    "demand.registered_users": Formula("people.registered_users", ("draw:people.registered_users",)),
    "demand.daily_active_users": Formula("registered users x daily active share, or as the file says", _PEOPLE),
    "demand.peak_concurrent_users": Formula(
        "daily active users x peak concurrent share; without one Little's law: sessions in the busiest hour x minutes "
        "each stays / 60",
        (*_PEOPLE, "plan:demand.daily_active_users"),
    ),
    "demand.peak_requests_per_second*": Formula(
        "as the file states it (by second, or by day x the busiest hour's share / 3600), shared out over its "
        "operations; else sum over operations of (per active user and day x daily active users x the busiest hour's "
        "share of a day / 3600)",
        (*_LOAD, "plan:demand.daily_active_users"),
    ),
    "demand.messages_per_second*": Formula(
        "messages per active user and day x daily active users x the busiest hour's share / 3600",
        ("draw:traffic.messages*", "plan:demand.daily_active_users", "plan:demand.hourly_share"),
    ),
    "demand.sockets": Formula(
        "peak concurrent users x sockets each",
        ("draw:people.sockets_per_concurrent_user", "plan:demand.peak_concurrent_users"),
    ),
    "demand.requests_in_progress*": Formula(
        "Little's law: requests a second x mean CPU time in application and database",
        ("plan:demand.peak_requests_per_second", "draw:profile.operations.*", "draw:traffic.cache_hit_share"),
    ),
    "demand.database_connections_in_use*": Formula(
        "Little's law: requests a second x mean time in the database",
        ("plan:demand.peak_requests_per_second", "draw:profile.operations.*.database_ms", "draw:traffic.*"),
    ),
    "demand.storage_gib_by_month*": Formula(
        "by month: what each registered user keeps x users, plus what active users add a day x 30.4 over the months "
        "that it is kept (12 where the file names no retention)",
        (*_STORED, *_GROWTH),
    ),
    "demand.database_gib": Formula(
        "the larger of: rows (bytes x number) per user, KiB per user, and the size in all; at the file's users", _STORED
    ),
    "demand.media_gib": Formula(
        "the larger of: MiB per user with what a year of active days adds, and the size in all", _STORED
    ),
    "demand.egress_gib_per_month": Formula(
        "as the file states it by month, by user or by request; else requests a month x the size of an answer",
        ("draw:egress.*", *_LOAD, "draw:profile.operations.*.response_kib"),
    ),
    "demand.object_store_*": Formula(
        "per registered user and month x registered users", ("draw:storage.object_*", "draw:people.registered_users")
    ),
    "demand.hourly_share*": Formula(
        "hourly_weights / their sum; else peak_hour_factor (2) / 24 in each of peak_hours (19 to 21), the rest over "
        "the other hours, fewer from 0 to 6; without either a usual day",
        ("set:traffic.hourly_weights", "set:traffic.peak_hours", "set:traffic.peak_hour_factor"),
    ),
    "demand.*": Formula("as the file says", ("set:time_zone",)),
    "phases.*.from_users": Formula("where the phase before it ends; as stated in a declared phase", ("set:phases",)),
    "phases.*.to_users": Formula(
        "registered users at which, with the allowed chance, no budget is broken: the quantile at "
        "objectives.shortfall_chance_max over the worlds of the scarcest resource; as stated in a declared phase",
        ("plan:^capacity.band_registered_users", "plan:^binding_resource", *_SIZING),
    ),
    "phases.*.machines*": Formula(
        "for each role the cheapest plan and number that hold the phase's people with its part of the allowed chance "
        "(where uptime is promised with one of several machines away), all of one provider; over shapes and providers "
        "the cheapest bill. As stated in a declared phase, the catalogue filling what is not said",
        ("set:rent", *_SIZING),
    ),
    "phases.*.services*": Formula(
        "API and nginx: a process per vCPU, realtime one for each 15,000 sockets (a process per vCPU where it has the "
        "machine to itself), others one per machine; cores = requests a second x CPU of one / speed of a core; "
        "memory = processes + sockets + open connections + hot data at the phase's end",
        _SIZING,
    ),
    "phases.*.cost_month*": Formula(
        "sum of the lines, at the phase's last user (where it ends, or scenarios do): machines x price + GiB x price "
        "beyond what is free, + VAT",
        ("price:", "set:rent.vat_percent", "plan:prices_as_of"),
    ),
    "phases.*.cost_per_user": Formula(
        "cost_month.total / the phase's last user: where it ends or all scenarios do (its first in a declared phase "
        "without end)",
        ("plan:^cost_month.total", "plan:^to_users", "plan:^from_users"),
    ),
    "phases.*.cost_per_active_user": Formula(
        "cost_per_user / daily active share", ("plan:^cost_per_user", "draw:people.daily_active*")
    ),
    "phases.*.capacity*": Formula(
        "registered users of the scarcest resource; x requests, sockets, concurrent people per registered user. CPU: "
        "the largest rate with p95 within the objective (Erlang-C, a table of simulations for other variations or "
        "dispatches) x min(1 - cpu headroom, 1 / spike); for others (budget - fixed) / per user",
        ("plan:demand.peak_requests_per_second", *_SIZING),
    ),
    "phases.*.binding_resource": Formula(
        "the resource with the least registered users at the allowed chance", ("plan:^capacity", *_SIZING)
    ),
    "phases.*.headroom*": Formula(
        "1 - used / there is, in the median world at the phase's last user, where it is scarcest over the roles, in "
        "the busiest hour of a usual day with every machine up: a phase ends with some left, for spikes, machines that "
        "are away and worlds that need more",
        _SIZING,
    ),
    "phases.*.p95_ms": Formula(
        "sum over roles of the p95 of a queue with as many servers as vCPUs, at the phase's last user; requests go "
        "to the process with the fewest (a table of simulations), queries to any free core",
        _SIZING,
    ),
    "phases.*.shortfall_chance": Formula(
        "share of the worlds in which the phase's last user is beyond its capacity",
        ("plan:worlds", "plan:seed", "plan:^to_users", "plan:^capacity.band_registered_users"),
    ),
    "phases.*.regret_month": Formula(
        "mean over the worlds of: this option's machines - the cheapest machines that would have held in that world",
        ("plan:worlds", "plan:seed", "plan:^machines"),
    ),
    "phases.*.availability_percent": Formula(
        "product over roles of 1 - (1 - 0.998) ^ machines; 99.8% of one machine is assumed, with updates and a restore",
        ("plan:^machines",),
    ),
    "phases.*.rejected*": Formula(
        "every other shape at every provider with its cheapest machines, and the cheaper plans for the chosen roles",
        ("set:rent", *_SIZING),
    ),
    "phases.*.configuration*": Formula(
        "each value names its formula and source",
        ("plan:^formula", "plan:^source", "plan:^machines", "plan:^^machines", "plan:^^^machines"),
    ),
    "phases.*.memory_budget_mib*": Formula(
        "what each process needs x processes, per machine, and what is left; in a declared phase as stated", _SIZING
    ),
    "phases.*.connection_budget*": Formula(
        f"processes x (connections of a pool + {BESIDE_POOL}); max_connections as configured: their sum, or "
        f"PgBouncer's pool and reserve, + {RESERVED_CONNECTIONS} reserved, in tens; of a document's stack as stated",
        ("plan:^services", "plan:^^services", "set:stack.database_max_connections", "set:stack.services"),
    ),
    "phases.*": Formula("as chosen by cost among the shapes that hold; a declared phase as stated", ("set:phases",)),
    "growth.*.*.users": Formula(
        "as given by month; else start x (1 + growth) ^ months, the middle of the interval", _GROWTH
    ),
    "growth.*.*.users_band*": Formula("5th, 50th and 95th percentile over the worlds' growth", _GROWTH),
    "growth.*.*.phase": Formula(
        "the first phase whose last user is not exceeded, of a document's phases its stated one; never back",
        ("plan:^users",),
    ),
    "growth.*.*.needed_phase": Formula(
        "the month's phase, or the first later one that holds its people where its own machines no longer do",
        ("plan:^users", "plan:^phase"),
    ),
    "growth.*.*.cost_*": Formula(
        "the bill of the month's phase at the month's users",
        ("plan:^users", "plan:^phase", "plan:^^users", "plan:^^phase"),
    ),
    "growth.*.*.storage_gib": Formula("see demand.storage_gib_by_month", (*_STORED, "plan:^users")),
    "growth.*.*.egress_gib": Formula("GiB per registered user x users", ("draw:egress.*", "plan:^users")),
    "growth.*.*.revenue": Formula(
        "users x per registered user + active x per active user, x (1 + growth) ^ months",
        ("set:revenue", "plan:^users"),
    ),
    "growth.*.*.shortfall_chance": Formula(
        "share of the worlds whose users of the month are beyond the phase's capacity", (*_GROWTH, "plan:^users")
    ),
    "growth.*.*.headroom*": Formula("1 - used / there is, at the month's users", ("draw:profile.*",)),
    "growth.*": Formula("months of the scenario", _GROWTH),
    "years.*": Formula(
        "sums of the year's months; growth = last month / first - 1; return = (revenue - cost) / cost",
        ("set:revenue.investment", *_GROWTH),
    ),
    "outgrow.*.*.order_by": Formula(
        "first day of the month - lead time; the plan's day where that has passed",
        ("plan:^month", "set:objectives.lead_time_days"),
    ),
    "outgrow.*.*.month_*": Formula(
        "5th and 95th percentile over the worlds of the first month beyond the phase", (*_GROWTH, "plan:worlds")
    ),
    "outgrow.*": Formula(
        "first month whose users are beyond the phase's last user; the resource that ends there", (*_GROWTH,)
    ),
    "upgrades*": Formula(
        "before the first month whose users are beyond what the phase holds (its machines, or the document's own end "
        "of it), to the first later phase that holds them: the three hours with the fewest requests, on a Sunday where "
        "weekends are quieter, else on a Tuesday; what is due already in the next such hours after the plan's day",
        ("set:time_zone", "set:traffic.weekend_factor", "set:traffic.peak_hours", "set:objectives.lead_time_days"),
    ),
    "triggers.*.warning": Formula(
        "critical / (1 + growth of the fastest month) ^ (lead time / 30.4), at least critical / 2; a document's own "
        "as stated",
        ("plan:^critical", "plan:^source", "set:objectives.lead_time_days"),
    ),
    "triggers*": Formula(
        "critical is where the running phase stops holding its objectives; a document's own as stated",
        ("set:objectives", "set:thresholds"),
    ),
    "advice*": Formula("a rule of a document whose condition holds for this plan; its source is named", ("set:name",)),
    "findings*": Formula("the stated figure against the computed one, both named in the finding", ("set:name",)),
    "stated*": Formula("the claim's own formula, over the file's and the plan's keys", ("set:name",)),
    "unmet.users": Formula("the fewest registered users that were asked for and that nothing holds", _GROWTH),
    "unmet*": Formula(
        "where options hold the people but break the promised uptime, the one that is up most; else of the largest "
        "machines in the largest number, for every shape and provider, those that carry most; where none is quick "
        "enough, those whose p95 with nobody waiting is least. Lacking = 1 - reached / wanted",
        ("set:rent", "plan:unmet.users", *_SIZING),
    ),
    "prices_as_of": Formula("the oldest day among the prices of machines that may be rented", ("set:rent",)),
    "*": Formula("as given to the command or the file", ("set:name",)),
}
