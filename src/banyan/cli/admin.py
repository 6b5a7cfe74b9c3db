"""`banyan admin`: what /v1/admin does, from the server's shell; each look at people and each action is audited."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from banyan.app.admin.installation import count_all
from banyan.app.console import Administration, console_settings, has_secret, open_console
from banyan.app.wiring import Platform
from banyan.cli.options import HERE, Data, Output, Url, database_url, running_url, shell_actor
from banyan.cli.output import Format, print_answer, print_json, print_line, print_table, refuse
from banyan.cli.process import run
from banyan.features.accounts.models import AccountState, ManagedPersonDetails, PeopleFilter, Role
from banyan.infra.audit.models import Actor, ChainState, Filter, Via
from banyan.infra.audit.trail import check_chain, list_entries, record
from banyan.infra.database.work import Work
from banyan.infra.settings_view import SettingView, view_settings
from banyan.kernel.errors import BanyanError
from banyan.kernel.pages import MAX_LIMIT, Page

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="See and change people, sessions, settings and the audit log of an installation.",
)
people = typer.Typer(no_args_is_help=True, help="People and their accounts.")
app.add_typer(people, name="people")

T = TypeVar("T")

Who = Annotated[str, typer.Argument(help="Handle, e-mail address or id of a person.")]
Many = Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, newest first.")]


@people.command("list")
def list_people(
    query: Annotated[str | None, typer.Option(help="Part of a name, of a handle or of an e-mail address.")] = None,
    role: Annotated[Role | None, typer.Option(help="Only accounts of this role.")] = None,
    state: Annotated[AccountState | None, typer.Option(help="Only accounts in this state.")] = None,
    limit: Many = 50,
    data: Data = HERE,
    url: Url = None,
    format: Output = Format.table,
) -> None:
    """List people, newest first."""
    wanted = PeopleFilter(query=query, role=role, state=state)

    def page(work: Work, actor: Actor, rules: Administration, size: int, cursor: str | None) -> Awaitable[Page[Any]]:
        return rules.list_people(work, actor, wanted, size, cursor)

    found = _ask(data, url, lambda place: _pages(place, limit, page))
    if format is Format.json:
        print_json(found)
        return
    columns = ("HANDLE", "NAME", "E-MAIL", "ROLE", "STATE", "SINCE", "ID")
    _show(
        columns,
        (
            (one.handle, one.display_name, one.email, one.role, one.state, f"{one.created_at:%Y-%m-%d}", str(one.id))
            for one in found
        ),
    )


@people.command("show")
def show_person(who: Who, data: Data = HERE, url: Url = None, format: Output = Format.table) -> None:
    """Show one person with their account."""
    _report(_act(data, url, who, lambda work, actor, rules, id: rules.get_person(work, actor, id)), format)


@people.command("set-role")
def set_role(
    who: Who,
    role: Annotated[Role, typer.Argument(help="The role that they are to have.")],
    data: Data = HERE,
    url: Url = None,
    format: Output = Format.table,
) -> None:
    """Give somebody another role; it holds in running servers within a second."""
    changed = _act(data, url, who, lambda work, actor, rules, id: rules.set_role(work, actor, id, role))
    _report(changed, format)


@people.command("suspend")
def suspend(
    who: Who,
    reason: Annotated[str, typer.Option(help="Why: kept, and told to the person when they try to sign in.")],
    data: Data = HERE,
    url: Url = None,
    format: Output = Format.table,
) -> None:
    """Suspend an account: its sessions end, and nobody can sign in to it."""
    changed = _act(data, url, who, lambda work, actor, rules, id: rules.suspend(work, actor, id, reason))
    _report(changed, format)


@people.command("unsuspend")
def unsuspend(who: Who, data: Data = HERE, url: Url = None, format: Output = Format.table) -> None:
    """Lift a suspension."""
    _report(_act(data, url, who, lambda work, actor, rules, id: rules.unsuspend(work, actor, id)), format)


@people.command("delete")
def delete(who: Who, data: Data = HERE, url: Url = None, format: Output = Format.table) -> None:
    """Hide somebody from everybody, and erase their account after the grace period; `restore` takes it back."""
    _report(_act(data, url, who, lambda work, actor, rules, id: rules.start_deletion(work, actor, id)), format)


@people.command("restore")
def restore(who: Who, data: Data = HERE, url: Url = None, format: Output = Format.table) -> None:
    """Take the deletion of an account back, as long as it is not erased."""
    _report(_act(data, url, who, lambda work, actor, rules, id: rules.restore(work, actor, id)), format)


@people.command("verify-email")
def verify_email(who: Who, data: Data = HERE, url: Url = None, format: Output = Format.table) -> None:
    """Take an account's e-mail address for proven."""
    _report(_act(data, url, who, lambda work, actor, rules, id: rules.verify_email(work, actor, id)), format)


