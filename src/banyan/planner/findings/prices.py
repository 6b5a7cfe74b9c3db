"""Machines and prices held against the catalogue: plans that are not sold, or not so, or not at that price."""

from collections.abc import Iterator

from banyan.planner.catalogue.prices import RentedPlan, exchange_factor, is_stale
from banyan.planner.findings.context import Context, number, span
from banyan.planner.plan import Finding
from banyan.planner.quantity import Quantity
from banyan.planner.workload.models import Machine, Phase, Quote

_PRICE_DIFFERS = 0.1
_FAR_CHEAPER = 2.0
_BY_THE_GIB = 5_000  # a month, from which on the accounts store pays its CDN by the GiB


def find(context: Context) -> Iterator[Finding]:
    seen: set[tuple[str, str, str]] = set()
    for each in _all(context):
        key = (each.code, each.stated, each.message)
        if key not in seen:  # a plan that is quoted in a table and rented in a phase is one finding
            seen.add(key)
            yield each


def _all(context: Context) -> Iterator[Finding]:
    for where, phase, machine in context.machines():
        if machine.provider is not None and machine.plan is not None:
            plan = context.catalogue.find_plan(machine.provider, machine.plan)
            sizes = (machine.vcpu, machine.ram_gib, machine.disk_gb)
            yield from _named(context, where, machine.provider, machine.plan, plan, sizes, machine.price_month)
        elif machine.vcpu is None or machine.ram_gib is None:
            yield Finding(
                "note",
                "machine_size_unknown",
                where,
                "no size",
                "nothing to hold it against",
                f"the {machine.role} machine of {phase.name} has a price and no size: "
                "what it carries cannot be computed, say vcpu and ram_gib",
            )
    for number_, quote in enumerate(context.workload.quotes):
        yield from _quote(context, f"quotes.{number_}", quote)
    yield from stale_prices(context)
    yield from _document(context)
    for where, phase in context.deployments():
        yield from _cheaper(context, where, phase)


def _named(
    context: Context,
    where: str,
    provider: str,
    name: str,
    plan: RentedPlan | None,
    sizes: tuple[float | None, float | None, float | None],
    price: Quantity | None,
) -> Iterator[Finding]:
    title = f"{provider} {name}"
    if plan is None:
        known = [each.plan for each in context.catalogue.all_plans if each.provider == provider]
        yield Finding(
            "error",
            "plan_unknown",
            f"{where}.plan",
            title,
            "not in the catalogue",
            f"{provider} sells no {name}"
            + (f"; known: {', '.join(known[:8])}…" if known else f": {provider} is unknown"),
        )
        return
    actual = (plan.vcpu, plan.ram_gib, plan.disk_gb)
    names = ("vcpu", "ram_gib", "disk_gb")
    differ = [each for each in zip(names, sizes, actual, strict=True) if each[1] is not None and each[1] != each[2]]
    if differ:
        yield Finding(
            "error",
            "plan_size_differs",
            f"{where}.{differ[0][0]}",
            ", ".join(f"{size} {number(said or 0)}" for size, said, _ in differ),
            ", ".join(f"{size} {number(real)}" for size, _, real in differ),
            f"{title} has {number(plan.vcpu)} vCPU, {number(plan.ram_gib)} GiB and {number(plan.disk_gb)} GB",
        )
    if not plan.can_be_ordered:
        yield Finding(
            "warning",
            "plan_not_orderable",
            f"{where}.plan",
            title,
            f"orderable: {plan.orderable}",
            f"{title} can hardly be ordered any more (orderable: {plan.orderable}, {plan.as_of})",
        )
    if price is not None:
        yield from _price(context, where, title, plan, price)


