"""Tiles cover the image and leave no seams."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pellucid.inference.overview import Layout
from pellucid.inference.session import Session
from pellucid.inference.stream import Progress, Work, stream
from pellucid.inference.tiling import Tiles, pad_to, plan
from pellucid.io.sink import ArraySink
from pellucid.io.source import ArraySource
from tests.tiny import colours

SIDES = st.integers(1, 40) | st.integers(1, 700)


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    stride = draw(st.sampled_from([1, 2, 4, 8, 16]))
    halo = draw(st.integers(0, 60))
    least = 2 * -(-halo // stride) * stride + stride
    largest = draw(st.integers(least, least + 40) | st.integers(least, 1200))
    return {
        "height": draw(SIDES),
        "width": draw(SIDES),
        "stride": stride,
        "halo": halo,
        "largest": (largest, draw(st.integers(least, 1200))),
    }


def planned(*sides: int, largest: int | tuple[int, int], **settings: Any) -> Tiles:
    tall, wide = (largest, largest) if isinstance(largest, int) else largest
    tiles = plan(*sides, fits=lambda height, width: height <= tall and width <= wide, **settings)
    assert tiles is not None
    return tiles


def denoise_tiled(session: Session, noisy: NDArray[Any], tiles: Tiles, sigma: float = 0.1) -> NDArray[Any]:
    return streamed(noisy, Work(tiles, lambda tile: session.run(tile, sigma)))


def streamed(noisy: NDArray[Any], work: Work, progress: Progress | None = None) -> NDArray[Any]:
    out = np.full_like(noisy, np.nan)
    layout = Layout(noisy.shape[2], grey=False, alpha=False, nodata=None)
    stream(ArraySource(noisy), ArraySink(out), layout, work, progress)
    return out


@settings(max_examples=300, deadline=None)
@given(plans())
def test_tiles_cover_every_pixel_once_in_order(settings: dict[str, Any]) -> None:
    tiles = planned(**settings)
    for spans, extent in ((tiles.rows, settings["height"]), (tiles.columns, settings["width"])):
        kept = [pixel for span in spans for pixel in range(span.start, span.stop)]
        assert kept == list(range(extent))
        assert all(span.start < span.stop for span in spans)


@settings(max_examples=300, deadline=None)
@given(plans())
def test_origins_are_multiples_of_the_stride_and_windows_no_larger_than_allowed(
    settings: dict[str, Any],
) -> None:
    tiles, stride = planned(**settings), settings["stride"]
    assert all(span.origin % stride == 0 for span in (*tiles.rows, *tiles.columns))
    limits = zip(tiles.window, settings["largest"], strict=True)
    assert all(side % stride == 0 and side <= limit for side, limit in limits)


@settings(max_examples=300, deadline=None)
@given(plans())
def test_what_is_kept_lies_a_halo_away_from_every_cut(settings: dict[str, Any]) -> None:
    tiles, halo, stride = planned(**settings), settings["halo"], settings["stride"]
    sides = zip((tiles.rows, tiles.columns), tiles.window, ("height", "width"), strict=True)
    for spans, window, side in sides:
        padded = -(-settings[side] // stride) * stride
        for span in spans:
            assert 0 <= span.origin <= span.start
            assert span.stop <= span.origin + window <= padded
            assert span.origin == 0 or span.start - span.origin >= halo
            assert span.origin + window == padded or span.origin + window - span.stop >= halo


def test_a_image_that_fits_is_one_tile() -> None:
    tiles = planned(100, 63, stride=8, halo=30, largest=104)
    assert len(tiles) == 1
    assert tiles.window == (104, 64)


@pytest.mark.parametrize(("extent", "count"), [(264, 1), (265, 2), (496, 2), (497, 3), (960, 4), (961, 5)])
def test_there_are_as_few_tiles_as_the_largest_window_allows(extent: int, count: int) -> None:
    # Each window after the first adds its 264 pixels less two halos of 16.
    assert len(planned(extent, 8, stride=8, halo=16, largest=264)) == count


def test_there_is_no_plan_where_tiles_would_be_all_halo() -> None:
    assert plan(500, 500, stride=8, halo=20, fits=lambda *sides: max(sides) < 56) is None
    assert plan(500, 500, stride=8, halo=20, fits=lambda *sides: max(sides) <= 56) is not None


@settings(max_examples=100, deadline=None)
@given(SIDES, SIDES, st.integers(0, 30), st.integers(6000, 300_000))
@example(665, 665, 1, 6000)  # of two numbers of columns, rounding to whole strides favours the larger one
def test_no_grid_of_equal_tiles_has_less_to_compute(height: int, width: int, halo: int, area: int) -> None:
    def fits(tall: int, wide: int) -> bool:
        return tall * wide <= area

    def window(extent: int, count: int) -> int:
        steps, margin = -(-extent // 8), -(-halo // 8)
        return 8 * (-(-(steps - 2 * margin) // count) + 2 * margin if count > 1 else steps)

    tiles = plan(height, width, stride=8, halo=halo, fits=fits)
    most = [max(1, -(-extent // 8) - 2 * -(-halo // 8)) for extent in (height, width)]
    costs = [
        down * across * window(height, down) * window(width, across)
        for down in range(1, most[0] + 1)
        for across in range(1, most[1] + 1)
        if fits(window(height, down), window(width, across))
    ]
    assert (tiles is None) == (not costs)
    if tiles is not None:
        assert len(tiles) * tiles.window[0] * tiles.window[1] == min(costs)


@settings(max_examples=30, deadline=None)
@given(SIDES, SIDES, st.sampled_from([52, 64, 100, 257]), st.booleans())
def test_tiled_equals_whole(
    grey_file: Path, colour_file: Path, height: int, width: int, largest: int, colour: bool
) -> None:
    session = Session(colour_file if colour else grey_file)
    stride, radius = session.card.stride, session.card.radius
    noisy = colours(height, width)[..., : 3 if colour else 1]
    whole = denoise_tiled(session, noisy, planned(height, width, stride=stride, halo=0, largest=704))
    tiles = planned(height, width, stride=stride, halo=radius, largest=largest)
    assert np.abs(denoise_tiled(session, noisy, tiles) - whole).max() <= 1e-5


def test_a_smaller_halo_would_leave_seams(grey_file: Path) -> None:
    session = Session(grey_file)
    noisy, stride = colours(200, 200)[..., :1], session.card.stride
    whole = denoise_tiled(session, noisy, planned(200, 200, stride=stride, halo=0, largest=200))
    tiled = denoise_tiled(session, noisy, planned(200, 200, stride=stride, halo=stride, largest=52))
    assert np.abs(tiled - whole).max() > 1e-3


def test_padding_reflects_the_lower_and_right_border() -> None:
    image = np.arange(6, dtype=np.float32).reshape(2, 3, 1)
    assert pad_to(image, (3, 5))[..., 0].tolist() == [[0, 1, 2, 1, 0], [3, 4, 5, 4, 3], [0, 1, 2, 1, 0]]
    assert pad_to(image, (2, 3)) is image
    assert (pad_to(np.full((1, 1, 3), 7, np.float32), (8, 8)) == 7).all()


def test_progress_counts_every_tile() -> None:
    tiles = planned(50, 70, stride=2, halo=4, largest=30)
    steps: list[tuple[int, int]] = []
    streamed(colours(50, 70), Work(tiles, lambda tile: tile), lambda *step: steps.append(step))
    assert steps == [(k + 1, len(tiles)) for k in range(len(tiles))]


@settings(max_examples=100, deadline=None)
@given(plans())
def test_the_network_sees_one_shape_and_its_part_of_the_image_returns_to_its_place(
    settings: dict[str, Any],
) -> None:
    tiles = planned(**settings)
    noisy, shapes = colours(settings["height"], settings["width"]), set()

    def run(tile: NDArray[np.float32]) -> NDArray[np.float32]:
        shapes.add(tile.shape)
        return 2 * tile

    np.testing.assert_array_equal(streamed(noisy, Work(tiles, run)), 2 * noisy)
    assert shapes == {(*tiles.window, 3)}


class Reluctant:
    """A source and a sink that keep their order: rows are read and written once, from the top."""

    def __init__(self, source: ArraySource, sink: ArraySink) -> None:
        self.source, self.sink, self.height, self.width = source, sink, source.height, source.width
        self.channels, self.alpha, self.extra, self.dtype = source.channels, False, 0, source.dtype
        self.read_rows, self.written_rows = 0, 0

    def read(self, rows: slice, columns: slice) -> NDArray[Any]:
        assert rows.start == self.read_rows
        self.read_rows = rows.stop
        return self.source.read(rows, columns)

    def write(self, rows: NDArray[Any]) -> None:
        self.written_rows += len(rows)
        assert self.written_rows <= self.read_rows
        self.sink.write(rows)


@settings(max_examples=50, deadline=None)
@given(plans())
def test_every_row_is_read_and_written_once_in_order(settings: dict[str, Any]) -> None:
    noisy = colours(settings["height"], settings["width"])
    out = np.zeros_like(noisy)
    both: Any = Reluctant(ArraySource(noisy), ArraySink(out))
    layout = Layout(3, grey=False, alpha=False, nodata=None)
    stream(both, both, layout, Work(planned(**settings), lambda tile: tile))
    assert both.read_rows == both.written_rows == settings["height"]
    np.testing.assert_array_equal(out, noisy)


@pytest.mark.parametrize("where", ["read", "run", "write"])
def test_an_error_anywhere_ends_the_stream(where: str) -> None:
    noisy = colours(200, 100)
    both: Any = Reluctant(ArraySource(noisy), ArraySink(np.zeros_like(noisy)))

    def fail(*_: Any) -> Any:
        raise OSError(where)

    if where != "run":
        setattr(both, where, fail)
    tiles = planned(200, 100, stride=2, halo=4, largest=30)
    work = Work(tiles, fail if where == "run" else lambda tile: tile)
    with pytest.raises(OSError, match=where):
        stream(both, both, Layout(3, grey=False, alpha=False, nodata=None), work)
