"""Ids: in order, and never twice, also where a process was split in two."""

import subprocess
import sys

from banyan.kernel.ids import new_id

# Both halves print what is random of their ids, each in one write. In a process of its own: this one has threads.
_SPLIT = """
import os
from banyan.kernel.ids import new_id
new_id()
child = os.fork()
if child:
    os.waitpid(child, 0)
os.write(1, b"".join(new_id().hex[16:].encode() + b"\\n" for _ in range(100)))
"""


def test_ids_rise_and_differ_over_many_blocks_of_random_numbers() -> None:
    made = [new_id() for _ in range(20_000)]

    assert made == sorted(set(made))
    assert {made_id.version for made_id in made} == {7}


def test_a_child_does_not_make_the_ids_of_its_parent() -> None:
    printed = subprocess.run([sys.executable, "-c", _SPLIT], check=True, capture_output=True, text=True).stdout

    tails = printed.split()

    assert len(tails) == len(set(tails)) == 200