def _price(context: Context, where: str, title: str, plan: RentedPlan, price: Quantity) -> Iterator[Finding]:
    low, high = price.low * (1 - _PRICE_DIFFERS), price.high * (1 + _PRICE_DIFFERS)
    if low <= plan.price_month <= high:
        return
    currency = context.catalogue.currency
    yield Finding(
        "error",
        "plan_price_differs",
        f"{where}.price_month",
        span(price, currency),
        f"{number(plan.price_month)} {currency}",
        f"{title} costs {number(plan.price_month)} {currency} a month without VAT ({plan.as_of}, {plan.source}), "
        f"not {span(price, currency)}",
    )


def _quote(context: Context, where: str, quote: Quote) -> Iterator[Finding]:
    currency = quote.currency or context.workload.currency
    price = quote.price_month.scaled(exchange_factor(context.workload.rent, context.workload.currency, currency))
    if quote.plan is not None:
        plan = context.catalogue.find_plan(quote.provider, quote.plan)
        sizes = (quote.vcpu, quote.ram_gib, quote.disk_gb)
        yield from _named(context, where, quote.provider, quote.plan, plan, sizes, price)
        return
    fitting = [plan for plan in context.catalogue.all_plans if plan.provider == quote.provider and _fits(plan, quote)]
    if not fitting:
        yield Finding(
            "warning",
            "plan_unknown",
            where,
            f"{quote.provider}, {_size(quote)}",
            "not in the catalogue",
            f"the catalogue has no plan of {quote.provider} with {_size(quote)}",
        )
        return
    sold = [plan for plan in fitting if plan.can_be_ordered] or fitting
    cheapest = min(sold, key=lambda plan: plan.price_month)
    yield from _price(
        context, where, f"{quote.provider}'s cheapest with {_size(quote)} ({cheapest.plan})", cheapest, price
    )


def _fits(plan: RentedPlan, quote: Quote) -> bool:
    return (
        plan.architecture == "x86"
        and (quote.vcpu is None or plan.vcpu >= quote.vcpu)
        and (quote.ram_gib is None or plan.ram_gib >= quote.ram_gib)
        and (quote.disk_gb is None or plan.disk_gb >= quote.disk_gb or plan.disk_gb == 0)
    )


def _size(quote: Quote) -> str:
    parts = (("vCPU", quote.vcpu), ("GiB", quote.ram_gib), ("GB", quote.disk_gb))
    return ", ".join(f"{number(value)} {unit}" for unit, value in parts if value is not None)


def stale_prices(context: Context) -> Iterator[Finding]:
    """Prices that the plan relies on and that are old, undated or nobody's own."""
    used = {(machine.provider, machine.plan) for phase in context.plan.phases for machine in phase.machines}
    by_provider: dict[str, RentedPlan] = {}
    for plan in context.catalogue.all_plans:
        if (plan.provider, plan.plan) in used and is_stale(plan.as_of, context.as_of):
            by_provider[plan.provider] = min(plan, by_provider.get(plan.provider, plan), key=lambda each: each.as_of)
    for provider, plan in sorted(by_provider.items()):
        age = (context.as_of - plan.as_of).days
        yield Finding(
            "warning",
            "price_stale",
            "rent",
            f"{plan.as_of}",
            f"{age} days old",
            f"the price of {provider} {plan.plan} is of {plan.as_of}, {age} days old: look it up before you rely on it",
        )
    yield from _unverified(context)
    yield from _flat_cdn(context)
    yield from _commitment(context)


def _flat_cdn(context: Context) -> Iterator[Finding]:
    """Where files are most of what an app does, a CDN's flat tier is the part of the bill that hangs on its terms."""
    share = context.workload.egress.cdn_share
    cached = context.plan.demand.egress_gib_per_month * (share.mid if share else 0)
    flat = max(
        (
            line.amount
            for phase in context.plan.phases
            if not phase.declared
            for line in phase.cost_month.lines
            if line.item == "CDN"
        ),
        default=None,
    )
    if flat is None or cached <= _BY_THE_GIB:
        return
    currency = context.catalogue.currency
    item = context.catalogue.items["cdn_egress_gib"]
    priced = f"{number(cached * item.price)} {currency}"
    yield Finding(
        "warning",
        "cdn_flat_for_much_traffic",
        "egress.cdn_share",
        f"{number(flat)} {currency}",
        priced,
        f"a CDN's flat tier for {number(flat)} {currency} a month is to send {number(cached)} GiB; by the GiB it is "
        f"{priced} ({item.source}): ask whether the tier's terms allow so much, and say [[rent.prices]] cdn_pro_month",
    )


