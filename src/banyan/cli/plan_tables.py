"""A plan as tables for a terminal: one screen of answer, then the reasons."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from banyan.planner import words
from banyan.planner.answer import answer, bill_of, machines_of, two_schedules
from banyan.planner.diff.differ import Difference, PlanDifference
from banyan.planner.explain import Explanation
from banyan.planner.plan import Finding, Phase, Plan, Rejected, Upgrade

_SHOWN_REASONS = 5
_BESIDE = 3  # scenarios that fit beside each other
_WIDE = 72  # what a picture of scenarios beside each other takes
_STYLES = {"error": "red", "warning": "yellow", "note": "dim"}


def print_plan(plan: Plan) -> None:
    """The whole answer, on stdout."""
    console = Console(highlight=False)
    stack = "the document's own phases" if plan.stack == "declared" else "on Banyan"
    console.print(f"[bold]{escape(plan.title or plan.name)}[/] [dim]({stack})[/]")
    console.print(escape(answer(plan)), "", sep="\n")
    console.print(*_demand(plan), "", sep="\n")
    if plan.phases:
        console.print(_phases(plan, console.width))
    for table in _outgrown(plan, console.width):
        console.print("", table, sep="\n")
    console.print(_below(plan))
    _reasons(console, plan)


def _demand(plan: Plan) -> tuple[str, str]:
    demand = plan.demand
    return (
        f"{words.people(demand.registered_users)} registered, {words.people(demand.daily_active_users)} a day, "
        f"{words.people(demand.peak_concurrent_users)} at once, {words.people(demand.sockets)} sockets",
        f"{words.interval(demand.peak_requests_per_second)} requests/s, {words.size(demand.database_gib)} tables, "
        f"{words.size(demand.media_gib)} files, {words.size(demand.egress_gib_per_month)} a month sent",
    )


def _phases(plan: Plan, width: int) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    narrow = width < _WIDE
    table.add_column("phase", no_wrap=True)
    table.add_column("up to", justify="right", no_wrap=True)
    table.add_column("machines", ratio=1)
    table.add_column("a month", justify="right", no_wrap=True)
    table.add_column("ends first")
    if not narrow:
        table.add_column("short", justify="right", no_wrap=True)
    stored = ", object storage"  # said once where all phases have it
    everywhere = all(machines_of(phase).endswith(stored) for phase in plan.phases)
    if everywhere:
        table.caption, table.caption_justify = "every phase with object storage", "left"
    for phase in plan.phases:
        machines = machines_of(phase, roles=False)
        until = "and more" if phase.to_users is None else words.people(phase.to_users)
        row = [
            f"[bold]{escape(phase.name)}[/]",
            until,
            escape(machines.removesuffix(stored) if everywhere else machines),
            words.money(phase.cost_month.total, plan.currency),
            words.resource(phase.binding_resource),
        ]
        table.add_row(*row, *([] if narrow else [words.share(phase.shortfall_chance)]))
    return table


def _outgrown(plan: Plan, width: int) -> Iterable[Table]:
    """Up to three scenarios beside each other; more of them, or a narrow terminal, below each other."""
    scenarios = [name for name, entries in plan.outgrow.items() if entries]
    if not scenarios:
        return
    if len(scenarios) > _BESIDE or width < _WIDE:
        yield _outgrown_rows(plan)
        return
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("outgrown", no_wrap=True)
    for scenario in scenarios:
        table.add_column(escape(scenario))
    for phase in plan.phases:
        cells = [_when(plan, scenario, phase.name) for scenario in scenarios]
        if any(cells):
            table.add_row(f"[bold]{escape(phase.name)}[/]", *cells)
    yield table


def _when(plan: Plan, scenario: str, phase: str) -> str:
    entry = next((each for each in plan.outgrow[scenario] if each.phase == phase), None)
    if entry is None:
        return ""
    if entry.month is None:
        return (
            "not within it"
            if entry.month_low is None
            else f"perhaps {words.between(entry.month_low, entry.month_high)}"
        )
    interval = words.between(entry.month_low, entry.month_high)
    return words.month(entry.month) + ("" if interval == words.month(entry.month) else f" ({interval})")


def _outgrown_rows(plan: Plan) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("scenario", "phase", "outgrown"):
        table.add_column(name)
    for scenario, entries in plan.outgrow.items():
        for entry in entries:
            table.add_row(escape(scenario), escape(entry.phase), _when(plan, scenario, entry.phase))
    return table


def _below(plan: Plan) -> str:
    counts = [(each, sum(finding.severity == each for finding in plan.findings)) for each in _STYLES]
    parts = [f"[{_STYLES[each]}]{count} {each}{'s' if count > 1 else ''}[/]" for each, count in counts if count]
    found = f"{', '.join(parts)}; " if parts else ""
    return f"\n{found}[dim]reasons below; as a page: --format html[/]"


def _reasons(console: Console, plan: Plan) -> None:
    notes = words.Footnotes()
    if plan.findings:
        _heading(console, "Findings")
        console.print(_findings(plan.findings))
    _upgrades(console, plan)
    for phase in plan.phases:
        _phase(console, plan, phase, notes)
    if plan.unmet:
        _heading(console, f"Nothing holds {words.people(plan.unmet.users)}")
        if plan.unmet.nearest:
            console.print(Padding(escape(f"nearest: {plan.unmet.nearest}; {plan.unmet.lacks}"), (0, 0, 0, 2)))
        _rejected(console, plan.unmet.rejected, "unmet")
    if plan.advice:
        _heading(console, "Advice")
        for advice in plan.advice:
            console.print(Padding(f"{escape(advice.text)} {_note(notes.cite(advice.source))}", (0, 0, 0, 2)))
    if notes.sources:
        _heading(console, "Sources")
        for number, source in enumerate(notes.sources, start=1):
            console.print(Padding(f"[dim]{escape(f'[{number}]')} {escape(source.dated())}[/]", (0, 0, 0, 2)))
    console.print(
        f"\n[dim]{plan.worlds} worlds, seed {plan.seed}, from {words.day(plan.as_of)}; the oldest price is of "
        f"{words.day(plan.prices_as_of)}. Why a figure is what it is: --why KEY[/]"
    )


def _heading(console: Console, text: str, more: str = "") -> None:
    console.print(f"\n[bold]{escape(text)}[/]" + (f"  [dim]{escape(more)}[/]" if more else ""))


def _note(number: int) -> str:
    return f"[dim]{escape(f'[{number}]')}[/]"


def _findings(findings: Sequence[Finding]) -> Table:
    """The gravest first; the key stands under what is said of it."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    order = list(_STYLES)
    known = [each for each in findings if each.severity in order]
    for finding in sorted(known, key=lambda each: order.index(each.severity)):
        where = finding.where if finding.line is None else f"line {finding.line}: {finding.where}"
        style = _STYLES[finding.severity]
        table.add_row(f"[{style}]{finding.severity}[/]", f"{escape(finding.message)} [dim]({escape(where)})[/]")
    return table


