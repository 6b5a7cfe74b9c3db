"""`banyan plan`: from a file about the people to servers, phases, cost and dates."""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import structs

from banyan.app.loading import load
from banyan.cli.output import Format, console, print_json, print_line
from banyan.cli.plan_new import ask
from banyan.cli.plan_tables import print_differences, print_explanation, print_findings, print_plan
from banyan.planner.catalogue.prices import CatalogueError
from banyan.planner.compute import SEED, WORLDS, Computed, UnknownScenario, compute, compute_plan, default_stack
from banyan.planner.diff.differ import compare
from banyan.planner.explain import UnknownKey, explain
from banyan.planner.findings.review import with_lines
from banyan.planner.plan import Plan
from banyan.planner.reading import read_workload
from banyan.planner.render.everything import CannotRender, render_deployment, renderable
from banyan.planner.render.phases import NoSuchPhase, deployment_of
from banyan.planner.schema import make_file_schema, make_plan_schema, schema_text
from banyan.planner.workload.models import Workload
from banyan.planner.workload.parse import WorkloadError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)

BAD_FILE = 2
_SHOWN_PROBLEMS = 100
_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2999, 12, 31)  # calendars of months and lead times end within dates
_REPORT = "banyan.planner.report.page:report_html"


class Stack(StrEnum):
    """Whose software is planned: the document's, or Banyan."""

    declared = "declared"
    banyan = "banyan"


class Described(StrEnum):
    """What a schema is of."""

    file = "file"
    plan = "plan"


class Shown(StrEnum):
    """Also as a page."""

    table = "table"
    json = "json"
    html = "html"


File = Annotated[Path, typer.Argument(help="A planner file (TOML); see docs/planner.md.", show_default=False)]
Chosen = Annotated[Stack | None, typer.Option(help="`declared` where the file describes a stack or phases.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the draws: the same seed, the same plan.")]
Worlds = Annotated[int, typer.Option(min=1, max=100_000, help="How often uncertain figures are drawn.")]
AsOf = Annotated[str | None, typer.Option("--as-of", metavar="DATE", help="The day to plan from; today.")]


@app.command()
def show(
    file: File,
    format: Annotated[
        Shown, typer.Option(help="`json`: all keys, for scripts; `html`: one page, to read and print.")
    ] = Shown.table,
    scenario: Annotated[str | None, typer.Option(help="Only this scenario of the file.")] = None,
    stack: Chosen = None,
    out: Annotated[
        Path | None, typer.Option(help="Also write plan.json there, and report.html with --format html.")
    ] = None,
    seed: Seed = SEED,
    worlds: Worlds = WORLDS,
    as_of: AsOf = None,
    why: Annotated[str | None, typer.Option(metavar="KEY", help="Why a figure is what it is: its dotted key.")] = None,
) -> None:
    """The plan of a file: phases, cost, dates. `banyan plan FILE` is short for it."""
    computed = _compute(file, stack=stack, scenario=scenario, seed=seed, worlds=worlds, as_of=as_of)
    if why is not None:
        _explain(computed, why, Format.json if format is Shown.json else Format.table)
        return
    encoded = msgspec.json.encode(computed.plan).decode()
    # Templates are loaded only where a page is asked for: the table is to be there at once.
    page: str | None = load(_REPORT)(computed.plan) if format is Shown.html else None
    if out is not None:
        _write(out, {"plan.json": encoded + "\n"} | ({"report.html": page} if page is not None else {}))
    if format is Shown.json:
        print_line(encoded)
    elif page is None:
        print_plan(computed.plan)
    elif out is None:
        print_line(page)


@app.command()
def new(
    file: Annotated[Path, typer.Argument(help="Where to write it; a file that is there is never written over.")] = Path(
        "plan.toml"
    ),
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="The same as FILE.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Take every default and ask nothing.")] = False,
) -> None:
    """Ask the eight questions that matter, and write a commented planner file."""
    ask(out or file, defaults=yes)


@app.command()
def lint(
    file: File,
    format: Annotated[Format, typer.Option(help="`json`: for scripts.")] = Format.table,
    as_of: AsOf = None,
) -> None:
    """Only what is wrong in a file: contradictions, prices, promises that its machines cannot keep.

    Status 1 when a finding is an error, 2 when the file cannot be read.
    """
    plan = _compute(file, stack=None, scenario=None, seed=SEED, worlds=WORLDS, as_of=as_of).plan
    if format is Format.json:
        print_json(plan.findings)
    else:
        print_findings(str(file), plan.findings)
    raise typer.Exit(any(finding.severity == "error" for finding in plan.findings))


