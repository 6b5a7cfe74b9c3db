"""Values that cannot be, and names of nothing, are refused with their line before anything is computed."""

import pytest

from banyan.planner.reading import read_workload
from banyan.planner.workload.parse import WorkloadError

BASE = """\
name = "base"
currency = "EUR"
[people]
registered_users = 1000
daily_active_share = 0.2
[traffic]
weekend_factor = 1
[traffic.operations]
feed = { like = "feed", per_active_user_per_day = 20 }
[objectives]
p95_ms = 200
[rent]
vat_percent = 0
[[scenarios]]
name = "s"
start_users = 1000
growth_per_month = 0.1
months = 12
"""
OWN = (
    '{ provider = "x", plan = "p", vcpu = 2, ram_gib = 4, disk_gb = 20, price_month = 3, currency = "EUR", '
    'as_of = 2026-01-01, source = "a" }'
)
NAMELESS = OWN.replace('"p"', '""')


def problems(text: str) -> list[str]:
    with pytest.raises(WorkloadError) as caught:
        read_workload(text)
    return [problem.text("f.toml") for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("p95_ms = 200", "p95_ms = [0, 200]", "f.toml:11: objectives.p95_ms: should be above 0"),
        ("p95_ms = 200", "rpo_hours = inf", "f.toml:11: objectives.rpo_hours: should be a finite number (it is inf)"),
        ("p95_ms = 200", 'rpo_hours = "4"', "f.toml:11: objectives.rpo_hours: should be a number, without quotes"),
        ("p95_ms = 200", "lead_time_days = 99999999", "f.toml:11: objectives.lead_time_days: should be less than or"),
        ("months = 12", "months = true", "f.toml:18: scenarios.0.months: should be a whole number (it is true)"),
        ("= 1000\ngr", "= nan\ngr", "f.toml:16: scenarios.0.start_users: should be a finite number (it is nan)"),
        ('"s"', '"s"\nstart_month = "9999-12"', 'f.toml:16: scenarios.0.start_month: should be a month, such as "2026'),
        ('"s"', '"s"\nstart_month = 2026-01-01', "f.toml:16: scenarios.0.start_month: should be a text, in quotes"),
        ('"base"', '"My App"', "f.toml:1: name: should be a name of small letters, digits, - and _ (it is 'My App')"),
        ('"EUR"', '"euro"', "f.toml:2: currency: should be a currency's three capital letters, such as EUR"),
        ('"EUR"', '"GBP"', "f.toml:2: currency: no exchange rate of GBP is known: say [rent.exchange_rates] USD ="),
        ("[people]", "[[people]]", "f.toml:3: people: should be a section, once: [people]"),
        ("= 0.2", '= "20%"', "f.toml:5: people.daily_active_share: should be a share between 0 and 1: 0.1 is 10%"),
        (
            "weekend_factor = 1",
            f"hourly_weights = [{', '.join(['1'] * 23)}]",
            "f.toml:7: traffic.hourly_weights: should be a list of 24 (it has 23)",
        ),
        ("weekend_factor = 1", "peak_hour_factor = 13", "f.toml:7: traffic.peak_hour_factor: should be at most 12: 2"),
        (
            "weekend_factor = 1",
            'spikes = [{ name = "fair", factor = 2, hours_per_month = 800 }]',
            "f.toml:7: traffic.spikes.0.hours_per_month: should be at most 744",
        ),
        (
            "daily_active_share = 0.2",
            "daily_active_share = 0.2\nsessions_per_active_user_per_day = 30\nsession_minutes = 60",
            "f.toml:7: people.session_minutes: 30 sessions of 60 minutes are more than the 1440 of a day",
        ),
        ('like = "feed"', 'like = "feeds"', "f.toml:9: traffic.operations.feed.like: no operation is named 'feeds'; "),
        ("vat_percent = 0", 'providers = ["hetznr"]', "f.toml:13: rent.providers.0: no provider is named 'hetznr'; "),
        ("vat_percent = 0", "exchange_rates = { USD = 0 }", "f.toml:13: rent.exchange_rates.USD: should be greater"),
        ("vat_percent = 0", f"plans = [{OWN}, {OWN}]", "f.toml:13: rent.plans.1.plan: x p is given twice"),
        ("vat_percent = 0", f"plans = [{OWN.replace('EUR', 'ABC')}]", "f.toml:13: rent.plans.0.currency: no exchange"),
        ("vat_percent = 0", f"plans = [{NAMELESS}]", "f.toml:13: rent.plans.0.plan: should not be"),
        (
            "vat_percent = 0",
            'prices = [{ item = "object_storage", price = 1, currency = "EUR", as_of = 2026-01-01, source = "x" }]',
            "f.toml:13: rent.prices.0.item: nothing on a bill is named 'object_storage'; did you mean "
            "object_storage_gib_month?",
        ),
        (
            "[[scenarios]]",
            '[[quotes]]\nprovider = "vultr"\nprice_month = 5\ncurrency = "NGN"\n[[scenarios]]',
            "f.toml:17: quotes.0.currency: no exchange rate of NGN is known",
        ),
        ("[traffic]", "[people]", "f.toml:6: this is not TOML: the section 'people' stands twice"),
        ("p95_ms = 200", "p95_ms = 200\np95_ms = 2", "f.toml:12: this is not TOML: this key stands twice"),
        ('"base"', '"base"\ntitle = "a\\u001b[31m"', "f.toml:2: title: should be a text without control characters"),
        ('"base"', f'"base"\nx = {"[" * 3000}{"]" * 3000}', "f.toml:1: lists or tables are nested too deep"),
        ('"base"', f'"base"\n[{".".join("a" * 2000)}]', "f.toml:1: lists or tables are nested too deep"),
        ('"base"', '"base"\n[rent.plams.x]\n[people.x]', "f.toml:2: rent.plams: unknown key; did you mean plans?"),
        ("= 1000\nd", f"= {'9' * 5000}\nd", "f.toml:4: this is not TOML: a number has thousands of digits"),
        ("p95_ms = 200", "rpo_hours = 1e19", "f.toml:11: objectives.rpo_hours: should be at most 1e+18: nothing here"),
        ("p95_ms = 200", "p95_ms = [-1e99, 2]", "f.toml:11: objectives.p95_ms.0: should be at most 1e+18"),
        ("vat_percent = 0", f"plans = [{OWN.replace('u = 2', 'u = 1e9')}]", "f.toml:13: rent.plans.0.vcpu: should be"),
        (
            "[rent]",
            "[revenue]\ngrowth_per_month = -2\n[rent]",
            "f.toml:13: revenue.growth_per_month: should be at least",
        ),
        (
            "[[scenarios]]",
            '[[phases]]\nname = "a"\nfrom_users = 0\n[[phases.machines]]\nrole = "app"\nprovider = "hetzner"\n'
            'plan = "CPX99"\n[[scenarios]]',
            "f.toml:20: phases.0.machines.0.plan: the catalogue has no CPX99 of hetzner: say its price_month, vcpu",
        ),
        ("= 0.2", "= 1e-300", "f.toml:5: people.daily_active_share: should be 0, or at least 1e-15 (it is 1e-300)"),
        (
            "start_users = 1000\ngrowth_per_month = 0.1\nmonths = 12",
            f"registered_users_by_month = [{'9, ' * 121}]",
            "f.toml:16: scenarios.0.registered_users_by_month: should be at most 120 months, ten years (it has 121)",
        ),
    ],
)
def test_it_is_refused(old: str, new: str, expected: str) -> None:
    read_workload(BASE)
    found = problems(BASE.replace(old, new, 1))
    assert any(expected in problem for problem in found), found


def test_one_rate_of_the_files_own_reaches_every_price() -> None:
    rate = "exchange_rates = { EUR = 1.15 }"
    read_workload(BASE.replace('"EUR"', '"GBP"', 1).replace("vat_percent = 0", rate, 1))
