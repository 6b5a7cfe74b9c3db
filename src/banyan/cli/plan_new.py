"""`banyan plan new`: eight questions, and a commented planner file from the answers."""

import re
from collections.abc import Callable
from pathlib import Path

import typer
from msgspec import Struct
from rich.markup import escape

from banyan.cli.output import console
from banyan.planner.workload.parse import WorkloadError, parse_workload

_RANGE = re.compile(r"^\s*([\d_.,]+)\s*(k|m)?\s*(?:(?:-|to)\s*([\d_.,]+)\s*(k|m)?)?\s*(%)?\s*$", re.IGNORECASE)
_FACTORS = {"": 1.0, "k": 1e3, "m": 1e6}


class Question(Struct, frozen=True):
    """What is asked, why it matters, and how the answer reads in the file."""

    key: str
    text: str
    why: str
    default: str
    read: Callable[[str], str]


def figure(text: str) -> str:
    """`12k`, `5-10` or `10%` as a figure or an interval of a file. Raises ValueError."""
    match = _RANGE.match(text)
    if match is None:
        raise ValueError("a number, or a range such as 500-1000; k and m are thousands and millions")
    low, low_unit, high, high_unit, percent = match.groups()
    unit = low_unit or (high_unit if high else None)
    ends = [_number(low, unit or "", percent)]
    if high:
        ends.append(_number(high, high_unit or "", percent))
    if ends != sorted(ends):
        raise ValueError("a range goes from low to high")
    return f"[{ends[0]:.10g}, {ends[1]:.10g}]" if len(ends) == 2 and ends[0] != ends[1] else f"{ends[0]:.10g}"


def _number(text: str, unit: str, percent: str | None) -> float:
    value = float(text.replace(",", "").replace("_", "")) * _FACTORS[unit.lower()]
    return value / 100 if percent else value


def share(text: str) -> str:
    """A share: `10%`, or `10` for the same. Raises ValueError."""
    return figure(text if "%" in text else f"{text}%")


def word(text: str) -> str:
    """As it stands, in quotes; what would break out of them is refused."""
    if not text.strip() or any(each in text for each in '"\\\n'):
        raise ValueError("a name without quotes")
    return f'"{text.strip()}"'


QUESTIONS = (
    Question(
        "registered",
        "How many people are registered, or will be on the first day?",
        "Everything is counted per registered person. A range is an answer too: the plan holds for nearly all of it.",
        "500-1000",
        figure,
    ),
    Question(
        "growth",
        "By how many per cent do they grow in a month?",
        "It dates the next upgrade. Communities that do well grow by 5 to 20% a month.",
        "5-15%",
        share,
    ),
    Question(
        "active",
        "How many per cent of them come on a usual day?",
        "Only who comes makes load. 10% is common, 30% is very good.",
        "10-20%",
        share,
    ),
    Question(
        "concurrent",
        "How many per cent of those are there at once in the busiest hour?",
        "It gives sockets and memory. Ten per cent fits visits of 15 minutes spread over an evening.",
        "10-20%",
        share,
    ),
    Question(
        "requests",
        "How many pages of the feed does an active person open in a day?",
        "Reading is most of the load. Writing and messages are taken as a tenth of it each; change it in the file.",
        "20-50",
        figure,
    ),
    Question(
        "media",
        "How many MiB of pictures does a registered person leave behind?",
        "Files fill disks long before tables do. A profile picture and a few photographs are 2 to 10 MiB.",
        "2-10",
        figure,
    ),
    Question(
        "p95",
        "Within how many milliseconds are 95 of 100 requests to be answered?",
        "The promise that sizes the cores. Below 300 ms an application feels immediate.",
        "300",
        figure,
    ),
    Question(
        "zone",
        "In which time zone do they live?",
        "Upgrades are planned into their quietest hours.",
        "UTC",
        word,
    ),
)

_TEMPLATE = """\
# Planned with `banyan plan {file}`. A figure is a number, [low, high] or [low, mid, high].
name = {name}
currency = "EUR"
time_zone = {zone}

[people]
registered_users = {registered}
daily_active_share = {active}              # of the registered
peak_concurrent_share = {concurrent}           # of the daily active, in the busiest hour
sockets_per_concurrent_user = 1

[traffic]
messages_per_active_user_per_day = [2, 10]

[traffic.operations]                    # `like` names what costs the same: feed, read, write, search, upload, ...
feed = {{ like = "feed", per_active_user_per_day = {requests} }}
post = {{ like = "write", per_active_user_per_day = [1, 5] }}

[storage]
database_kib_per_registered_user = [20, 100]
media_mib_per_registered_user = {media}

[objectives]
p95_ms = {p95}
# availability_percent = 99.9           # more than about 99.8 takes at least two machines of everything
shortfall_chance_max = 0.05             # how often, over the uncertainty above, a phase may prove too small
lead_time_days = 14                     # from the decision to the upgrade done

[backups]
database_every_hours = 24
retention_days = 30

[rent]
# providers = ["hetzner"]               # all of the catalogue when absent
vat_percent = 0

[[scenarios]]
name = "expected"
start_users = {start:.10g}
growth_per_month = {growth}
months = 36
"""


def ask(file: Path, *, force: bool) -> None:
    """Asks, writes `file` and says what to do with it. Ends with status 1 where the file is there already."""
    if file.exists() and not force:
        console.print(f"[bold red]banyan:[/] {escape(str(file))} is there already; --force writes over it")
        raise typer.Exit(1)
    answers = {question.key: _answer(number, question) for number, question in enumerate(QUESTIONS, start=1)}
    name = re.sub(r"[^a-z0-9_-]+", "-", file.stem.lower()).strip("-_") or "plan"
    ends = [float(each) for each in answers["registered"].strip("[]").split(",")]
    text = _TEMPLATE.format(file=file.name, name=f'"{name}"', start=sum(ends) / len(ends), **answers)
    try:
        parse_workload(text)
    except WorkloadError as error:
        for problem in error.problems:
            console.print(problem.text(str(file)), markup=False, soft_wrap=True)
        console.print("Nothing was written.")
        raise typer.Exit(1) from None
    file.write_text(text, encoding="utf-8")
    console.print(f"Wrote {escape(str(file))}. Now: [bold]banyan plan {escape(str(file))}[/]")


def _answer(number: int, question: Question) -> str:
    console.print(f"\n[bold]{number}. {question.text}[/]\n[dim]{question.why}[/]")
    while True:
        answer = str(typer.prompt("   your answer", default=question.default, err=True))
        try:
            return question.read(answer)
        except ValueError as error:
            console.print(f"  should be {error}")