@app.command()
def render(
    file: File,
    phase: Annotated[str, typer.Option(help="A phase of the plan, by its name.")],
    out: Annotated[Path, typer.Option(help="A directory; made where it is not there.")],
    domain: Annotated[str, typer.Option(help="Where the community is to be reached.")] = "community.example",
    stack: Chosen = None,
    seed: Seed = SEED,
    worlds: Worlds = WORLDS,
    as_of: AsOf = None,
) -> None:
    """The deployment files of a phase: PostgreSQL, nginx, systemd, Compose, alarms, backups, how to upgrade."""
    computed = _compute(file, stack=stack, scenario=None, seed=seed, worlds=worlds, as_of=as_of)
    try:
        deployment = deployment_of(computed.plan, phase, computed.workload, domain)
        files: dict[str, str] = render_deployment(deployment)
    except (NoSuchPhase, CannotRender) as error:
        print_error(f"{file}: {error}")
        possible = ", ".join(renderable(computed.plan, computed.workload))
        print_error(f"Phases that there are files for: {possible or 'none'}.")
        raise typer.Exit(BAD_FILE) from None
    _write(out, files)
    console.print(f"Wrote {len(files)} files to {out}; begin with README.md.", markup=False)


@app.command()
def diff(
    before: Annotated[Path, typer.Argument(metavar="A", help="A planner file.", show_default=False)],
    after: Annotated[Path, typer.Argument(metavar="B", help="Its variant.", show_default=False)],
    format: Annotated[Format, typer.Option(help="`json`: for scripts.")] = Format.table,
    stack: Chosen = None,
    seed: Seed = SEED,
    worlds: Worlds = WORLDS,
    as_of: AsOf = None,
) -> None:
    """What changes from one file's plan to another's and why: what each line that moved does alone."""
    name, day = stack.value if stack else None, _day(as_of)
    first, second = (
        _compute(file, stack=stack, scenario=None, seed=seed, worlds=worlds, as_of=as_of) for file in (before, after)
    )

    def replan(variant: Workload) -> Plan:
        return compute_plan(variant, as_of=day, stack=name, seed=seed, worlds=worlds)

    found = compare(first.plan, second.plan, (first.workload, second.workload), replan)
    if format is Format.json:
        print_json(found)
    else:
        print_differences(found)


@app.command()
def schema(
    of: Annotated[Described, typer.Option(help="`plan`: of what `--format json` prints.")] = Described.file,
) -> None:
    """The JSON Schema of planner files, or of plans."""
    made = make_plan_schema() if of is Described.plan else make_file_schema()
    print_line(schema_text(made).rstrip("\n"))


def _compute(
    file: Path, *, stack: Stack | None, scenario: str | None, seed: int, worlds: int, as_of: str | None
) -> Computed:
    day = _day(as_of)
    try:
        parsed = read_workload(_read(file))
        name = stack.value if stack else None
        if name is not None and name not in ("banyan", default_stack(parsed.workload)):
            print_error(f"{file}: describes no [stack] and no [[phases]]: only `--stack banyan` has something to plan")
            raise typer.Exit(BAD_FILE)
        found = compute(parsed.workload, as_of=day, stack=name, scenario=scenario, seed=seed, worlds=worlds)
        plan = structs.replace(found.plan, findings=with_lines(found.plan.findings, parsed.lines))
        return structs.replace(found, plan=plan)
    except WorkloadError as error:
        for problem in error.problems[:_SHOWN_PROBLEMS]:
            print_error(problem.text(str(file)))
        if len(error.problems) > _SHOWN_PROBLEMS:
            print_error(f"{file}: and {len(error.problems) - _SHOWN_PROBLEMS:,} more")
        raise typer.Exit(BAD_FILE) from None
    except (UnknownScenario, CatalogueError) as error:
        print_error(f"{file}: {error}")
        raise typer.Exit(BAD_FILE) from None


def _write(folder: Path, files: dict[str, str]) -> None:
    try:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        print_error(f"{folder}: {error.strerror}")
        raise typer.Exit(1) from None


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        print_error(f"{file}: not a text file in UTF-8")
    except OSError as error:
        print_error(f"{file}: {error.strerror}")
    raise typer.Exit(BAD_FILE)


def _day(text: str | None) -> date:
    if text is None:
        return date.today()  # noqa: DTZ011 - the day where the planner sits is the day that it plans from
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not _FIRST_DAY <= day <= _LAST_DAY:
        print_error(f"--as-of {text}: should be a day, such as 2026-11-26")
        raise typer.Exit(BAD_FILE)
    return day


def _explain(computed: Computed, key: str, format: Format) -> None:
    try:
        found = explain(computed, key)
    except UnknownKey as error:
        print_error(str(error.args[0]))
        raise typer.Exit(BAD_FILE) from None
    if format is Format.json:
        print_json(found)
    else:
        print_explanation(found)


def print_error(text: str) -> None:
    """One line on stderr, as compilers say it."""
    console.print(text, markup=False, soft_wrap=True)


def run(args: list[str], prog_name: str, help_option_names: Sequence[str] = ("--help",)) -> None:
    """Calls the command line; `banyan plan FILE …` is `banyan plan show FILE …`."""
    names = {command.name or (command.callback and command.callback.__name__) for command in app.registered_commands}
    if args and args[0] not in names and not args[0].startswith("-"):
        args = ["show", *args]
    app(args=args, prog_name=prog_name, help_option_names=list(help_option_names))
