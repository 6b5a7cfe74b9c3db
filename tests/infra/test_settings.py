"""Where settings come from, which source wins, and what is said of wrong ones."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from banyan.infra.settings import BadSettings, Sources, read_settings


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int = Field(1, ge=1, le=9)
    secret: SecretStr | None = Field(None, min_length=8)


class Whole(Sources):
    part: Part = Part()


def read(toml: Path | None = None, size: int | None = None) -> Part:
    defaults = {"part": {"size": size}} if size else {}
    return read_settings(Whole, toml_file=toml, defaults=defaults, fixed={}).part


def test_a_secret_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secret"
    file.write_text("from a file\n")
    monkeypatch.setenv("BANYAN_PART__SECRET_FILE", str(file))
    monkeypatch.setenv("BANYAN_PART__SIZE", "3")
    part = read()
    assert part.secret is not None
    assert (part.secret.get_secret_value(), part.size) == ("from a file", 3)


def test_a_file_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANYAN_PART__SECRET_FILE", "/nowhere/secret")
    with pytest.raises(BadSettings, match=r"^BANYAN_PART__SECRET_FILE: /nowhere/secret cannot be read"):
        read()


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml = tmp_path / "banyan.toml"
    toml.write_text("[part]\nsize = 4\n")
    assert [read(size=2).size, read(toml, size=2).size] == [2, 4]
    monkeypatch.setenv("BANYAN_PART__SIZE", "5")
    assert read(toml, size=2).size == 5


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("BANYAN_PART__SIZE", "1234", r"^part\.size \(BANYAN_PART__SIZE\): Input should be less than or equal to 9$"),
        ("BANYAN_PART__SECRET", "short", r"^part\.secret \(BANYAN_PART__SECRET\): .* at least 8 items"),
        ("BANYAN_PART__SISE", "1234", r"^part\.sise \(BANYAN_PART__SISE\): There is no such setting\.$"),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings, match=words) as refusal:
        read()
    assert value not in str(refusal.value)


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    toml = tmp_path / "banyan.toml"
    toml.write_text("[part\n")
    with pytest.raises(BadSettings, match=r"banyan\.toml: "):
        read(toml)
