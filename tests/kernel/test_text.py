"""What may stand in a name, and what counts as text that can be seen."""

import pytest

from banyan.kernel.errors import Invalid
from banyan.kernel.text import check_line, check_lines


@pytest.mark.parametrize("name", ["Ada\u202eevil", "\u2066Ada", "Ada\u2028Obi", "Ada\x00"])
def test_a_name_turns_nothing_round(name: str) -> None:
    with pytest.raises(Invalid):
        check_line(name, "display_name", max_chars=80)


def test_direction_marks_stay_and_are_no_text_by_themselves() -> None:
    assert check_line("\u200fعلي (Ali)", "display_name", max_chars=80) == "\u200fعلي (Ali)"
    assert check_lines("one \u202bعلي\u202c\ntwo", "body", max_chars=80) == "one \u202bعلي\u202c\ntwo"
    for blank in ("\u200f\u200b", "\u202a\u202c"):
        with pytest.raises(Invalid):
            check_lines(blank, "body", max_chars=80)
