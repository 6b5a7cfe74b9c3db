"""`banyan plan new`: eight questions, and a commented planner file from the answers."""

import re
from collections.abc import Callable
from pathlib import Path

import typer
from msgspec import Struct
from rich.markup import escape

from banyan.cli.output import console
from banyan.cli.plan_answers import (
    currency,
    ends_of,
    figure,
    one_of,
    positive,
    providers,
    share,
    single,
    title,
    zone,
)
from banyan.planner.workload.parse import WorkloadError, parse_workload


class Part(Struct, frozen=True):
    """One answer: its key, what is asked, what is taken without an answer, and how it reads in the file."""

    key: str
    text: str
    default: str
    read: Callable[[str], str]


class Question(Struct, frozen=True):
    """What is asked and why it matters, in a sentence each."""

    text: str
    why: str
    parts: tuple[Part, ...]


# What an active person does in a day: pages of the feed, posts, messages.
_HABITS = {
    "read": ("[20, 50]", "[0.5, 2]", "[2, 10]"),
    "share": ("[20, 60]", "[2, 8]", "[2, 10]"),
    "talk": ("[5, 20]", "[0.5, 2]", "[20, 60]"),
}

QUESTIONS = (
    Question(
        "What is the app?",
        "Its name stands above the plan.",
        (Part("title", "its name", "My community", title),),
    ),
    Question(
        "How many people are registered?",
        "Everything is counted per registered person, and growth dates the next upgrade. A range (500-1000) is an "
        "answer too: the plan holds for nearly all of it.",
        (
            Part("registered", "now, or on the first day", "500-1000", positive),
            Part("year", "in a year", "2k-5k", positive),
        ),
    ),
    Question(
        "How many of them come?",
        "Only who comes makes load; who is there at once takes sockets and memory. 10% a day is common, 30% very good.",
        (
            Part("active", "per cent of the registered, on a usual day", "10-20%", share),
            Part("concurrent", "per cent of those, at once in the busiest hour", "10-20%", share),
        ),
    ),
    Question(
        "What do they do mostly?",
        "Reading a feed asks for the most, talking keeps sockets busy, sharing writes and stores.",
        (Part("habit", "read, share or talk", "read", one_of(_HABITS)),),
    ),
    Question(
        "How many MiB of pictures and files does a registered person leave behind?",
        "Files fill disks long before tables do. A profile picture and a few photographs are 2 to 10 MiB.",
        (Part("media", "MiB", "2-10", figure),),
    ),
    Question(
        "Where do they live, and where may be rented?",
        "Upgrades are planned into their quietest hours; prices differ three times over between providers.",
        (
            Part("zone", "their time zone", "UTC", zone),
            Part("providers", "providers, or any", "any", providers),
        ),
    ),
    Question(
        "What about money?",
        "Prices are converted at a dated rate; a limit is held against every phase.",
        (
            Part("currency", "currency", "EUR", currency),
            Part("limit", "at most so much a month for the people of now (0: no limit)", "0", single(0, 1e9)),
        ),
    ),
    Question(
        "How much may go wrong?",
        "More than about 99.8% of the time up takes two machines of everything; what may be lost decides how often "
        "a backup is made.",
        (
            Part("up", "per cent of the time up", "99.5", single(90, 99.999)),
            Part("lost", "hours of what people wrote that may be lost", "24", single(0.1, 720)),
        ),
    ),
)

