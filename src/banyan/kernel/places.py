"""Places on Earth, and how they are made coarse before anybody keeps them."""

import math

from msgspec import Struct

# Rows of cells are 0.009 degrees of latitude high: 1,000 m, at 111,195 m a degree (mean Earth radius 6,371,009 m).
_STEP_DEGREES = 0.009
_ROWS = round(180 / _STEP_DEGREES)
# Half the diagonal of a cell is 708 m; towards the poles, where few cells go around, it comes close to 900.
ACCURACY_METERS = 1000
# 0.1 m: less would say nothing, more would move the middle of a cell.
_DECIMALS = 6


class Place(Struct, frozen=True):
    """A point in degrees: latitude from -90 to 90, longitude from -180 to 180."""

    latitude: float
    longitude: float


def fuzz(exact: Place) -> Place:
    """The middle of the cell of about 1 km by 1 km that a point lies in, at most ACCURACY_METERS away from it.

    A fixed grid and no random noise: from many answers nobody can average out more than from one.
    """
    row = min(math.floor((exact.latitude + 90) / _STEP_DEGREES), _ROWS - 1)
    latitude = -90 + (row + 0.5) * _STEP_DEGREES
    columns = max(1, math.floor(360 * math.cos(math.radians(latitude)) / _STEP_DEGREES))
    # -180 and 180 are one meridian.
    column = math.floor((exact.longitude + 180) / 360 * columns) % columns
    longitude = -180 + (column + 0.5) * 360 / columns
    return Place(round(latitude, _DECIMALS), round(longitude, _DECIMALS))