@people.command("lift-lockout")
def lift_lockout(who: Who, data: Data = HERE, url: Url = None, format: Output = Format.table) -> None:
    """Let somebody sign in again who failed too often."""
    if not has_secret(data):
        refuse(f"{data} holds no secret: name the installation's directory with --data, or BANYAN_AUTH__SECRET_FILE.")
    _report(_act(data, url, who, lambda work, actor, rules, id: rules.lift_lockout(work, actor, id)), format)


@people.command("totp-off")
def turn_off_second_factor(who: Who, data: Data = HERE, url: Url = None, format: Output = Format.table) -> None:
    """Turn off the second factor of somebody who has lost device and recovery codes."""
    _act(data, url, who, lambda work, actor, rules, id: rules.turn_off_second_factor(work, actor, id))
    words = "The second factor is off: the password alone is enough now. The owner has been told."
    print_answer({"second_factor": "off"}, words, format)


@people.command("sessions")
def list_sessions(
    who: Who, limit: Many = 50, data: Data = HERE, url: Url = None, format: Output = Format.table
) -> None:
    """List where somebody is signed in."""

    async def ask(place: "_Place") -> list[Any]:
        async with place.platform.pool.work() as work:
            person_id = await place.rules.find_person(work, who)

        def page(
            work: Work, actor: Actor, rules: Administration, size: int, cursor: str | None
        ) -> Awaitable[Page[Any]]:
            return rules.list_sessions(work, actor, person_id, size, cursor)

        return await _pages(place, limit, page)

    found = _ask(data, url, ask)
    if format is Format.json:
        print_json(found)
        return
    _show(
        ("ID", "SINCE", "LAST USED", "ADDRESS", "CLIENT"),
        ((str(one.id), _time(one.created_at), _time(one.last_used_at), one.ip, one.user_agent) for one in found),
    )


@people.command("end-sessions")
def end_sessions(
    who: Who,
    session: Annotated[UUID | None, typer.Option(help="Only this one; without it all.")] = None,
    data: Data = HERE,
    url: Url = None,
    format: Output = Format.table,
) -> None:
    """End somebody's sessions; running servers hear of it within a second."""

    async def end(work: Work, actor: Actor, rules: Administration, id: UUID) -> int:
        if session is None:
            return await rules.end_sessions(work, actor, id)
        await rules.end_session(work, actor, id, session)
        return 1

    ended = _act(data, url, who, end)
    print_answer({"ended": ended}, f"{ended} session{'' if ended == 1 else 's'} ended", format)


@people.command("reset-password-link")
def reset_password_link(who: Who, data: Data = HERE, url: Url = None, format: Output = Format.table) -> None:
    """Print a link with which somebody chooses a new password: whoever has it has the account."""
    link = _act(data, url, who, lambda work, actor, rules, id: rules.make_reset_link(work, actor, id))
    print_answer({"url": link}, link, format)


@app.command("first-admin-link")
def first_admin_link(data: Data = HERE, url: Url = None, format: Output = Format.table) -> None:
    """Print a new one-time link that makes the first admin; it voids the one before."""

    async def make(place: "_Place") -> str | None:
        async with place.platform.pool.work() as work:
            link = await place.platform.features.first_admin.make_link(work)
            if link is not None:
                record(work, place.actor, "setup.first_admin_link")
            return link

    link = _ask(data, url, make)
    if link is None:
        refuse("there is an admin already: use `banyan admin people set-role WHO admin`.")
    print_answer({"url": link}, link, format)