def _upgrades(console: Console, plan: Plan) -> None:
    if not plan.upgrades:
        return
    _heading(console, "Upgrade calendar", f"windows in the time of {plan.demand.time_zone}; what it adds a month")
    if note := two_schedules(plan):
        console.print(Padding(f"[dim]{escape(note)}[/]", (0, 0, 0, 2)))
    moves: dict[tuple[str, str, str], list[Upgrade]] = {}
    for each in plan.upgrades:
        moves.setdefault((each.from_phase, each.to_phase, each.resource), []).append(each)
    for (before, after, resource), entries in moves.items():
        because = f"[dim]when {words.ends(resource)}[/]"
        console.print(Padding(f"[bold]{escape(f'{before} to {after}')}[/] {because}", (0, 0, 0, 2)))
        table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), show_header=False)
        for _ in range(3):
            table.add_column()
        table.add_column(justify="right", no_wrap=True)
        for each in entries:
            more = "+" if each.extra_cost_month >= 0 else ""
            table.add_row(
                escape(each.scenario),
                f"order {words.order(each.order_by, plan.as_of)}",
                words.window(each.window_start, each.window_end),
                more + words.money(each.extra_cost_month, plan.currency),
            )
        console.print(Padding(table, (0, 0, 0, 4)))


def _phase(console: Console, plan: Plan, phase: Phase, notes: words.Footnotes) -> None:
    _heading(console, phase.name, phase.title)
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(ratio=1)
    paid, free = bill_of(phase)
    for line in paid:
        number = notes.cite(line.source, line.as_of, line.verified)
        table.add_row(f"{line.amount:,.2f}", f"{escape(line.item)} {_note(number)}")
    table.add_row(f"[bold]{phase.cost_month.total:,.2f}[/]", f"[bold]{plan.currency} a month[/]{_each(plan, phase)}")
    console.print(Padding(table, (0, 0, 0, 2)))
    if free:
        named = ", ".join(
            f"{escape(line.item)} {_note(notes.cite(line.source, line.as_of, line.verified))}" for line in free
        )
        console.print(Padding(f"at no cost: {named}", (0, 0, 0, 2)))
    left = sorted(phase.headroom.items(), key=lambda each: each[1])
    shown = ", ".join(f"{words.resource(name)} {words.share(share)}" for name, share in left)
    label = "free at its last user, in the busiest hour of a usual day with every machine up"
    console.print(Padding(f"{label}: {shown or 'not known, the file does not say enough'}", (0, 0, 0, 2)))
    _rejected(console, phase.rejected, f"phases.{phase.name}")


