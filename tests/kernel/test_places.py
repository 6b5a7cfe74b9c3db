"""Places are made coarse: never far off, never exact, always the same."""

import math

from hypothesis import example, given
from hypothesis import strategies as st

from banyan.kernel.places import ACCURACY_METERS, Place, fuzz

_EARTH_METERS = 6_371_009.0

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)


def meters_between(one: Place, other: Place) -> float:
    """Great-circle distance by the haversine formula."""
    low, high = math.radians(one.latitude), math.radians(other.latitude)
    turn = math.radians(other.longitude - one.longitude)
    a = math.sin((high - low) / 2) ** 2 + math.cos(low) * math.cos(high) * math.sin(turn / 2) ** 2
    return 2 * _EARTH_METERS * math.asin(min(1.0, math.sqrt(a)))


@given(latitudes, longitudes)
@example(90, 0)
@example(-90, 180)
@example(89.9999, 60)
@example(0, 180)
@example(0, -180)
def test_a_place_is_moved_by_less_than_the_stated_accuracy(latitude: float, longitude: float) -> None:
    exact = Place(latitude, longitude)
    rough = fuzz(exact)
    assert meters_between(exact, rough) <= ACCURACY_METERS
    assert -90 <= rough.latitude <= 90 and -180 <= rough.longitude <= 180


@given(latitudes, longitudes)
def test_made_coarse_again_it_stays(latitude: float, longitude: float) -> None:
    rough = fuzz(Place(latitude, longitude))
    assert fuzz(rough) == rough


def test_neighbours_share_a_cell_and_cells_are_about_a_kilometre_wide() -> None:
    cells = {fuzz(Place(6.5 + north / 10_000, 3.35 + east / 10_000)) for north in range(90) for east in range(90)}
    # 90 x 90 points over 1 km x 1 km touch at most four cells.
    assert 1 <= len(cells) <= 4
    one = fuzz(Place(6.5, 3.35))
    east = next(
        rough for step in range(200) if (rough := fuzz(Place(6.5, 3.35 + step / 10_000))).longitude != one.longitude
    )
    assert 950 < meters_between(one, east) < 1050


def test_both_names_of_the_date_line_are_one() -> None:
    assert fuzz(Place(10, 180)) == fuzz(Place(10, -180))
