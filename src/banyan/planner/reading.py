"""A planner file as the commands read it: parsed, and its names held against what there is to rent and to cost."""

import difflib
from collections.abc import Iterator

from banyan.planner.catalogue.prices import (
    UnknownCurrencyError,
    exchange_factor,
    shipped_items,
    shipped_plans,
    unknown_providers,
)
from banyan.planner.profile import banyan_profile, profile_figures
from banyan.planner.workload.checks import Complaint
from banyan.planner.workload.lines import Key
from banyan.planner.workload.models import Workload
from banyan.planner.workload.parse import Parsed, parse_workload


def read_workload(text: str) -> Parsed:
    """Reads a planner file, and refuses what only the catalogue and the profile know to be nothing.

    Raises WorkloadError with every problem at once.
    """
    return parse_workload(text, check_names)


def check_names(workload: Workload) -> Iterator[Complaint]:
    """Currencies without a rate, providers, operations and prices of nothing: the key and what would be right."""
    yield from _currencies(workload)
    known = list(banyan_profile().operations)
    for name, operation in workload.traffic.operations.items():
        if operation.like not in known:
            yield (
                ("traffic", "operations", name, "like"),
                f"no operation is named {operation.like!r}; {_meant(operation.like, known)}",
            )
    for number, message in unknown_providers(workload.rent):
        yield ("rent", "providers", number), message
    names: set[tuple[str, str]] = set()
    for number, plan in enumerate(workload.rent.plans):
        named = (plan.provider, plan.plan)
        if named in names:
            yield ("rent", "plans", number, "plan"), f"{plan.provider} {plan.plan} is given twice"
        names.add(named)
    yield from _priceless(workload)
    yield from _measurements(workload)
    items = list(shipped_items()[0])
    for number, price in enumerate(workload.rent.prices):
        if price.item not in items:
            message = f"nothing on a bill is named {price.item!r}; {_meant(price.item, items)}"
            yield ("rent", "prices", number, "item"), message


def _priceless(workload: Workload) -> Iterator[Complaint]:
    """Machines that neither the file nor the catalogue has a price of: a bill without them would be no bill."""
    known = {(plan.provider.lower(), plan.plan.lower()) for plan in shipped_plans()}
    known |= {(plan.provider.lower(), plan.plan.lower()) for plan in workload.rent.plans}
    for section, phases in (("phases", workload.phases), ("alternatives", workload.alternatives)):
        for number, phase in enumerate(phases):
            for place, machine in enumerate(phase.machines):
                if machine.provider is None or machine.plan is None or machine.price_month is not None:
                    continue
                if (machine.provider.lower(), machine.plan.lower()) not in known:
                    yield (
                        (section, number, "machines", place, "plan"),
                        f"the catalogue has no {machine.plan} of {machine.provider}: say its price_month, vcpu and "
                        "ram_gib, or add it to [[rent.plans]]",
                    )


def _measurements(workload: Workload) -> Iterator[Complaint]:
    known = profile_figures()
    for number, each in enumerate(workload.measurements):
        where = ("measurements", number)
        if each.figure not in known:
            yield (*where, "figure"), f"no figure is named {each.figure!r}; {_meant(each.figure, known)}"
        elif each.figure.startswith(("cores.", "sockets.")) and each.value.low <= 0:
            yield (*where, "value"), "should be above 0"
        elif "share" in each.figure and each.value.high > 1:
            yield (*where, "value"), "should be a share, 0 to 1"
    figures = [each.figure for each in workload.measurements]
    for number, name in enumerate(figures):
        if name in figures[:number]:
            yield ("measurements", number, "figure"), f"{name} is given twice"


def _meant(name: str, known: list[str]) -> str:
    near = [each for each in known if each.startswith(name)] or difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"


def _currencies(workload: Workload) -> Iterator[Complaint]:
    rent = workload.rent
    used: list[tuple[Key, str]] = [(("currency",), "USD")]
    used += [(("rent", "plans", number, "currency"), each.currency) for number, each in enumerate(rent.plans)]
    used += [(("rent", "prices", number, "currency"), each.currency) for number, each in enumerate(rent.prices)]
    used += [
        (("quotes", number, "currency"), each.currency)
        for number, each in enumerate(workload.quotes)
        if each.currency is not None
    ]
    for key, currency in used:
        try:
            exchange_factor(rent, workload.currency, currency)
        except UnknownCurrencyError as error:
            yield key, str(error)
            if key == ("currency",):
                return  # of the others the same would be said