_TEMPLATE = """\
# Plan it with `banyan plan {file}`; what is wrong with it says `banyan plan lint {file}`.
# A figure is a number, [low, high] or [low, mid, high]: the wider, the more room the plan leaves.
name = "{name}"
title = {title}
currency = {currency}
time_zone = {zone}                  # upgrades are planned into the quietest hours here

[people]
registered_users = {registered}             # everything below is counted per registered person
daily_active_share = {active}              # of the registered; sizes cores
peak_concurrent_share = {concurrent}           # of the daily active, in the busiest hour; sizes sockets and memory
sockets_per_concurrent_user = 1

[traffic]
messages_per_active_user_per_day = {messages}

[traffic.operations]                    # `like` names what costs the same: feed, read, write, search, upload, ...
feed = {{ like = "feed", per_active_user_per_day = {feed} }}
post = {{ like = "write", per_active_user_per_day = {post} }}

[storage]
database_kib_per_registered_user = [20, 100]    # texts, messages, indexes
media_mib_per_registered_user = {media}         # fills disks, backups and traffic
object_store = {object_store}                   # files outside the machines' disks

[objectives]
p95_ms = 300                            # 95 of 100 requests within it; a smaller one takes more cores
availability_percent = {up}             # more than about 99.8 takes at least two machines of everything
rpo_hours = {lost}                      # of what people wrote that may be lost
shortfall_chance_max = 0.05             # how often, over the uncertainty above, a phase may prove too small
lead_time_days = 14                     # from the decision to the upgrade done
{limit}

[backups]
database_every_hours = {lost}           # at most what may be lost
retention_days = 30                     # takes backup storage
restore_test_every_days = 30

[rent]
providers = {providers}                 # [] is all of the catalogue
vat_percent = 0

[[scenarios]]
name = "expected"
start_users = {start}
growth_per_month = {growth}             # dates the upgrades
months = 36
"""


def ask(file: Path, *, defaults: bool) -> None:
    """Asks, writes `file` and says what to do with it. Ends with status 1 where it is there already."""
    if file.exists():
        console.print(f"{escape(str(file))} is there already; another name with --out FILE")
        raise typer.Exit(1)
    try:
        answers = _defaults() if defaults else _asked()
    except typer.Abort:
        console.print("\nNothing was written. --yes takes every default.")
        raise typer.Exit(1) from None
    text = render(file.name, answers)
    try:
        parse_workload(text)
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except WorkloadError as error:
        for problem in error.problems:
            console.print(problem.text(str(file)), markup=False, soft_wrap=True)
        console.print("Nothing was written.")
        raise typer.Exit(1) from None
    except OSError as error:
        console.print(f"{escape(str(file))}: {error.strerror}")
        raise typer.Exit(1) from None
    console.print(f"\nWrote {escape(str(file))}. Now: [bold]banyan plan {escape(str(file))}[/]")


def render(file: str, answers: dict[str, str]) -> str:
    """The text of the file that the answers give."""
    stem = Path(file).stem.lower()
    feed, post, messages = _HABITS[answers["habit"]]
    low, high = ends_of(answers["registered"])
    start, limit = (low + high) / 2, float(answers["limit"])
    text = _TEMPLATE.format(
        **{**answers, "limit": _limit(limit, start)},
        file=file,
        name=(re.sub(r"[^a-z0-9_-]+", "-", stem).strip("-_") or "plan")[:60],
        feed=feed,
        post=post,
        messages=messages,
        object_store="true" if ends_of(answers["media"])[1] * high > 50 * 1024 else "false",
        start=f"{start:.10g}",
        growth=_growth(start, ends_of(answers["year"])),
    )
    return "".join(_aligned(line) for line in text.splitlines(keepends=True))


def _aligned(line: str) -> str:
    """Comments behind figures stand below each other, however long the figures are."""
    code, mark, comment = line.partition("  # ")
    return f"{code.rstrip():<54}  # {comment}" if mark else line


def _growth(start: float, year: tuple[float, float]) -> str:
    """By month, from what a year brings."""
    low, high = (round((each / start) ** (1 / 12) - 1, 4) for each in year)
    return f"{low:g}" if low == high else f"[{low:g}, {high:g}]"


def _limit(limit: float, people: float) -> str:
    if not limit:
        return "# cost_per_user_month_max = 0.10       # a finding where a phase costs more per registered user"
    return f"cost_per_user_month_max = {limit / people:.4g}     # {limit:g} a month for {people:g} people"


def _defaults() -> dict[str, str]:
    return {part.key: part.read(part.default) for question in QUESTIONS for part in question.parts}


def _asked() -> dict[str, str]:
    answers: dict[str, str] = {}
    for number, question in enumerate(QUESTIONS, start=1):
        console.print(f"\n[bold]{number}. {question.text}[/]\n[dim]{question.why}[/]")
        for part in question.parts:
            answers[part.key] = _answer(part)
    return answers


def _answer(part: Part) -> str:
    while True:
        answer = str(typer.prompt(f"   {part.text}", default=part.default, err=True))
        try:
            return part.read(answer)
        except ValueError as error:
            console.print(f"   should be {escape(str(error))}")