def _commitment(context: Context) -> Iterator[Finding]:
    """A commitment for a year that none of the rented providers sells."""
    discount = next((each for each in context.catalogue.discounts if each.kind == "reserved"), None)
    rented = {machine.provider for phase in context.plan.phases if not phase.declared for machine in phase.machines}
    if not context.workload.rent.reserved or discount is None or not rented or rented & set(discount.providers):
        return
    names, sellers = ", ".join(sorted(rented)), ", ".join(discount.providers)
    yield Finding(
        "note",
        "commitment_not_sold",
        "rent.reserved",
        "a year's commitment",
        "no discount",
        f"{names} give nothing off for a year's commitment (of the catalogue only {sellers}): the bill has none",
    )


def _unverified(context: Context) -> Iterator[Finding]:
    """Lines of the bill from the planning documents, which nobody has read from a seller. What is free is not named."""
    lines = [
        line
        for phase in context.plan.phases
        if not phase.declared
        for line in phase.cost_month.lines
        if line.amount > 0 and not line.verified
    ]
    if not lines:
        return
    undated = any(line.as_of is None for line in lines)
    oldest = min((line.as_of for line in lines if line.as_of is not None), default=None)
    names = ", ".join(dict.fromkeys(line.item for line in lines))
    age = "without a day" if undated else f"of {oldest}"
    yield Finding(
        "warning" if undated or is_stale(oldest, context.as_of) else "note",
        "price_unverified",
        "rent.prices",
        names,
        age,
        f"prices of {names} come from planning documents ({age}), not from a seller: say yours in [[rent.prices]]",
    )


def _document(context: Context) -> Iterator[Finding]:
    said = context.workload.as_of
    if (context.workload.phases or context.workload.quotes) and is_stale(said, context.as_of):
        age_text = f"{(context.as_of - said).days} days old" if said else "without a date"
        yield Finding(
            "warning",
            "document_stale",
            "as_of",
            str(said) if said else "no date",
            age_text,
            f"the file's own prices are {age_text}: prices age within months",
        )


def _cheaper(context: Context, where: str, phase: Phase) -> Iterator[Finding]:
    """Whether the catalogue has machines of the stated sizes for half of the money."""
    sized = [machine for machine in phase.machines if machine.vcpu and machine.ram_gib and machine.price_month]
    if not sized or len(sized) != len(phase.machines):
        return
    best = [_cheapest(context, machine) for machine in sized]
    if any(plan is None for plan in best):
        return
    stated = sum(machine.count * machine.price_month.mid for machine in sized if machine.price_month)
    cheapest = sum(machine.count * plan.price_month for machine, plan in zip(sized, best, strict=True) if plan)
    if stated > _FAR_CHEAPER * cheapest:
        names = dict.fromkeys(f"{plan.provider} {plan.plan}" for plan in best if plan)
        currency = context.catalogue.currency
        yield Finding(
            "note",
            "cheaper_elsewhere",
            f"{where}.machines",
            f"{number(stated)} {currency}",
            f"{number(cheapest)} {currency}",
            f"machines of these sizes are sold for {number(cheapest)} {currency} a month ({', '.join(names)})",
        )


def _cheapest(context: Context, machine: Machine) -> RentedPlan | None:
    return next(
        (
            plan
            for plan in context.catalogue.plans
            if plan.vcpu >= (machine.vcpu or 0) and plan.ram_gib >= (machine.ram_gib or 0)
        ),
        None,
    )
