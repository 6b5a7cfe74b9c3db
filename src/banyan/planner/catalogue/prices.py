"""Reads the catalogue, with a file's own plans and prices over it and every price in the file's currency."""

import csv
import difflib
import functools
import tomllib
from collections.abc import Iterator
from datetime import date, timedelta
from importlib import resources

from msgspec import Struct, structs

from banyan.planner.workload.models import Rent

STALE_AFTER = timedelta(days=90)
_USD = "USD"


class RentedPlan(Struct, frozen=True):
    """A machine that can be rented. `price_month` is in `currency`, VAT as `vat` says ("excluded")."""

    provider: str
    plan: str
    vcpu: float
    ram_gib: float
    disk_gb: float
    transfer_tb: float
    price_month: float
    currency: str
    cpu_class: str  # shared, dedicated or burstable
    architecture: str
    as_of: date
    source: str
    vat: str
    orderable: str  # yes, doubtful, unknown, or no with the day it was seen
    note: str
    own: bool = False

    @property
    def can_be_ordered(self) -> bool:
        """Unless the source says that new orders are refused or doubtful."""
        return self.orderable in ("yes", "unknown")


class Item(Struct, frozen=True):
    """The price of one unit of something else than a machine."""

    item: str
    unit: str
    price: float
    currency: str
    source: str
    as_of: date | None = None
    verified: bool = False
    free_units: float = 0  # by month
    title: str = ""


class Discount(Struct, frozen=True):
    """What a commitment saves at the providers that sell it: shares between low and high."""

    kind: str
    low_share: float
    high_share: float
    source: str
    condition: str
    providers: tuple[str, ...]


class Rate(Struct, frozen=True):
    """How many `units` of `currency` one unit of `of_currency` is."""

    currency: str
    units: float
    of_currency: str
    source: str
    as_of: date | None = None
    verified: bool = False


class Catalogue(Struct, frozen=True):
    """Everything in one currency."""

    currency: str
    plans: tuple[RentedPlan, ...]  # those that the file's rent section allows, cheapest first
    all_plans: tuple[RentedPlan, ...]
    items: dict[str, Item]
    discounts: tuple[Discount, ...]
    rates: tuple[Rate, ...]
    vat_percent: float

    def find_plan(self, provider: str, plan: str) -> RentedPlan | None:
        """The plan of that name, allowed or not; names are read without case."""
        wanted = (provider.lower(), plan.lower())
        return next((each for each in self.all_plans if (each.provider.lower(), each.plan.lower()) == wanted), None)

    def oldest(self) -> date:
        """The day of the oldest price among the plans that may be chosen; a plan says it as `prices_as_of`."""
        return min(plan.as_of for plan in self.plans or self.all_plans)


class CatalogueError(ValueError):
    """The file asks for what neither the catalogue nor the file has."""


class UnknownProviderError(CatalogueError):
    """Nobody of that name rents machines."""


class UnknownCurrencyError(CatalogueError):
    """No rate is known between two currencies."""


def is_stale(as_of: date | None, today: date) -> bool:
    """Whether a price is older than 90 days, or has no day at all."""
    return as_of is None or today - as_of > STALE_AFTER


@functools.cache
def shipped_plans() -> tuple[RentedPlan, ...]:
    """The plans of `prices.csv`, as they stand there."""
    text = resources.files(__package__).joinpath("prices.csv").read_text()
    return tuple(_read_plan(row) for row in csv.DictReader(text.splitlines()))


@functools.cache
def shipped_items() -> tuple[dict[str, Item], tuple[Discount, ...], tuple[Rate, ...]]:
    """Items by name, discounts and exchange rates of `items.toml`."""
    raw = tomllib.loads(resources.files(__package__).joinpath("items.toml").read_text())
    return (
        {row["item"]: Item(**row) for row in raw["items"]},
        tuple(Discount(**row) for row in raw["discounts"]),
        tuple(Rate(**row) for row in raw["rates"]),
    )


def load_catalogue(rent: Rent, currency: str) -> Catalogue:
    """The catalogue for one file. Raises UnknownCurrencyError when a price cannot be expressed in its currency, and
    UnknownProviderError when it names a provider without plans.

    Prices here are without VAT; `vat_percent` is to be added once, to the whole bill.
    """
    items, discounts, rates = shipped_items()
    exchange = _Exchange(rent, currency, rates)
    own = {(plan.provider, plan.plan): plan for plan in _own_plans(rent)}
    shipped = [plan for plan in shipped_plans() if (plan.provider, plan.plan) not in own]
    every = tuple(exchange.plan(plan) for plan in [*own.values(), *shipped])
    unknown = next(unknown_providers(rent), None)
    if unknown is not None:
        raise UnknownProviderError(f"rent.providers.{unknown[0]}: {unknown[1]}")
    own_items = {
        price.item: Item(
            price.item,
            items[price.item].unit if price.item in items else "as the file says",
            price.price,
            price.currency,
            price.source,
            price.as_of,
            title=items[price.item].title if price.item in items else price.item,
        )
        for price in rent.prices
    }
    return Catalogue(
        currency=currency,
        plans=tuple(sorted((plan for plan in every if _allowed(plan, rent)), key=_by_price)),
        all_plans=every,
        items={name: exchange.item(item) for name, item in {**items, **own_items}.items()},
        discounts=discounts,
        rates=exchange.used(rates),
        vat_percent=rent.vat_percent,
    )


