"""How an operator declares attributes: `[attributes.posts.colour]` and so on."""

import re
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

AttributeType = Literal["string", "integer", "number", "boolean", "date", "choice"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")
# An entry of a B-tree takes at most 2,704 bytes, a character up to four of them.
_INDEXED_CHARS = 500


class AttributeSettings(BaseModel):
    """One attribute. `required`: a new post must have it; what has it keeps it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: AttributeType = Field(description="What it holds.")
    description: str = Field("", max_length=500, description="What it means: stands in `/openapi.json`.")
    required: bool = Field(False, description="A new post must have it; for people: once given it stays.")
    indexed: bool = Field(False, description="Lists can be filtered by it; `banyan migrate` makes the index.")
    audience: Literal["everyone", "self"] = Field(
        "everyone", description="`self`: only the author, or the person, sees it. `everyone`: whoever sees the rest."
    )
    max_chars: int = Field(200, ge=1, le=2000, description="Of a string.")
    minimum: float | None = Field(None, description="Of an integer or a number.")
    maximum: float | None = Field(None, description="Of an integer or a number.")
    choices: list[str] = Field([], max_length=200, description="Of a choice: what it may be.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.type == "choice") != bool(self.choices):
            raise ValueError("`choices` belong to the type `choice`, which needs them")
        if len(set(self.choices)) != len(self.choices) or any(not 1 <= len(one) <= 100 for one in self.choices):
            raise ValueError("choices are different texts of 1 to 100 characters")
        if self.type not in ("integer", "number") and (self.minimum is not None or self.maximum is not None):
            raise ValueError("`minimum` and `maximum` belong to numbers")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError("`minimum` is above `maximum`")
        if self.indexed and self.type == "string" and self.max_chars > _INDEXED_CHARS:
            raise ValueError(f"an indexed string has at most {_INDEXED_CHARS} characters")
        if self.indexed and self.audience == "self":
            raise ValueError("what only oneself sees cannot be searched by others")
        return self


class AttributesSettings(BaseModel):
    """The attributes of each kind, by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    people: dict[str, AttributeSettings] = Field({}, max_length=50)
    posts: dict[str, AttributeSettings] = Field({}, max_length=50)

    @field_validator("people", "posts")
    @classmethod
    def _are_named(cls, value: dict[str, AttributeSettings]) -> dict[str, AttributeSettings]:
        for name in value:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name}: a name is of at most 30 of a-z, 0-9 and _, and begins with a letter")
        return value

    @field_validator("people")
    @classmethod
    def _has_no_list(cls, value: dict[str, AttributeSettings]) -> dict[str, AttributeSettings]:
        for name, attribute in value.items():
            if attribute.indexed:
                raise ValueError(f"{name}: there is no list of people to filter, so it cannot be indexed")
        return value

    def by_kind(self) -> dict[str, dict[str, AttributeSettings]]:
        return {"people": self.people, "posts": self.posts}
