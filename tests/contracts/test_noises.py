"""The laws that every noise obeys."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pellucid.errors import UsageError
from pellucid.noise.base import Noise, NumpyRandom
from pellucid.noise.registry import NOISES, parse_noise

EXAMPLES = [
    parse_noise(text)
    for text in (
        "gaussian:25",
        "gaussian:0-50",
        "gaussian:0.5,mean=0.5",
        "poisson:30",
        "poisson-gaussian:30-60,5",
        "speckle:0.2",
        "salt-and-pepper:0.1",
        "uniform:0.11",
        "rician:10-20",
        "jpeg:30",
        "camera:iso=3200",
        "scan:150,tone=0.8-0.9,stains=2,noise=5",
    )
]

every_noise = pytest.mark.parametrize("noise", EXAMPLES, ids=str)


def image(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).random(shape, dtype=np.float32)


def noises() -> st.SearchStrategy[Noise]:
    """Noises of every kind, each parameter a number or a range anywhere within its limits."""

    def parameter(lowest: float, highest: float) -> st.SearchStrategy[Any]:
        number = st.floats(lowest, highest)
        return number | st.tuples(number, number).map(lambda pair: (min(pair), max(pair)))

    def noise(kind: type[Noise]) -> st.SearchStrategy[Noise]:
        return st.builds(kind, *[parameter(*limits[:2]) for limits in kind.limits().values()])

    return st.sampled_from(list(NOISES.values())).flatmap(noise)


def test_every_kind_is_among_the_noises_below() -> None:
    assert {noise.kind for noise in EXAMPLES} == set(NOISES)


@settings(max_examples=500)
@given(noises())
def test_the_text_form_reads_back_as_the_same_noise(noise: Noise) -> None:
    assert parse_noise(str(noise)) == noise


@every_noise
def test_a_noise_written_by_hand_keeps_its_text(noise: Noise) -> None:
    assert str(parse_noise(str(noise))) == str(noise)


@every_noise
@pytest.mark.parametrize("shape", [(17, 23, 1), (17, 23, 3), (1, 1, 3), (17, 23)])
def test_shape_and_dtype_stay_and_the_image_is_not_touched(noise: Noise, shape: tuple[int, ...]) -> None:
    clean = image(*shape)
    before = clean.copy()
    noisy = noise.apply(clean, NumpyRandom(0))
    assert noisy.shape == shape
    assert noisy.dtype == np.float32
    assert not np.shares_memory(noisy, clean)
    np.testing.assert_array_equal(clean, before)


@every_noise
def test_the_same_seed_gives_the_same_noise(noise: Noise) -> None:
    clean = image(64, 64, 3)
    first, again = (noise.apply(clean, NumpyRandom(7)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, clean)


@every_noise
def test_another_seed_gives_another_noise_unless_it_is_jpeg(noise: Noise) -> None:
    clean = image(64, 64, 3)
    first, other = (noise.apply(clean, NumpyRandom(seed)) for seed in (7, 8))
    assert np.array_equal(first, other) == (noise.kind == "jpeg")


@pytest.mark.parametrize("kind", ["gaussian", "speckle", "salt-and-pepper", "uniform", "rician"])
def test_no_strength_gives_the_image_back(kind: str) -> None:
    clean = image(64, 64, 3)
    np.testing.assert_array_equal(parse_noise(f"{kind}:0").apply(clean, NumpyRandom(0)), clean)


@given(noises())
def test_drawing_leaves_no_range_and_stays_within_it(noise: Noise) -> None:
    drawn = noise.draw(NumpyRandom(0), image(1, 1, 1))
    for name, value in vars(noise).items():
        low, high = value if isinstance(value, tuple) else (value, value)
        assert low <= getattr(drawn, name) <= high


@pytest.mark.parametrize("kind", NOISES)
@pytest.mark.parametrize(
    "values", ["", "x", "nan", "inf", "-5", "0.5-", "0.9-0.2", "0.1-0.2-0.3", "1e10", "1e99999", "1,2,3"]
)
def test_values_that_cannot_be_are_refused_with_what_can(kind: str, values: str) -> None:
    names = ",".join(name.upper() for name in NOISES[kind].limits() if name not in NOISES[kind].defaults())
    with pytest.raises(
        UsageError, match=f"{kind}:(iso=)?{names}( or .*)? with [A-Z]+ from [0-9.e-]+ to [0-9]+"
    ):
        parse_noise(f"{kind}:{values}")
