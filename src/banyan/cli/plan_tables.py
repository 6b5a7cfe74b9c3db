"""A plan as tables for a terminal: one screen of answer, then the reasons."""

from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from banyan.planner.answer import answer, machines_of
from banyan.planner.differ import Difference, PlanDifference
from banyan.planner.explain import Explanation
from banyan.planner.plan import Band, Finding, Plan

_SHOWN_REJECTED = 8
_STYLES = {"error": "red", "warning": "yellow", "note": "dim"}


def print_plan(plan: Plan) -> None:
    """The whole answer, on stdout."""
    console = Console(highlight=False)
    console.print(f"[bold]{escape(plan.title or plan.name)}[/]  [dim]({plan.stack} stack)[/]")
    console.print(escape(answer(plan)), "\n", soft_wrap=True)
    console.print(_demand(plan), "\n")
    console.print(_phases(plan))
    for table in (_outgrown(plan), _findings(plan)):
        if table is not None:
            console.print("", table, sep="\n")
    _reasons(console, plan)


def _demand(plan: Plan) -> Table:
    demand = plan.demand
    table = Table.grid(padding=(0, 2))
    rows = (
        ("People", f"{demand.registered_users:,.0f} registered, {demand.daily_active_users:,.0f} a day"),
        ("At the peak", f"{demand.peak_concurrent_users:,.0f} at once, {demand.sockets:,.0f} sockets"),
        ("Requests", f"{_band(demand.peak_requests_per_second)} a second"),
        ("Kept", f"{demand.database_gib:,.4g} GiB of database, {demand.media_gib:,.4g} GiB of files"),
        ("Sent", f"{demand.egress_gib_per_month:,.4g} GiB a month"),
    )
    for name, value in rows:
        table.add_row(f"[dim]{name}[/]", value)
    return table


def _phases(plan: Plan) -> Table:
    table = Table(title="Phases", title_justify="left", box=None, header_style="dim")
    for name in ("phase", "registered users", "machines", "a month", "per user", "ends first", "falls short"):
        table.add_column(name, justify="right" if name in ("a month", "per user", "falls short") else "left")
    for phase in plan.phases:
        until = "" if phase.to_users is None else f" to {phase.to_users:,}"
        table.add_row(
            f"[bold]{escape(phase.name)}[/]",
            f"{phase.from_users:,}{until}",
            escape(machines_of(phase)),
            _money(phase.cost_month.total, plan.currency),
            "" if phase.cost_per_user is None else f"{phase.cost_per_user:.4f}",
            phase.binding_resource,
            f"{phase.shortfall_chance:.0%}",
        )
    return table


def _outgrown(plan: Plan) -> Table | None:
    table = Table(title="Outgrown", title_justify="left", box=None, header_style="dim")
    for name in ("scenario", "phase", "month", "between", "because of", "order by", "then"):
        table.add_column(name)
    for scenario, entries in plan.outgrow.items():
        for entry in entries:
            between = f"{entry.month_low or 'later'} and {entry.month_high or 'later'}"
            table.add_row(
                escape(scenario),
                escape(entry.phase),
                entry.month or "not within the scenario",
                between,
                entry.resource,
                str(entry.order_by or ""),
                escape(entry.next_phase or ""),
            )
    return table if table.row_count else None


def _findings(plan: Plan) -> Table | None:
    if not plan.findings:
        return None
    table = Table(title="Findings", title_justify="left", box=None, show_header=False)
    for finding in plan.findings:
        style = _STYLES.get(finding.severity, "")
        where = finding.where if finding.line is None else f"line {finding.line}: {finding.where}"
        table.add_row(f"[{style}]{finding.severity}[/]", escape(where), escape(finding.message))
    return table


def _reasons(console: Console, plan: Plan) -> None:
    for phase in plan.phases:
        console.print(f"\n[bold]{escape(phase.name)}[/]  [dim]{escape(phase.title)}[/]")
        for line in phase.cost_month.lines:
            day = str(line.as_of or "undated") + ("" if line.verified else ", unverified")
            console.print(
                f"  {line.amount:>10,.2f}  {escape(line.item)}  [dim]{escape(line.source)}; {day}[/]", soft_wrap=True
            )
        free = ", ".join(f"{name} {share:.0%}" for name, share in phase.headroom.items())
        console.print(f"  free at its end: {free or 'not known'}", soft_wrap=True)
        for rejected in phase.rejected[:_SHOWN_REJECTED]:
            console.print(f"  [dim]not {escape(rejected.option)}: {escape(rejected.reason)}[/]", soft_wrap=True)
        left = len(phase.rejected) - _SHOWN_REJECTED
        if left > 0:
            console.print(f"  [dim]and {left} others: --why phases.{phase.name}.rejected[/]")
    for advice in plan.advice:
        console.print(f"[dim]-[/] {escape(advice.text)} [dim]({escape(advice.source)})[/]", soft_wrap=True)
    console.print(
        f"\n[dim]{plan.worlds} worlds, seed {plan.seed}, from {plan.as_of}; the oldest price is of "
        f"{plan.prices_as_of}. Why a figure is what it is: --why KEY[/]",
        soft_wrap=True,
    )


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
    """What `diff` answers."""
    console = Console(highlight=False)
    if not found.plan and not found.because:
        console.print("The plans are the same.")
        return
    _print_part(console, "What changes", found.plan)
    _print_part(console, "Because of", found.because)


def _print_part(console: Console, title: str, differences: Iterable[Difference]) -> None:
    console.print(f"[bold]{title}[/]")
    for each in differences:
        before, after = escape(each.before or "nothing"), escape(each.after or "nothing")
        console.print(f"  {escape(each.key)}: {before} -> {after}  [dim]{each.change}[/]", soft_wrap=True)


def _money(amount: float, currency: str) -> str:
    return f"{amount:,.2f} {currency}"


def _band(band: Band) -> str:
    if band.low == band.high:
        return f"{band.mid:,.4g}"
    return f"{band.mid:,.4g} ({band.low:,.4g} to {band.high:,.4g})"
