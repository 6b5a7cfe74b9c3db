"""What a file rents and pays in that is not there: currencies without a rate, providers, prices of nothing."""

import difflib
from collections.abc import Iterator

from banyan.planner.catalogue.prices import UnknownCurrencyError, exchange_factor, shipped_items, unknown_providers
from banyan.planner.workload.lines import Key
from banyan.planner.workload.models import Workload


def check_rent(workload: Workload) -> Iterator[tuple[Key, str]]:
    """Every such thing: its key and what would be right."""
    yield from _currencies(workload)
    for number, message in unknown_providers(workload.rent):
        yield ("rent", "providers", number), message
    names: set[tuple[str, str]] = set()
    for number, plan in enumerate(workload.rent.plans):
        name = (plan.provider, plan.plan)
        if name in names:
            yield ("rent", "plans", number, "plan"), f"{plan.provider} {plan.plan} is given twice"
        names.add(name)
    items = list(shipped_items()[0])
    for number, price in enumerate(workload.rent.prices):
        if price.item not in items:
            near = [each for each in items if each.startswith(price.item)] or difflib.get_close_matches(
                price.item, items, n=1
            )
            right = f"did you mean {near[0]}?" if near else f"known: {', '.join(items)}"
            yield ("rent", "prices", number, "item"), f"nothing on a bill is named {price.item!r}; {right}"


def _currencies(workload: Workload) -> Iterator[tuple[Key, str]]:
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
