"""From a workload to its plan."""

from datetime import date

from msgspec import Struct, structs

from banyan.planner.advice import advise
from banyan.planner.calendar import upgrades
from banyan.planner.catalogue.prices import Catalogue, load_catalogue
from banyan.planner.configuration import configuration, connection_budget
from banyan.planner.declared import DeclaredPhases, stated_connections
from banyan.planner.demand import Load, build_load, describe_demand
from banyan.planner.draws import Draws
from banyan.planner.findings.context import Context
from banyan.planner.findings.prices import stale_prices
from banyan.planner.findings.review import review_plan
from banyan.planner.growth import Curve, Timeline, curves
from banyan.planner.options import Market
from banyan.planner.phases import PhaseModel, plan_phases
from banyan.planner.plan import Finding, Plan, Unmet
from banyan.planner.profile import Profile, banyan_profile, declared_profile, measured_by
from banyan.planner.render.phases import deployment_of
from banyan.planner.triggers import triggers
from banyan.planner.words import people
from banyan.planner.workload.models import Workload

WORLDS = 200
SEED = 1
_WIDEST = 1.2  # phases reach a fifth beyond the scenarios' middle, because worlds differ


class UnknownScenario(ValueError):
    """The file has no scenario of that name."""


class Computed(Struct, frozen=True):
    """A plan, and what it was computed from: what `--why` reads."""

    plan: Plan
    workload: Workload
    profile: Profile
    catalogue: Catalogue
    draws: Draws
    load: Load
    models: list[PhaseModel]


def default_stack(workload: Workload) -> str:
    """The document's own software where the file describes it, else Banyan."""
    return "declared" if workload.stack is not None or workload.phases else "banyan"


def compute_plan(
    workload: Workload,
    *,
    as_of: date,
    stack: str | None = None,
    scenario: str | None = None,
    seed: int = SEED,
    worlds: int = WORLDS,
) -> Plan:
    """The plan. Raises UnknownScenario, CatalogueError."""
    return compute(workload, as_of=as_of, stack=stack, scenario=scenario, seed=seed, worlds=worlds).plan


def compute(
    workload: Workload,
    *,
    as_of: date,
    stack: str | None = None,
    scenario: str | None = None,
    seed: int = SEED,
    worlds: int = WORLDS,
) -> Computed:
    """The plan with what it hangs on. `stack` is declared or banyan; without `scenario` all of them are walked."""
    workload = _only(workload, scenario)
    stack = stack or default_stack(workload)
    draws = Draws(seed, worlds)
    profile = banyan_profile() if stack == "banyan" else declared_profile(workload.stack)
    profile = measured_by(profile, workload.measurements)
    catalogue = load_catalogue(workload.rent, workload.currency)
    load = build_load(workload, profile, draws)
    lines = curves(workload, draws, as_of)
    unmet: Unmet | None = None
    if stack == "declared" and workload.phases:
        models = DeclaredPhases(workload, load, profile, catalogue, draws).models()
    else:
        market = Market(workload, load, profile, catalogue, draws)
        first, last = _range(workload, lines)
        models, unmet = plan_phases(market, first, last)
    plan = _plan(workload, stack, catalogue, load, models, lines, draws, as_of)
    plan = _configured(plan, workload)
    plan = _reviewed(plan, workload, catalogue, draws, lines, as_of)
    plan = structs.replace(plan, unmet=unmet, findings=[*_unheld(unmet, models), *plan.findings])
    return Computed(plan, workload, profile, catalogue, draws, load, models)


def _configured(plan: Plan, workload: Workload) -> Plan:
    """With the configuration values of each phase, and who may open how many connections by them; of a foreign stack
    without those that are Banyan's own, and of a machine whose size is only assumed none.
    """
    phases = []
    for phase in plan.phases:
        deployment = deployment_of(plan, phase.name, workload)
        assumed = {host.name for host in deployment.hosts if host.assumed}
        values = [value for value in configuration(deployment) if value.file.partition("/")[0] not in assumed]
        foreign = phase.declared or plan.stack == "declared"
        kept = [value for value in values if not (foreign and value.source.startswith("Banyan"))]
        budget = stated_connections(workload.stack, phase) if foreign else connection_budget(deployment)
        phases.append(structs.replace(phase, configuration=kept, connection_budget=budget))
    return structs.replace(plan, phases=phases)


