from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.errors import InputError, UsageError
from pellucid.training.recipe import (
    RECIPES,
    Data,
    EstimatorTable,
    UNetTable,
    load_recipe,
    parse_recipe,
    recipe_from_json,
    recipe_json,
    recipe_names,
)
from tests.tiny import tiny_recipe

TEXT = """
name = "tiny"
version = "1"
purpose = "Tests"
licence = "Apache-2.0"
trained_on = "Pictures made by a test"

[data]
train = ["train"]
tune = "tune"
channels = 1

[degrade]
noise = "gaussian:0-75"

[network]
kind = "unet"
widths = [8, 16]
encoder = [0]
body = 1
decoder = [1]

[schedule]
steps = 12
"""


def test_a_recipe_is_read_and_what_it_leaves_out_has_a_default() -> None:
    recipe = parse_recipe(TEXT)
    assert (recipe.name, recipe.seed, recipe.loss) == ("tiny", 0, "charbonnier")
    assert recipe.data == Data(train=("train",), tune="tune", channels=1)
    assert recipe.network == UNetTable(widths=(8, 16), encoder=(0,), body=1, decoder=(1,))
    assert (recipe.schedule.steps, recipe.schedule.batch, recipe.schedule.precision) == (12, 16, "bfloat16")


def test_the_kind_of_network_says_which_table_it_is() -> None:
    start, rest = TEXT.split("[network]")
    text = start + '[network]\nkind = "estimator"\nwidth = 16\n\n[schedule]' + rest.split("[schedule]")[1]
    assert parse_recipe(text).network == EstimatorTable(16)


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("steps =", "stepz =", "stepz.*schedule"),
        ("version =", "verzion =", "verzion"),
        ("body =", "bodies =", "bodies.*network"),
        ("noise =", "nose =", "nose.*degrade"),
        ("[schedule]", "[shedule]", "shedule"),
    ],
)
def test_a_misspelt_key_is_an_error_that_names_it(right: str, wrong: str, words: str) -> None:
    with pytest.raises(InputError, match=rf"my\.toml: .*{words}"):
        parse_recipe(TEXT.replace(right, wrong), "my.toml")


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("channels = 1", "channels = 2", "channels"),
        ("steps = 12", 'steps = "many"', "steps"),
        ('"unet"', '"transformer"', "transformer.*network.kind"),
        ('"gaussian:0-75"', '"gausian:0-75"', "gausian.*degrade"),
        ('"gaussian:0-75"', '"gaussian:900"', "900.*degrade"),
        ("widths = [8, 16]", "widths = 8", "widths"),
        ('version = "1"', "", "version"),
        ("[data]", "[data", "line"),
        ("name", "loss = 'huber'\nname", "huber.*loss"),
        ("encoder = [0]", "encoder = [0, 1]", "2 widths do not fit 2 numbers in encoder and 1 in decoder"),
        ("steps = 12", "steps = 12\npatch = [64, 160]", "patch of 160 pixels does not fit crops of 128"),
        ("steps = 12", "steps = 12\npatch = [64, 65]", "65.* do not fit a network of stride 4"),
    ],
)
def test_a_wrong_or_missing_value_is_an_error_that_names_it(right: str, wrong: str, words: str) -> None:
    with pytest.raises(InputError, match=rf"my\.toml: .*{words}"):
        parse_recipe(TEXT.replace(right, wrong, 1), "my.toml")


@pytest.mark.parametrize("noise", ["poisson:30", "jpeg:30", "salt-and-pepper:0.1"])
def test_noise_that_has_no_sigma_to_tell_the_network_is_refused(noise: str) -> None:
    with pytest.raises(InputError, match="gaussian"):
        parse_recipe(TEXT.replace("gaussian:0-75", noise))


def test_a_recipe_that_comes_with_pellucid_is_loaded_by_its_name() -> None:
    assert {"gaussian-instant-grey", "gaussian-fast-colour", "gaussian-best-grey"} <= set(recipe_names())
    assert load_recipe("gaussian-fast-grey") == load_recipe(RECIPES / "gaussian-fast-grey.toml")


def test_ones_own_recipe_is_loaded_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TEXT)
    assert load_recipe(path) == load_recipe(str(path)) == parse_recipe(TEXT)


@pytest.mark.parametrize("name", ["gaussian-fest", "missing.toml", ""])
def test_an_unknown_recipe_is_refused_with_the_list(name: str) -> None:
    with pytest.raises(UsageError, match=r"no recipe.*gaussian-best-colour, .*sigma-grey"):
        load_recipe(name)


@given(
    st.fixed_dictionaries(
        {
            "steps": st.integers(1, 10**9),
            "patch": st.lists(st.integers(1, 16), min_size=1, max_size=4).map(
                lambda sides: tuple(4 * n for n in sides)
            ),
            "learning_rate": st.floats(1e-9, 1),
            "precision": st.sampled_from(["float32", "bfloat16"]),
        }
    ),
    st.sampled_from([1, 3]),
)
def test_a_recipe_reads_back_from_json_as_the_same_recipe(schedule: dict[str, Any], channels: Any) -> None:
    for network in (EstimatorTable(4), UNetTable((4, 8), (0,), 1, (1,))):
        recipe = tiny_recipe(channels=channels, network=network, **schedule)
        assert recipe_from_json(recipe_json(recipe)) == recipe


def test_a_recipe_cannot_be_changed() -> None:
    recipe = tiny_recipe()
    with pytest.raises(AttributeError):
        recipe.seed = 1  # type: ignore[misc]
    assert msgspec.structs.replace(recipe, seed=1) != recipe
