"""Writes the tables of docs/planner.md that are computed: `python -m dev.planner_side_by_side`."""

import tomllib
from datetime import date
from pathlib import Path

from banyan.planner.compute import compute_plan
from banyan.planner.plan import GrowthMonth, Phase, Plan
from banyan.planner.workload.models import Scenario
from banyan.planner.workload.parse import parse_workload

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "planner.md"
NAMES = ("mecabal", "chitlaq", "intentional-social", "accounts-store", "food-offers")
DAY = date(2026, 11, 26)


def counts() -> list[str]:
    """How many figures of each document are listed as reproduced, and how many as found."""
    rows = ["| file | figures reproduced | found wrong |", "|---|---|---|"]
    for name in NAMES:
        lists = tomllib.loads((ROOT / "tests" / "planner" / "documents" / f"{name}.toml").read_text())
        reproduced = sum(len(lists.get(part, [])) for part in ("reproduced", "advised", "priced", "shown"))
        rows.append(f"| [{name}](../examples/{name}.toml) | {reproduced} | {len(lists['found'])} |")
    return rows


def side_by_side() -> list[str]:
    """A row for each declared phase: its bill, and Banyan's for as many people."""
    rows = [
        "| document, phase | registered users | its machines | its bill | Banyan's machines | Banyan's bill |",
        "|---|---|---|---|---|---|",
    ]
    for name in NAMES:
        workload = parse_workload((ROOT / "examples" / f"{name}.toml").read_text()).workload
        declared = compute_plan(workload, as_of=DAY, stack="declared")
        ends = [phase.to_users or max(phase.from_users, declared.demand.registered_users) for phase in declared.phases]
        # A month for each phase's end: what the people of that month cost on Banyan.
        walk = Scenario(name="ends", registered_users_by_month=ends)
        planned = compute_plan(workload.model_copy(update={"scenarios": [walk]}), as_of=DAY, stack="banyan")
        months = planned.growth["ends"]
        rows.extend(_row(name, phase, month, planned) for phase, month in zip(declared.phases, months, strict=True))
    return rows


def _row(name: str, phase: Phase, month: GrowthMonth, planned: Plan) -> str:
    machines = next(_machines(each) for each in planned.phases if each.name == month.phase)
    return (
        f"| {name}, {phase.name} | {month.users:,.0f} | {_machines(phase)} "
        f"| {phase.cost_month.total:,.0f} {planned.currency} "
        f"| {machines} | {month.cost_month:,.0f} {planned.currency} |"
    )


def _machines(phase: Phase) -> str:
    counted: dict[str, int] = {}
    for machine in phase.machines:
        size = f"{machine.vcpu:g} vCPU, {machine.ram_gib:g} GiB" if machine.vcpu else "size not said"
        title = f"{machine.provider} {machine.plan}" if machine.plan else size
        counted[title] = counted.get(title, 0) + machine.count
    return ", ".join(f"{count} × {title}" for title, count in counted.items())


def page(text: str) -> str:
    """The page with its tables as they are computed now."""
    return _between(_between(text, "counts", counts()), "side by side", side_by_side())


def _between(text: str, name: str, rows: list[str]) -> str:
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, rest = text.split(start)
    _, after = rest.split(end)
    return f"{before}{start}" + "\n".join(rows) + f"\n{end}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