@app.command("audit")
def show_audit(
    action: Annotated[str | None, typer.Option(help="Such as people.suspend; `people.` takes all of people.")] = None,
    via: Annotated[str | None, typer.Option(help="session, api_key or shell.")] = None,
    account: Annotated[UUID | None, typer.Option(help="Only what this account did.")] = None,
    subject: Annotated[str | None, typer.Option(help="Only what was done to the thing or person with this id.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Check the whole log instead of listing it.")] = False,
    limit: Many = 50,
    data: Data = HERE,
    url: Url = None,
    format: Output = Format.table,
) -> None:
    """List what operators did and looked at, newest first, or check that nobody tampered with it (status 1 then)."""
    if verify:
        _report_chain(_ask(data, url, lambda place: check_chain(place.platform.pool.work())), format)
        return
    wanted = Filter(action=action, via=_read_via(via), account_id=account, subject_id=subject)

    def page(work: Work, actor: Actor, rules: Administration, size: int, cursor: str | None) -> Awaitable[Page[Any]]:
        return list_entries(work, wanted, size, cursor)

    found = _ask(data, url, lambda place: _pages(place, limit, page))
    if format is Format.json:
        print_json(found)
        return
    _show(
        ("NO", "AT", "WHO", "ACTION", "WHAT", "DETAILS"),
        (
            (
                str(one.seq),
                _time(one.at),
                str(one.account_id or f"{one.via}: {one.via_id}"),
                one.action,
                f"{one.subject.kind} {one.subject.id}" if one.subject else "",
                bytes(one.details).decode(),
            )
            for one in found
        ),
    )


@app.command("settings")
def show_settings(data: Data = HERE, format: Output = Format.table) -> None:
    """Show all settings and where each comes from; secrets show as ***. Those of `serve` come from its environment."""

    async def read() -> list[SettingView]:
        # No database is asked: one that is not named is the embedded one.
        return view_settings(console_settings("postgresql:///embedded", data, running_url(data)))

    found = run(read())
    if format is Format.json:
        print_json(found)
        return
    _show(("SETTING", "VALUE", "FROM"), ((one.name, _value(one.value), one.source) for one in found))


@app.command("counts")
def show_counts(data: Data = HERE, url: Url = None, format: Output = Format.table) -> None:
    """Show how many accounts, sessions, people, posts and jobs there are."""

    def count(place: "_Place") -> Awaitable[dict[str, int]]:
        return count_all(place.platform.pool.work(), place.rules, place.platform.features.communities)

    counts = _ask(data, url, count)
    if format is Format.json:
        print_json(counts)
        return
    _show(("WHAT", "HOW MANY"), ((name, f"{number:,}") for name, number in sorted(counts.items())))


class _Place:
    """The installation that a command works on, and who works."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.rules = platform.features.administration
        self.actor = shell_actor()


def _ask(data: Path, url: str | None, question: Callable[[_Place], Awaitable[T]]) -> T:
    """What the question answers; a refusal is said in words, with status 1."""

    async def ask() -> T:
        async with open_console(database_url(data, url), data, running_url(data)) as platform:
            return await question(_Place(platform))

    try:
        return run(ask())
    except BanyanError as error:
        refuse(error.detail)


def _act(
    data: Path, url: str | None, who: str, action: Callable[[Work, Actor, Administration, UUID], Awaitable[T]]
) -> T:
    """Does something to one person, in one transaction."""

    async def act(place: _Place) -> T:
        async with place.platform.pool.work() as work:
            person_id = await place.rules.find_person(work, who)
            return await action(work, place.actor, place.rules, person_id)

    return _ask(data, url, act)


async def _pages(
    place: _Place,
    limit: int,
    page: Callable[[Work, Actor, Administration, int, str | None], Awaitable[Page[Any]]],
) -> list[Any]:
    """The first `limit` items of a list."""
    found: list[Any] = []
    cursor: str | None = None
    async with place.platform.pool.work() as work:
        while len(found) < limit:
            part = await page(work, place.actor, place.rules, min(MAX_LIMIT, limit - len(found)), cursor)
            found += part.items
            cursor = part.next_cursor
            if cursor is None:
                break
    return found


def _report(person: ManagedPersonDetails, format: Format) -> None:
    if format is Format.json:
        print_json(person)
        return
    table = Table.grid(padding=(0, 2))
    for name in person.__struct_fields__:
        value = getattr(person, name)
        table.add_row(name, Text(_time(value) if isinstance(value, datetime) else _value(value)))
    print_table(table)


def _report_chain(state: ChainState, format: Format) -> None:
    if format is Format.json:
        print_json(state)
    elif state.broken_at is None:
        print_line(f"{state.entries} entries, each follows from the one before. Newest hash: {state.newest_hash}")
    if state.broken_at is not None:
        refuse(f"somebody tampered with the audit log: entry {state.broken_at} does not follow from the one before.")


def _read_via(text: str | None) -> Via | None:
    if text is None:
        return None
    try:
        via: Via = msgspec.convert(text, Via)
    except msgspec.ValidationError:
        raise typer.BadParameter("choose from session, api_key and shell") from None
    return via


def _show(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # Not markup, whatever somebody calls themselves.
        table.add_row(*(Text(str(cell)) for cell in row))
    print_table(table)


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _value(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else msgspec.json.encode(value).decode()
