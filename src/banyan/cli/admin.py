"""`banyan admin`: what /v1/admin does, from the server's shell; each look at people and each action is audited."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

import msgspec
import typer

from banyan.app.admin.installation import count_all
from banyan.app.console import Administration, console_settings, has_secret
from banyan.cli import admin_webhooks
from banyan.cli.asking import Many, Place, ask, pages, report, show_rows, shown_time, shown_value
from banyan.cli.options import HERE, Data, Output, Url, running_url
from banyan.cli.output import Format, print_answer, print_json, print_line, refuse
from banyan.cli.process import run
from banyan.features.accounts.models import AccountState, ManagedPerson, ManagedSession, PeopleFilter, Role
from banyan.infra.audit.models import Actor, AuditEntry, ChainState, Filter, Via
from banyan.infra.audit.trail import check_chain, list_entries, record
from banyan.infra.database.work import Work
from banyan.infra.settings_view import SettingView, view_settings

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="See and change people, sessions, webhooks, settings and the audit log of an installation.",
)
people = typer.Typer(no_args_is_help=True, help="People and their accounts.")
app.add_typer(people, name="people")
app.add_typer(admin_webhooks.app, name="webhooks")

T = TypeVar("T")

Who = Annotated[str, typer.Argument(help="Handle, e-mail address or id of a person.")]


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

    def read(place: Place) -> Awaitable[list[ManagedPerson]]:
        return pages(place, limit, lambda work, size, at: place.rules.list_people(work, place.actor, wanted, size, at))

    found = ask(data, url, read)
    if format is Format.json:
        print_json(found)
        return
    columns = ("HANDLE", "NAME", "E-MAIL", "ROLE", "STATE", "SINCE", "ID")
    show_rows(
        columns,
        (
            (one.handle, one.display_name, one.email, one.role, one.state, f"{one.created_at:%Y-%m-%d}", str(one.id))
            for one in found
        ),
    )


@people.command("show")
def show_person(who: Who, data: Data = HERE, url: Url = None, format: Output = Format.table) -> None:
    """Show one person with their account."""
    report(_act(data, url, who, lambda work, actor, rules, id: rules.get_person(work, actor, id)), format)


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
    report(changed, format)


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
    report(changed, format)


@people.command("unsuspend")
def unsuspend(who: Who, data: Data = HERE, url: Url = None, format: Output = Format.table) -> None:
    """Lift a suspension."""
    report(_act(data, url, who, lambda work, actor, rules, id: rules.unsuspend(work, actor, id)), format)


@people.command("delete")
def delete(who: Who, data: Data = HERE, url: Url = None, format: Output = Format.table) -> None:
    """Hide somebody from everybody, and erase their account after the grace period; `restore` takes it back."""
    report(_act(data, url, who, lambda work, actor, rules, id: rules.start_deletion(work, actor, id)), format)


@people.command("restore")
def restore(who: Who, data: Data = HERE, url: Url = None, format: Output = Format.table) -> None:
    """Take the deletion of an account back, as long as it is not erased."""
    report(_act(data, url, who, lambda work, actor, rules, id: rules.restore(work, actor, id)), format)


@people.command("verify-email")
def verify_email(who: Who, data: Data = HERE, url: Url = None, format: Output = Format.table) -> None:
    """Take an account's e-mail address for proven."""
    report(_act(data, url, who, lambda work, actor, rules, id: rules.verify_email(work, actor, id)), format)


@people.command("lift-lockout")
def lift_lockout(who: Who, data: Data = HERE, url: Url = None, format: Output = Format.table) -> None:
    """Let somebody sign in again who failed too often."""
    if not has_secret(data):
        refuse(f"{data} holds no secret: name the installation's directory with --data, or BANYAN_AUTH__SECRET_FILE.")
    report(_act(data, url, who, lambda work, actor, rules, id: rules.lift_lockout(work, actor, id)), format)


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

    async def read(place: Place) -> list[ManagedSession]:
        async with place.platform.pool.work() as work:
            person_id = await place.rules.find_person(work, who)
        return await pages(
            place, limit, lambda work, size, at: place.rules.list_sessions(work, place.actor, person_id, size, at)
        )

    found = ask(data, url, read)
    if format is Format.json:
        print_json(found)
        return
    show_rows(
        ("ID", "SINCE", "LAST USED", "ADDRESS", "CLIENT"),
        (
            (str(one.id), shown_time(one.created_at), shown_time(one.last_used_at), one.ip, one.user_agent)
            for one in found
        ),
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

    async def make(place: Place) -> str | None:
        async with place.platform.pool.work() as work:
            link = await place.platform.features.first_admin.make_link(work)
            if link is not None:
                record(work, place.actor, "setup.first_admin_link")
            return link

    link = ask(data, url, make)
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
        _report_chain(ask(data, url, lambda place: check_chain(place.platform.pool.work())), format)
        return
    wanted = Filter(action=action, via=_read_via(via), account_id=account, subject_id=subject)

    def read(place: Place) -> Awaitable[list[AuditEntry]]:
        return pages(place, limit, lambda work, size, at: list_entries(work, wanted, size, at))

    found = ask(data, url, read)
    if format is Format.json:
        print_json(found)
        return
    show_rows(
        ("NO", "AT", "WHO", "ACTION", "WHAT", "DETAILS"),
        (
            (
                str(one.seq),
                shown_time(one.at),
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
    show_rows(("SETTING", "VALUE", "FROM"), ((one.name, shown_value(one.value), one.source) for one in found))


@app.command("counts")
def show_counts(data: Data = HERE, url: Url = None, format: Output = Format.table) -> None:
    """Show how many accounts, sessions, people, posts and jobs there are."""

    def count(place: Place) -> Awaitable[dict[str, int]]:
        return count_all(place.platform.pool.work(), place.rules, place.platform.features.communities)

    counts = ask(data, url, count)
    if format is Format.json:
        print_json(counts)
        return
    show_rows(("WHAT", "HOW MANY"), ((name, f"{number:,}") for name, number in sorted(counts.items())))


def _act(
    data: Path, url: str | None, who: str, action: Callable[[Work, Actor, Administration, UUID], Awaitable[T]]
) -> T:
    """Does something to one person, in one transaction."""

    async def act(place: Place) -> T:
        async with place.platform.pool.work() as work:
            person_id = await place.rules.find_person(work, who)
            return await action(work, place.actor, place.rules, person_id)

    return ask(data, url, act)


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
