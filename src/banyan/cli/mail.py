"""`banyan mail`: what the mails of this installation look like, and whether its mail server takes them."""

import html
import re
from pathlib import Path
from typing import Annotated

import typer
from aiosmtplib import SMTPException
from msgspec import Struct

from banyan.app.mails import Mails
from banyan.app.settings import Settings, load_settings
from banyan.cli.options import HERE, Output
from banyan.cli.output import Format, print_answer, refuse
from banyan.cli.process import run
from banyan.infra.mail.mailer import SendMail
from banyan.infra.mail.message import MailMessage
from banyan.infra.mail.smtp import SmtpTransport, advice
from banyan.infra.mail.templates import Preview
from banyan.kernel.ids import new_id

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Look at the mails with your own texts and layouts in them, and send one to try the mail server.",
)

# No database is asked: only so that the settings are whole.
_NO_DATABASE = "postgresql://nobody@localhost/none"
_STYLE = "font:15px/1.5 sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem"


class Written(Struct, frozen=True):
    """What was written, and where to begin looking."""

    index: str
    mails: int


class Sent(Struct, frozen=True):
    """A mail that the server has taken."""

    to: str
    from_address: str
    server: str


@app.command("preview")
def preview(
    to: Annotated[Path, typer.Option(help="Folder for the pages; made if it is not there.")] = Path("mail-preview"),
    data: Annotated[Path, typer.Option(help="Directory of the installation.")] = HERE,
    format: Output = Format.table,
) -> None:
    """Write every mail in every language as HTML and text, with an index.html to begin at.

    Says what is wrong with your own texts and layouts, if anything is; a server refuses to start with those.
    """
    run(_preview(to, data, format))


@app.command("test")
def send_test(
    to: Annotated[str, typer.Argument(help="Your own address.")],
    data: Annotated[Path, typer.Option(help="Directory of the installation.")] = HERE,
    format: Output = Format.table,
) -> None:
    """Send one mail by the server that the settings name. Says what that server answers; status 1 when it refuses."""
    run(_send_test(to, data, format))


async def _preview(to: Path, data: Path, format: Format) -> None:
    previews = Mails.read(_settings(data)).templates.previews()
    to.mkdir(parents=True, exist_ok=True)
    for one in previews:
        (to / f"{_name(one)}.html").write_text(one.message.html, "utf-8")
        (to / f"{_name(one)}.txt").write_text(f"Subject: {one.message.subject}\n\n{one.message.text}", "utf-8")
    index = to / "index.html"
    index.write_text(_index(previews), "utf-8")
    written = Written(str(index.resolve()), len(previews))
    print_answer(written, f"{written.mails} mails written. Open {written.index}", format)


async def _send_test(to: str, data: Path, format: Format) -> None:
    settings = _settings(data)
    mail, community = settings.mail, settings.community.name
    if mail.host is None:
        refuse("No mail server is set (mail.host): mails land in the dev mailbox, whose address `banyan up` prints.")
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", to):
        refuse(f"{to!r} is no e-mail address.")
    words = f"{community} can send mail: this one came by {mail.host}."
    message = MailMessage(to, f"A mail to try {community}'s mail server", words, f"<p>{html.escape(words)}</p>")
    server = f"{mail.host}:{mail.port}"
    try:
        await SmtpTransport(mail, community).send(SendMail(new_id(), message))
    except (SMTPException, OSError) as error:
        refuse(f"{server} did not take the mail from {mail.from_address} to {to}: {error}. {advice(error)}")
    sent = Sent(to, mail.from_address, server)
    print_answer(sent, f"{server} took a mail from {sent.from_address} to {to}. Look whether it arrived.", format)


def _settings(data: Path) -> Settings:
    defaults = {"database": {"url": _NO_DATABASE}, "mail": {"templates_dir": str(data)} if data.is_dir() else {}}
    return load_settings(data, defaults)


def _name(one: Preview) -> str:
    return f"{one.feature}.{one.kind}.{one.language}"


def _index(previews: list[Preview]) -> str:
    rows = "\n".join(
        f'<li><code>{_name(one)}</code> <a href="{_name(one)}.html">HTML</a> <a href="{_name(one)}.txt">text</a> '
        f"<bdi>{html.escape(one.message.subject)}</bdi></li>"
        for one in previews
    )
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>Mails</title>\n'
        f'<body style="{_STYLE}">\n<h1>Mails</h1>\n<ul>\n{rows}\n</ul>\n</body>\n</html>\n'
    )
