import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.errors import InputError
from pellucid.inference.card import KEY, Card, facts, psnr_gain, read_card, shortfall, write_card

EXAMPLE: dict[str, Any] = {
    "kind": "white-noise",
    "name": "tiny",
    "version": "1",
    "purpose": "Tests",
    "licence": "Apache-2.0",
    "trained_on": "nothing",
    "channels": 1,
    "stride": 4,
    "radius": 19,
    "overlap": 10,
    "sigma": [0.0, 0.3],
    "bytes_per_pixel": 64,
    "multiply_adds": 900,
    "parameters": 3000,
    "steps": 12,
    "recipe": "{}",
    "figures": {"tune PSNR at sigma 25": 29.9},
}


@given(
    st.builds(
        Card,
        sigma=st.tuples(st.floats(0, 1), st.floats(0, 1)),
        figures=st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False)),
        **{name: st.integers(0, 2**53) for name, value in EXAMPLE.items() if isinstance(value, int)},
    )
)
def test_a_card_reads_back_as_it_was_written(card: Card) -> None:
    assert read_card(write_card(card), "a file") == card


def test_a_file_without_a_card_is_refused_with_the_reason() -> None:
    with pytest.raises(InputError, match=r"some\.onnx has no card: it was not written by pellucid train"):
        read_card({"author": "somebody"}, "some.onnx")


@pytest.mark.parametrize(
    ("change", "words"),
    [({"stride": "four"}, "stride"), ({"channels": 1.5}, "channels"), ({"sigma": [0.1]}, "sigma")],
)
def test_a_card_with_a_wrong_value_is_refused_by_its_name(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=rf"some\.onnx has a card of another version.*{words}"):
        read_card({KEY: json.dumps(EXAMPLE | change)}, "some.onnx")


@pytest.mark.parametrize("name", EXAMPLE)
def test_a_card_that_lacks_a_field_is_refused_by_its_name(name: str) -> None:
    rest = {key: value for key, value in EXAMPLE.items() if key != name}
    with pytest.raises(InputError, match=name):
        read_card({KEY: json.dumps(rest)}, "some.onnx")


@pytest.mark.parametrize("text", ["", "{", "tiny", '{"name": "tiny"', "[]"])
def test_a_card_that_is_no_card_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"some\.onnx has a card of another version"):
        read_card({KEY: text}, "some.onnx")


@pytest.mark.parametrize(
    ("figures", "gain"),
    [
        ({"tune PSNR at sigma 25": 29.5, "input PSNR at sigma 25": 20.0}, 9.5),
        ({"tune PSNR at ISO 800": 35, "input PSNR at ISO 800": 36, "tune PSNR, clean": 50}, -1),
        ({"validation_mse": 0.1, "validation_psnr": 10, "input_mse": 0.05, "input_psnr": 13}, -3),
        ({"tune PSNR at sigma 25": 29.5}, None),
        ({"tune error at sigma 25": 3.0}, None),
    ],
)
def test_a_card_says_whether_its_network_beats_its_noisy_input(
    figures: dict[str, float], gain: float | None
) -> None:
    card = read_card({KEY: json.dumps(EXAMPLE | {"figures": figures})}, "some.onnx")
    assert psnr_gain(card) == gain
    assert bool(shortfall(card)) == (gain is not None and gain <= 0)
    assert ("Warning" in dict(facts(card))) == bool(shortfall(card))
