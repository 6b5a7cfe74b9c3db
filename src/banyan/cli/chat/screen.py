"""What one sees: lines for people, with the line that is being written below them, or JSON for scripts."""

import json
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from rich.console import Console
from rich.markup import escape

from banyan.cli.chat.keyboard import Lines
from banyan.cli.output import print_line
from banyan_client.models import ChatMessage, Conversation

_NEWLINE = "\n"
# Beside what can be printed: line ends, and what joins letters and pictures.
_KEPT = "\n\u200c\u200d"
_COLOURS = ("cyan", "magenta", "yellow", "green", "blue", "red")

HELP = """  [bold]/list[/]          your conversations
  [bold]/open HANDLE[/]   talk to somebody; a number opens one of the list
  [bold]/more[/]          earlier messages
  [bold]/who[/]           who has read how far
  [bold]/quit[/]          or Ctrl-D"""


class Screen(Protocol):
    """One method for each thing that can be told."""

    def conversations(self, items: Iterable[Conversation]) -> None: ...
    def opened(self, conversation: Conversation) -> None: ...
    def message(self, message: ChatMessage, *, mine: bool) -> None: ...
    def changed(self, message: ChatMessage, *, deleted: bool) -> None: ...
    def reaction(self, name: str, kind: str | None, message_id: str) -> None: ...
    def read(self, name: str, seq: int) -> None: ...
    def typing(self, names: tuple[str, ...]) -> None: ...
    def unread(self, name: str, conversation_id: str, number: int) -> None: ...
    def note(self, words: str) -> None: ...
    def offline(self, reason: str, seconds: float) -> None: ...
    def online(self) -> None: ...
    def wrong(self, words: str, code: str) -> None: ...
    def help(self) -> None: ...


def title_of(conversation: Conversation) -> str:
    """What a conversation is called: its title, or who is in it."""
    names = ", ".join(card.display_name for card in conversation.members)
    return conversation.title or names or "nobody else"


class JsonScreen:
    """A line per happening."""

    def conversations(self, items: Iterable[Conversation]) -> None:
        found = [
            {"id": str(one.id), "title": title_of(one), "unread_count": one.unread_count, "seq": one.seq}
            for one in items
        ]
        _print({"type": "conversations", "items": found})

    def opened(self, conversation: Conversation) -> None:
        members = [card.handle for card in conversation.members]
        _print({"type": "opened", "id": str(conversation.id), "title": title_of(conversation), "members": members})

    def message(self, message: ChatMessage, *, mine: bool) -> None:
        _print({"type": "message", "mine": mine, **_facts(message)})

    def changed(self, message: ChatMessage, *, deleted: bool) -> None:
        _print({"type": "message_deleted" if deleted else "message_edited", **_facts(message)})

    def reaction(self, name: str, kind: str | None, message_id: str) -> None:
        _print({"type": "reaction", "by": name, "kind": kind, "message_id": message_id})

    def read(self, name: str, seq: int) -> None:
        _print({"type": "read", "by": name, "seq": seq})

    def typing(self, names: tuple[str, ...]) -> None:
        _print({"type": "typing", "names": list(names)})

    def unread(self, name: str, conversation_id: str, number: int) -> None:
        _print({"type": "unread", "id": conversation_id, "title": name, "unread_count": number})

    def note(self, words: str) -> None:
        _print({"type": "note", "text": words})

    def offline(self, reason: str, seconds: float) -> None:
        _print({"type": "offline", "reason": reason, "retry_seconds": round(seconds, 1)})

    def online(self) -> None:
        _print({"type": "online"})

    def wrong(self, words: str, code: str) -> None:
        _print({"type": "error", "code": code, "text": words})

    def help(self) -> None:
        _print({"type": "help", "commands": ["/list", "/open", "/more", "/who", "/quit"]})


def _facts(message: ChatMessage) -> Mapping[str, object]:
    author = message.author.handle if message.author else None
    return {"id": str(message.id), "seq": message.seq, "from": author, "body": message.body}


def _print(facts: Mapping[str, object]) -> None:
    print_line(json.dumps(facts, ensure_ascii=False))


