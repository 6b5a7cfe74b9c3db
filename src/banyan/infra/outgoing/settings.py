"""What settings of outgoing requests have in common: networks that may be asked, and pauses between tries."""

import ipaddress
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from banyan.infra.outgoing.networks import Network


def read_networks(texts: Sequence[str]) -> list[Network]:
    """`10.20.0.0/16` and the like. Raises ValueError for what is no network."""
    return [ipaddress.ip_network(text) for text in texts]


def _are_networks(value: list[str]) -> list[str]:
    read_networks(value)
    return value


def _are_pauses(value: list[float]) -> list[float]:
    if any(seconds <= 0 for seconds in value):
        raise ValueError("each pause is longer than 0 seconds")
    return value


NetworkTexts = Annotated[list[str], AfterValidator(_are_networks)]
RetrySeconds = Annotated[
    list[float],
    Field(
        min_length=1,
        max_length=50,
        description="Pauses between one try and the next, each shortened or stretched by up to a fifth by chance.",
    ),
    AfterValidator(_are_pauses),
]
