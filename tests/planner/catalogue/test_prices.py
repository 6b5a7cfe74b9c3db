"""The catalogue: every price dated, with its source, in the file's currency."""

from datetime import date

import pytest

from banyan.planner.catalogue.prices import (
    UnknownCurrencyError,
    UnknownProviderError,
    exchange_factor,
    is_stale,
    load_catalogue,
    shipped_items,
    shipped_plans,
)
from banyan.planner.workload.models import OwnPlan, OwnPrice, Rent


def test_every_plan_and_item_says_where_its_price_is_from() -> None:
    plans = shipped_plans()
    assert len(plans) == 90
    assert all(plan.source and plan.price_month > 0 and plan.vcpu > 0 for plan in plans)
    assert len({(plan.provider, plan.plan) for plan in plans}) == 90
    items, discounts, rates = shipped_items()
    assert all(item.source and item.title for item in items.values())
    assert all(discount.source for discount in discounts)
    assert {rate.currency for rate in rates} == {"EUR", "TND"}
    # Only what was read from a seller's own data is verified; the documents' figures are not.
    assert [name for name, item in items.items() if item.verified] == ["egress_overage_gib"]


def test_prices_are_in_the_files_currency() -> None:
    dollars, euros = load_catalogue(Rent(), "USD"), load_catalogue(Rent(), "EUR")
    in_dollars, in_euros = dollars.find_plan("hetzner", "cpx32"), euros.find_plan("hetzner", "CPX32")
    assert in_dollars is not None and in_euros is not None
    assert in_euros.price_month == 35.99
    assert in_dollars.price_month == pytest.approx(35.99 / 0.9167)
    own = load_catalogue(Rent(exchange_rates={"EUR": 0.5}), "USD").find_plan("hetzner", "CPX32")
    assert own is not None and own.price_month == pytest.approx(71.98)


def test_a_currency_without_a_rate_is_refused() -> None:
    with pytest.raises(UnknownCurrencyError, match="no exchange rate of XAU is known"):
        load_catalogue(Rent(), "XAU")


def test_own_rates_reach_every_currency() -> None:
    pounds = load_catalogue(Rent(exchange_rates={"USD": 1.25}), "GBP")
    euros, dinars = pounds.find_plan("hetzner", "CPX32"), pounds.items["local_vps_pro_month"]
    assert euros is not None and euros.price_month == pytest.approx(35.99 / 0.9167 / 1.25)
    assert dinars.price == pytest.approx(shipped_items()[0]["local_vps_pro_month"].price / 3.0 / 1.25)
    # 1,600 naira are a euro, and a dollar is what a euro is by the catalogue.
    assert exchange_factor(Rent(exchange_rates={"NGN": 1600}), "EUR", "NGN") == pytest.approx(1 / 1600)
    assert exchange_factor(Rent(exchange_rates={"EUR": 1 / 1600}), "NGN", "USD") == pytest.approx(1600 * 0.9167)
    # A dollar rate of the file's own also tells what its other currencies are.
    assert exchange_factor(Rent(exchange_rates={"USD": 1.2}), "EUR", "TND") == pytest.approx(1 / 3.0 / 1.2)


def test_a_provider_without_plans_is_refused() -> None:
    with pytest.raises(UnknownProviderError, match=r"rent\.providers\.1: .*'hetznr'; did you mean hetzner"):
        load_catalogue(Rent(providers=["vultr", "hetznr"]), "USD")
    with pytest.raises(UnknownProviderError, match="known: aws-ec2, "):
        load_catalogue(Rent(providers=["cellar"]), "USD")


def test_what_may_be_rented_is_chosen_by_the_file() -> None:
    everything = load_catalogue(Rent(only_orderable=False, architectures=["x86", "arm64"]), "USD")
    plain = load_catalogue(Rent(), "USD")
    only = load_catalogue(Rent(providers=["vultr"], cpu_classes=["dedicated"]), "USD")
    assert {plan.provider for plan in only.plans} == {"vultr"}
    assert {plan.cpu_class for plan in only.plans} == {"dedicated"}
    assert not any(plan.orderable.startswith(("no", "doubtful")) for plan in plain.plans)
    assert set(only.plans) < set(plain.plans) < set(everything.plans)
    prices = [plan.price_month for plan in plain.plans]
    assert prices == sorted(prices)


def test_own_plans_and_prices_come_first() -> None:
    own = OwnPlan(
        provider="hetzner",
        plan="CPX32",
        vcpu=4,
        ram_gib=8,
        disk_gb=160,
        price_month=20,
        currency="EUR",
        as_of=date(2026, 11, 1),
        source="an old contract",
    )
    price = OwnPrice(item="cdn_pro_month", price=1, currency="USD", as_of=date(2026, 11, 1), source="a rebate")
    catalogue = load_catalogue(Rent(plans=[own], prices=[price]), "EUR")
    plan = catalogue.find_plan("hetzner", "CPX32")
    assert plan is not None and plan.own and plan.price_month == 20
    assert catalogue.items["cdn_pro_month"].source == "a rebate"
    assert len(catalogue.all_plans) == 90


def test_a_price_ages() -> None:
    assert not is_stale(date(2026, 8, 17), date(2026, 11, 15))
    assert is_stale(date(2026, 8, 17), date(2026, 11, 16))
    assert is_stale(None, date(2026, 11, 16))
