"""The written part of the demo communities: plain text files that anybody can read and extend.

A file is a list of sections, a section a list of parts, a part a list of phrases, one on each line:

    == power | weight 9 | mood sad | emoji 💡🔌 | tags power     a section with its settings
    -- open                                          a part
    No light {at_hood} since {since}. [Yours?|Hm.]   a phrase
    > We have light, maybe it is your fuse.          an answer to the phrase above

In a phrase `{name}` is a slot and `[one|other]` a choice; choices may hold slots and further choices.
"""

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct, field

_FOLDER = Path(__file__).parent


class Section(Struct):
    """`settings` are the words behind the name, `parts` the phrases by part, `answers` those to one phrase."""

    name: str
    settings: dict[str, str] = field(default_factory=dict)
    parts: dict[str, list[str]] = field(default_factory=dict)
    answers: dict[str, list[str]] = field(default_factory=dict)


def read_sections(file_name: str) -> list[Section]:
    """The sections of one file of this folder. Raises ValueError on a phrase that belongs to nothing."""
    sections: list[Section] = []
    part: list[str] | None = None
    for number, line in _meaningful_lines(file_name):
        if line.startswith("== "):
            sections.append(_read_heading(line[3:]))
            part = None
        elif line.startswith("-- ") and sections:
            part = sections[-1].parts.setdefault(line[3:].strip(), [])
        elif part is None:
            raise ValueError(f"{file_name}:{number}: a phrase outside any part")
        elif line.startswith("> "):
            if not part:
                raise ValueError(f"{file_name}:{number}: an answer to nothing")
            sections[-1].answers.setdefault(part[-1], []).append(line[2:])
        else:
            part.append(line)
    return sections


def read_files(prefix: str) -> list[Section]:
    """The sections of all files whose name starts with `prefix`, in the order of the names."""
    names = sorted(path.name for path in _FOLDER.glob(f"{prefix}*.txt"))
    return [section for name in names for section in read_sections(name)]


def _meaningful_lines(file_name: str) -> Iterator[tuple[int, str]]:
    text = (_FOLDER / file_name).read_text(encoding="utf-8")
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if line and not line.startswith("#"):
            yield number, line


def _read_heading(heading: str) -> Section:
    name, *settings = (word.strip() for word in heading.split("|"))
    pairs = (setting.partition(" ") for setting in settings)
    return Section(name, {key: value for key, _, value in pairs})
