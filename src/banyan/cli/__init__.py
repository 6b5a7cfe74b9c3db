"""The command line: one file per command, loaded only when it is called."""

import difflib
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from banyan import __version__
from banyan.app.loading import load

# Command -> (the Typer application that is it, one line of help): help needs no command's code.
COMMANDS = {
    "up": ("banyan.cli.up:app", "run everything in one process, on an embedded PostgreSQL unless one is named"),
    "serve": ("banyan.cli.serve:app", "run chosen roles or services of a larger installation"),
    "migrate": ("banyan.cli.migrate:app", "bring the database to this version"),
    "status": ("banyan.cli.status:app", "show how a running server is doing"),
    "chat": ("banyan.cli.chat.command:app", "talk to people of a community, live, in the terminal"),
    "accounts": ("banyan.cli.accounts:app", "import accounts of another system, with their password hashes"),
    "mail": (
        "banyan.cli.mail:app",
        "look at the mails with your own texts in them, and send one to try the mail server",
    ),
    "admin": ("banyan.cli.admin:app", "see and change people, sessions, settings and the audit log"),
    "backup": ("banyan.cli.backup:app", "back up, check and restore database and files"),
    "plugins": ("banyan.cli.plugins:app", "list the plug-ins, and hold one to the contract"),
    "plan": ("banyan.cli.plan:run", "plan servers, phases and cost from a file about the people"),
    "jobs": ("banyan.cli.jobs:app", "list, show and retry background jobs"),
}

# As a shell says it of a command that SIGPIPE ended: 128 + SIGPIPE.
_NOBODY_READS = 141

_HELP_OPTIONS = ["--help", "-h"]
_SUMMARY = "Banyan: a self-hosted backend for community apps, with its own capacity planner."


def main() -> None:
    """Entry point of `banyan` and `python -m banyan`; ends the process with the command's status."""
    with _ending_with_the_answer():
        _obey(sys.argv[1:])


@contextmanager
def _ending_with_the_answer() -> Iterator[None]:
    """Whoever reads the answer may have enough of it, as `head` has: that ends a command without a word. A file that
    takes no more ends it with one.
    """
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC):
            raise
        # What is left in the buffer would be tried once more at the very end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_NOBODY_READS if error.errno == errno.EPIPE else f"banyan: {error.strerror}")


def _obey(arguments: list[str]) -> None:
    name = arguments[0] if arguments else "--help"
    if name == "help" and len(arguments) > 1:
        name, arguments = arguments[1], [*arguments[1:], "--help"]
    if name in COMMANDS:
        _call(name, arguments[1:])
    elif name in ("help", *_HELP_OPTIONS):
        print(_help())
    elif name in ("--version", "version"):
        print(f"banyan {__version__}")
    else:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f" Did you mean `{near[0]}`?" if near else ""
        print(f"banyan: there is no command `{name}`.{hint} See `banyan --help`.", file=sys.stderr)
        sys.exit(2)


def _call(name: str, arguments: list[str]) -> None:
    try:
        load(COMMANDS[name][0])(args=arguments, prog_name=f"banyan {name}", help_option_names=_HELP_OPTIONS)
    except KeyboardInterrupt:
        # While its code is still being loaded.
        sys.exit(130)


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {words}" for name, (_, words) in COMMANDS.items()]
    usage = "Usage: banyan COMMAND [OPTIONS]\n       banyan COMMAND --help\n       banyan --version"
    return f"{_SUMMARY}\n\n{usage}\n\nCommands:\n" + "\n".join(lines)
