"""What a bench says."""

import msgspec


class Figure(msgspec.Struct, frozen=True):
    """One line of the result. `wanted` is the least (or, for bytes, times and ratios, the most) that the project
    promises.
    """

    name: str
    value: float
    unit: str
    wanted: float | None = None
    note: str = ""