class TerminalScreen:
    """Prints above the line that is being written. Who types stands in front of it."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._console = Console(highlight=False, soft_wrap=True)
        self._open = ""
        self._typing: tuple[str, ...] = ()
        self._lost = False
        self._day = ""

    def conversations(self, items: Iterable[Conversation]) -> None:
        rows = [self._row(number, one) for number, one in enumerate(items, 1)]
        self._say(*(rows or ["[dim]No conversations yet: /open HANDLE begins one.[/]"]))

    def opened(self, conversation: Conversation) -> None:
        self._open, self._typing, self._day = title_of(conversation), (), ""
        self._say(f"\n[bold]── {_safe(self._open)} ──[/]")

    def message(self, message: ChatMessage, *, mine: bool) -> None:
        name = message.author.display_name if message.author else "hidden"
        at = message.created_at.astimezone()
        colour = "bold" if mine else _COLOURS[sum(map(ord, name)) % len(_COLOURS)]
        text = "[dim]deleted[/]" if message.deleted else "[dim]hidden[/]" if message.hidden else _safe(message.body)
        edited = " [dim](edited)[/]" if message.edited_at and not message.deleted else ""
        self._say(*self._new_day(at), f"[dim]{at:%H:%M}[/] [{colour}]{_safe(name)}[/]  {text}{edited}")

    def changed(self, message: ChatMessage, *, deleted: bool) -> None:
        name = message.author.display_name if message.author else "Somebody"
        words = "has deleted a message" if deleted else f"has changed a message: {message.body}"
        self._say(f"[dim]      {_safe(name)} {_safe(words)}[/]")

    def reaction(self, name: str, kind: str | None, message_id: str) -> None:
        self._say(f"[dim]      {_safe(name)} {f'reacts: {_safe(kind)}' if kind else 'takes a reaction back'}[/]")

    def read(self, name: str, seq: int) -> None:
        self._say(f"[dim]      ✓ read by {_safe(name)}[/]")

    def typing(self, names: tuple[str, ...]) -> None:
        self._typing = names
        self._say()

    def unread(self, name: str, conversation_id: str, number: int) -> None:
        self._say(f"[yellow]  ● {number} unread: {_safe(name)}[/]")

    def note(self, words: str) -> None:
        self._say(f"[dim]{_safe(words)}[/]")

    def offline(self, reason: str, seconds: float) -> None:
        self._lost = True
        self._say(f"[yellow]  connection lost ({_safe(reason)}); trying again in {seconds:.0f} s[/]")

    def online(self) -> None:
        self._lost = False
        self._say("[green]  connected[/]")

    def wrong(self, words: str, code: str) -> None:
        self._say(f"[red]  {_safe(words)}[/]")

    def help(self) -> None:
        self._say(HELP)

    def _row(self, number: int, one: Conversation) -> str:
        unread = f"[yellow] ● {one.unread_count}[/]" if one.unread_count else ""
        last = one.last_message
        words = (
            ""
            if last is None or last.deleted or last.hidden
            else f"  [dim]{_safe(last.body.partition(_NEWLINE)[0][:50])}[/]"
        )
        return f"{number:>3}  [bold]{_safe(title_of(one))}[/]{unread}{words}"

    def _new_day(self, at: datetime) -> list[str]:
        day = f"{at:%A, %d %B %Y}"
        if day == self._day:
            return []
        self._day = day
        return [f"[dim]      {day}[/]"]

    def _say(self, *rows: str) -> None:
        self._lines.erase()
        for row in rows:
            self._console.print(row)
        sys.stdout.flush()
        self._lines.draw(self._prompt())

    def _prompt(self) -> str:
        lost = "(offline) " if self._lost else ""
        typing = f"({_typing(self._typing)}) " if self._typing else ""
        return f"{lost}{_printable(typing)}{_printable(self._open) or 'chat'}> "


def _typing(names: tuple[str, ...]) -> str:
    if len(names) > 2:
        return f"{len(names)} are typing"
    return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} typing"


def _safe(text: str) -> str:
    """Of others: no markup, and nothing that moves the cursor or changes the terminal."""
    return escape(_printable(text).replace("\n", "\n        "))


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() or letter in _KEPT else " " for letter in text)
