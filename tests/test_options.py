"""The one value of how an image is denoised."""

from dataclasses import FrozenInstanceError, fields
from typing import Any

import numpy as np
import pytest

from pellucid import DenoiseOptions
from pellucid.errors import UsageError
from pellucid.noise.registry import parse_noise
from pellucid.options import DenoiseKeywords


def test_keyword_arguments_are_the_fields() -> None:
    names = [each.name for each in fields(DenoiseOptions)]
    assert names == ["model", *DenoiseKeywords.__annotations__]


def test_a_noise_is_kept_as_its_text() -> None:
    noise = parse_noise("poisson:30.5,read=1.25")
    options = DenoiseOptions.of(noise=noise)
    assert options == DenoiseOptions(noise=str(noise))
    assert parse_noise(str(options.noise)) == noise


def test_it_cannot_be_changed_and_can_be_a_key() -> None:
    options = DenoiseOptions(sigma=0.1)
    with pytest.raises(FrozenInstanceError):
        options.sigma = 0.2  # type: ignore[misc]
    assert {options: 1}[DenoiseOptions(sigma=0.1)] == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"sigma": 25},
        {"sigma": -0.1},
        {"sigma": float("nan")},
        {"sigma": True},
        {"sigma": "0.1"},
        {"strength": 2.1},
        {"strength": None},
        {"luma": -1},
        {"chroma": "1"},
        {"memory": -1},
        {"memory": "2G"},
        {"paper": "blue"},
        {"extra_channels": "drop"},
        {"sigma": 0.1, "noise": "gaussian:25"},
        {"axes": "YX", "channel_axis": 2},
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        DenoiseOptions(**wrong)


@pytest.mark.parametrize("name", ["sigma", "strength"])
@pytest.mark.parametrize("value", [np.full((512, 512), 0.1), "0.1", [0.1, 0.1, 0.1], np.array(0.1)])
def test_an_error_about_a_number_is_one_line_and_shows_that_it_is_none(name: str, value: object) -> None:
    with pytest.raises(UsageError) as caught:
        DenoiseOptions(**{name: value})  # type: ignore[arg-type]
    words = str(caught.value)
    assert "\n" not in words
    assert len(words) < 150
    assert f"{name} is 0.1" not in words