def exchange_factor(rent: Rent, currency: str, other: str) -> float:
    """What one unit of `other` is in `currency`, the file's own. Raises UnknownCurrencyError."""
    return _Exchange(rent, currency, shipped_items()[2]).factor(other)


def unknown_providers(rent: Rent) -> Iterator[tuple[int, str]]:
    """Places in the file's list of providers of whom nobody knows a plan, with what may be meant."""
    known = sorted({plan.provider for plan in shipped_plans()} | {plan.provider for plan in rent.plans})
    for number, provider in enumerate(rent.providers):
        if provider not in known:
            near = difflib.get_close_matches(provider, known, n=1)
            right = (
                f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}; or add its plans ([[rent.plans]])"
            )
            yield number, f"no provider is named {provider!r}; {right}"


def _by_price(plan: RentedPlan) -> tuple[float, str, str]:
    return plan.price_month, plan.provider, plan.plan


def _allowed(plan: RentedPlan, rent: Rent) -> bool:
    return (
        (not rent.providers or plan.provider in rent.providers)
        and plan.architecture in rent.architectures
        and plan.cpu_class in rent.cpu_classes
        and (plan.can_be_ordered or not rent.only_orderable)
    )


def _read_plan(row: dict[str, str]) -> RentedPlan:
    return RentedPlan(
        provider=row["provider"],
        plan=row["plan"],
        vcpu=float(row["vcpu"]),
        ram_gib=float(row["ram_gb"]),  # the sellers' GB of memory are GiB
        disk_gb=float(row["disk_gb"]),
        transfer_tb=float(row["transfer_tb"]),
        price_month=float(row["price_month"]),
        currency=row["currency"],
        cpu_class=row["cpu_class"],
        architecture=row["arch"],
        as_of=date.fromisoformat(row["as_of"]),
        source=row["source"],
        vat=row["vat"],
        orderable=row["orderable"],
        note=row["note"],
    )


def _own_plans(rent: Rent) -> list[RentedPlan]:
    return [
        RentedPlan(**plan.model_dump(), vat="excluded", orderable="yes", note="the file's own plan", own=True)
        for plan in rent.plans
    ]


class _Exchange:
    """Into the file's currency, over the dollar; the file's own rates come first."""

    def __init__(self, rent: Rent, currency: str, rates: tuple[Rate, ...]) -> None:
        self._rent = rent
        self._currency = currency
        per_usd = {rate.currency: rate.units for rate in rates} | {_USD: 1.0}
        own = rent.exchange_rates
        # One rate of the file's own is enough to reach every currency that has one.
        over = _USD if _USD in own else next((each for each in own if each in per_usd), None)
        if over is not None and (over == _USD or currency not in per_usd):
            per_usd[currency] = per_usd[over] / own[over]
        if currency in per_usd:
            per_usd |= {each: units * per_usd[currency] for each, units in own.items()}
        self._per_usd = per_usd

    def factor(self, currency: str) -> float:
        """What one unit of another currency is in the file's. Raises UnknownCurrencyError."""
        if currency == self._currency:
            return 1.0
        if self._currency not in self._per_usd:
            raise UnknownCurrencyError(
                f"no exchange rate of {self._currency} is known: say [rent.exchange_rates] {_USD} = "
                f"US dollars for one {self._currency}"
            )
        if currency not in self._per_usd:
            raise UnknownCurrencyError(
                f"no exchange rate of {currency} is known: say [rent.exchange_rates] {currency} = "
                f"units of {currency} for one {self._currency}"
            )
        return self._per_usd[self._currency] / self._per_usd[currency]

    def plan(self, plan: RentedPlan) -> RentedPlan:
        price = plan.price_month * self.factor(plan.currency)
        return structs.replace(plan, price_month=price, currency=self._currency)

    def item(self, item: Item) -> Item:
        return structs.replace(item, price=item.price * self.factor(item.currency), currency=self._currency)

    def used(self, rates: tuple[Rate, ...]) -> tuple[Rate, ...]:
        shipped = [rate for rate in rates if rate.currency not in self._rent.exchange_rates]
        own = [
            Rate(currency, units, self._currency, "the file", self._rent.exchange_rates_as_of)
            for currency, units in self._rent.exchange_rates.items()
        ]
        return (*own, *shipped)
