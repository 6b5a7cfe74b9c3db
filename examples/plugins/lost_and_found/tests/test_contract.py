"""The plug-in keeps the contract that it shows."""

from pathlib import Path

from banyan.plugin.contract import complaints


def test_it_keeps_the_contract() -> None:
    assert list(complaints(Path(__file__).parents[1] / "src" / "lost_and_found")) == []