def _each(plan: Plan, phase: Phase) -> str:
    if phase.cost_per_user is None:
        return ""
    return f"[dim], {words.per_user(phase.cost_per_user, plan.currency)} a registered user[/]"


def _rejected(console: Console, rejected: Iterable[Rejected], key: str) -> None:
    """Options that fail for the same reason are said together."""
    by_reason: dict[str, list[str]] = {}
    for each in rejected:
        by_reason.setdefault(each.reason, []).append(each.option)
    for reason, options in list(by_reason.items())[:_SHOWN_REASONS]:
        more = f" and {len(options) - 1} more" if len(options) > 1 else ""
        console.print(Padding(f"[dim]not {escape(options[0])}{more}: {escape(reason)}[/]", (0, 0, 0, 2)))
    left = len(by_reason) - _SHOWN_REASONS
    if left > 0:
        console.print(Padding(f"[dim]and {left} more reasons: --why {key}.rejected[/]", (0, 0, 0, 2)))


def print_findings(file: str, findings: list[Finding]) -> None:
    """What `lint` answers: a line each, as compilers say it."""
    console = Console(highlight=False)
    for each in findings:
        style = _STYLES.get(each.severity, "")
        where = f"{file}:{each.line}" if each.line is not None else file
        console.print(
            f"{escape(where)}: [{style}]{each.severity}[/]: {escape(each.where)}: {escape(each.message)} "
            f"[dim]({each.code}; stated {escape(each.stated)}, computed {escape(each.computed)})[/]",
            soft_wrap=True,
        )
    errors = sum(each.severity == "error" for each in findings)
    console.print(f"{len(findings)} findings, {errors} of them errors" if findings else "nothing is wrong")


def print_explanation(found: Explanation) -> None:
    """What `--why` answers."""
    console = Console(highlight=False)
    console.print(f"[bold]{escape(found.key)}[/] = {escape(found.result)}", soft_wrap=True)
    console.print(f"  {escape(found.formula)}", soft_wrap=True)
    for each in found.inputs:
        console.print(f"  {escape(each.key)} = {escape(each.value)}  [dim]{escape(each.source)}[/]", soft_wrap=True)


def print_differences(found: PlanDifference) -> None:
    """What `diff` answers: sentences, then figures."""
    console = Console(highlight=False)
    if not found.plan and not found.because:
        console.print("The plans are the same.")
        return
    if not found.summary:
        console.print("The files differ, what is planned does not.")
    elif len(found.causes) != 1:
        console.print("[bold]What changes[/]")
        for effect in found.summary:
            console.print(Padding(escape(_sentence(effect)), (0, 0, 0, 2)))
    console.print("[bold]Why[/] [dim](what each change of the file does alone)[/]")
    for cause in found.causes:
        console.print(Padding(escape(_sentence(cause.text)), (0, 0, 0, 2)))
    _print_part(console, "Figures", found.plan)
    _print_part(console, "Lines of the files", found.because)


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _print_part(console: Console, title: str, differences: Sequence[Difference]) -> None:
    if not differences:
        return
    console.print(f"[bold]{title}[/]")
    for each in differences:
        before, after = escape(each.before or "nothing"), escape(each.after or "nothing")
        console.print(f"  {escape(each.key)}: {before} -> {after}  [dim]{each.change}[/]", soft_wrap=True)
