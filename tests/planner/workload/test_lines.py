"""Where keys stand in a TOML text."""

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from banyan.planner.workload.lines import Key, find_lines

TEXT = '''\
name = "x"   # [not.a.table]

[a.b]
c.d = 1
"quoted.key" = 2
[[list]]
n = [
  1,  # ]
  [2, 3],
  { inner = """
many "lines" ]]
""", after = 'x\\' },
]
[[list]]
[list.sub]
k = 2026-01-01
[[list.deeper]]
z = {}
'''


def test_every_kind_of_key_has_its_line() -> None:
    lines = find_lines(TEXT)
    tomllib.loads(TEXT)
    assert lines.of(("name",)) == 1
    assert lines.of(("a",)) == 3  # without a header of its own
    assert lines.of(("a", "b")) == 3
    assert lines.of(("a", "b", "c", "d")) == 4
    assert lines.of(("a", "b", "quoted.key")) == 5
    assert lines.of(("list", 0)) == 6
    assert lines.of(("list", 0, "n", 1)) == 9
    assert lines.of(("list", 0, "n", 1, 1)) == 9
    assert lines.of(("list", 0, "n", 2, "inner")) == 10
    assert lines.of(("list", 0, "n", 2, "after")) == 12
    assert lines.of(("list", 1)) == 14
    assert lines.of(("list", 1, "sub", "k")) == 16
    assert lines.of(("list", 1, "deeper", 0, "z")) == 18


def test_what_is_not_there_has_the_line_of_what_encloses_it() -> None:
    lines = find_lines(TEXT)
    assert lines.of(("a", "b", "missing", 3)) == 3
    assert lines.of(("nothing",)) == 1
    assert lines.of_dotted("list.1.sub.q") == 15
    assert lines.of_dotted("nothing") is None


_scalars = st.sampled_from(["1", '"]"', "'#'", "true", '"""a\nb"""', "[1, [2]]", "{ x = 1, y = { z = 2 } }", '"\\""'])
_names = st.text("abcxyz-_09", min_size=1, max_size=4)


@given(st.lists(st.tuples(_names, st.dictionaries(_names, _scalars, max_size=4)), max_size=5))
def test_all_keys_that_tomllib_reads_are_found(tables: list[tuple[str, dict[str, str]]]) -> None:
    text = "".join(
        f"[[{name}]]  # here\n" + "".join(f"{key} = {value} # so\n\n" for key, value in pairs.items())
        for name, pairs in tables
    )
    lines = find_lines(text)
    for key in _keys(tomllib.loads(text), ()):
        found = lines.of(key)
        assert found == 1 or text.splitlines()[found - 1].strip(), key
        if isinstance(key[-1], str):
            assert key[-1] in text.splitlines()[found - 1]


def _keys(value: Any, key: Key) -> list[Key]:
    pairs = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    inner = [each for name, part in pairs for each in _keys(part, (*key, name))]
    return [*([key] if key else []), *inner]
