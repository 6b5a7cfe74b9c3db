"""Whatever is done to a file, it is read or refused with lines; nothing else is raised."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from banyan.planner.workload.parse import WorkloadError, parse_workload

LINES = [line for name in ("mecabal",) for line in Path(f"examples/{name}.toml").read_text().splitlines()]
VALUES = st.sampled_from(
    [
        '""',
        '"x"',
        "-1",
        "0",
        "1.5",
        "1e400",
        "nan",
        "inf",
        "true",
        "[]",
        "[1]",
        "[3,2]",
        "[[1,2]]",
        "[1,2,3,4]",
        "{}",
        "{a=1}",
        "[{name=1}]",
        "2026-01-01",
        "99999999999999999999",
        '"2026-13"',
        "'''x'''",
    ]
)
CHANGES = st.lists(
    st.tuples(st.integers(0, len(LINES) - 1), st.sampled_from(["drop", "value", "twice", "key", "swap"]), VALUES),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(start=st.integers(0, 3), changes=CHANGES)
def test_a_mangled_file_is_read_or_refused(start: int, changes: list[tuple[int, str, str]]) -> None:
    lines = list(LINES[: len(LINES) // (start + 1)])
    for place, kind, value in changes:
        place %= len(lines)
        if kind == "drop" and len(lines) > 1:
            del lines[place]
        elif kind == "twice":
            lines.insert(place, lines[place])
        elif kind == "key":
            lines[place] = "q" + lines[place]
        elif kind == "swap":
            lines[place], lines[-1] = lines[-1], lines[place]
        elif "=" in lines[place]:
            lines[place] = f"{lines[place].split('=')[0]}= {value}"
    text = "\n".join(lines)
    try:
        parse_workload(text)
    except WorkloadError as error:
        assert error.problems
        for problem in error.problems:
            assert 1 <= problem.line <= text.count("\n") + 2
            assert problem.message and "\n" not in problem.text("f.toml")
