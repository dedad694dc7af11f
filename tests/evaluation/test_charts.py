"""Charts are drawn from numbers."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.evaluation.charts import (
    HEIGHT,
    LEFT,
    MOST_POINTS,
    WIDTH,
    Axis,
    Series,
    chart,
    linear_ticks,
    log_ticks,
    swatch,
    thinned,
)

numbers = st.floats(1e-9, 1e9)


@settings(max_examples=200)
@given(st.tuples(numbers, numbers).map(sorted), st.booleans())
def test_ticks_are_few_and_enclose_the_values(ends: list[float], log: bool) -> None:
    low, high = ends
    ticks = log_ticks(low, high) if log else linear_ticks(-low, high)
    assert ticks == sorted(set(ticks))
    assert 2 <= len(ticks) <= (20 if log else 9)
    slack = 1e-6 * (high if log else low + high)
    assert ticks[0] <= (low if log else -low) + slack
    assert ticks[-1] >= high - slack


@pytest.mark.parametrize("value", [0.0, 0.013, 5.0, -3.0])
def test_a_single_value_has_ticks_on_both_sides(value: float) -> None:
    ticks = linear_ticks(value, value)
    assert ticks[0] <= value <= ticks[-1]
    assert len(ticks) > 1


def test_a_chart_is_well_formed_and_its_points_lie_inside() -> None:
    series = [
        Series("first & best", [(0.1, 30.0), (0.5, 20.0), (1.0, 12.5)], 0),
        Series("<noisy>", [(0.1, 20.0), (1.0, 5.0)], None, dashed=True),
    ]
    svg = ElementTree.fromstring(chart(series, Axis("noise < 1"), Axis("PSNR, dB")))
    words = [each.text for each in svg.iter() if each.text]
    assert {"first & best", "<noisy>", "noise < 1", "PSNR, dB"} <= set(words)
    marks = [each.get("transform", "") for each in svg.iter("path") if each.get("class") == "mark"]
    places = [tuple(map(float, re.findall(r"[\d.]+", each))) for each in marks]
    assert len(places) == 5
    assert all(LEFT <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)
    assert places[0][1] < places[1][1], "up is more"


def test_points_that_are_not_joined_have_no_line() -> None:
    series = [Series("a", [(1000.0, 20.0)], 0), Series("b", [(20.0, 21.0)], 1)]
    for joined in (True, False):
        drawn = chart(series, Axis("parameters", log=True), Axis("PSNR, dB"), joined=joined)
        signs = [swatch(each, joined=joined) for each in series]
        assert ('class="line"' in "".join(signs)) == joined
        assert 'class="line"' not in drawn  # one point makes no line


def test_series_are_told_apart_by_colour_and_mark() -> None:
    series = [Series(str(number), [(0.0, 0.0)], number) for number in range(36)]
    assert len({(each.style, each.mark) for each in series}) == 36


def test_long_lines_are_thinned_and_keep_their_ends() -> None:
    points = [(float(number), 0.0) for number in range(10_000)]
    few = thinned(points)
    assert len(few) == MOST_POINTS
    assert (few[0], few[-1]) == (points[0], points[-1])
    assert few == sorted(set(few))