def _reviewed(
    plan: Plan, workload: Workload, catalogue: Catalogue, draws: Draws, lines: list[Curve], as_of: date
) -> Plan:
    """With findings and claims. Those of a document are held against its own phases, whichever stack is planned."""
    if plan.stack == "declared" or not workload.phases:
        return review_plan(plan, workload, as_of, catalogue)
    profile = declared_profile(workload.stack)
    own = Draws(draws.seed, draws.count)
    load = build_load(workload, profile, own)
    models = DeclaredPhases(workload, load, profile, catalogue, own).models()
    declared = _plan(workload, "declared", catalogue, load, models, lines, own, as_of)
    reviewed = review_plan(declared, workload, as_of, catalogue)
    advice = advise(workload, plan, catalogue)
    stale = stale_prices(Context(workload, plan, catalogue, as_of))
    return structs.replace(plan, findings=[*reviewed.findings, *stale], stated=reviewed.stated, advice=advice)


def _only(workload: Workload, scenario: str | None) -> Workload:
    if scenario is None:
        return workload
    found = [each for each in workload.scenarios if each.name == scenario]
    if not found:
        names = ", ".join(each.name for each in workload.scenarios) or "none"
        raise UnknownScenario(f"there is no scenario `{scenario}`; the file has: {names}")
    return workload.model_copy(update={"scenarios": found})


def _range(workload: Workload, lines: list[Curve]) -> tuple[float, float]:
    """From the fewest people that a phase begins with to the most that any scenario reaches."""
    now = workload.people.registered_users.high
    starts = [line.users[0] for line in lines]
    ends = [max(line.users) for line in lines]
    last = max([now, *ends])
    growing = any(max(line.users) > line.users[0] for line in lines)
    return max(min([now, *starts]), 1.0), last * (_WIDEST if growing else 1.0)


def _plan(
    workload: Workload,
    stack: str,
    catalogue: Catalogue,
    load: Load,
    models: list[PhaseModel],
    lines: list[Curve],
    draws: Draws,
    as_of: date,
) -> Plan:
    timelines = {line.name: Timeline(workload, load, models, line, as_of) for line in lines} if models else {}
    growth = {name: timeline.months() for name, timeline in timelines.items()}
    storage = next((timeline.storage() for timeline in timelines.values()), [])
    begun = models[next(iter(timelines.values())).places[0]] if timelines else None
    return Plan(
        name=workload.name,
        title=workload.title,
        stack=stack,
        currency=workload.currency,
        demand=describe_demand(workload, load, storage),
        phases=[model.phase for model in models],
        growth=growth,
        years={name: timelines[name].years(months) for name, months in growth.items()},
        outgrow={name: timeline.outgrown() for name, timeline in timelines.items()},
        upgrades=[
            entry
            for line in lines
            if line.name in timelines
            for entry in upgrades(workload, load.hourly_share, models, timelines[line.name], line)
        ],
        triggers=triggers(workload, begun, lines),
        advice=[],
        findings=[],
        stated=[],
        prices_as_of=catalogue.oldest(),
        as_of=as_of,
        seed=draws.seed,
        worlds=draws.count,
    )


def _unheld(unmet: Unmet | None, models: list[PhaseModel]) -> list[Finding]:
    """What no option that may be rented carries, and what comes nearest."""
    if unmet is None:
        return []
    held = max(models[-1].limit if models else 0.0, unmet.holds_users)
    named = f"; the nearest is {unmet.nearest}: {unmet.lacks}" if unmet.nearest else f": {unmet.lacks}"
    return [
        Finding(
            severity="error",
            code="nothing_holds",
            where="rent",
            stated=f"{people(unmet.users)} registered users",
            computed=f"{people(held)} registered users",
            message=f"no machines that may be rented hold {people(unmet.users)} registered users{named}",
        )
    ]
