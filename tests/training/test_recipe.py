from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.errors import InputError, UsageError
from pellucid.networks.families import (
    ConvLatentSettings,
    DenseSettings,
    EstimatorSettings,
    PhotoSettings,
    UNetSettings,
)
from pellucid.training.recipe import RECIPES, Data, Recipe, SetData, recipe_from_json, recipe_json
from pellucid.training.recipe_files import load_recipe, parse_recipe, recipe_names
from tests.tiny import PHOTO, tiny_recipe

HEAD = """
name = "tiny"
version = "1"
purpose = "Tests"
licence = "Apache-2.0"
trained_on = "Images made by a test"
"""

U_NET = """
kind = "unet"
widths = [8, 16]
encoder = [0]
body = 1
decoder = [1]
"""

TEXT = f"""{HEAD}
[data]
kind = "crops"
train = ["train"]
tune = "tune"
channels = 1

[degrade]
noise = "gaussian:0-75"

[network]{U_NET}
[schedule]
steps = 12
"""

SET = f"""{HEAD}
[data]
kind = "set"
name = "mnist"

[degrade]
noise = "gaussian:0.5"

[network]
kind = "conv-latent"
code = 16

[schedule]
epochs = 3
"""

SET_OF_UNET = SET.replace('\nkind = "conv-latent"\ncode = 16\n', U_NET)

NO_UNET = [f"network.{key}=none" for key in ("widths", "encoder", "body", "decoder")]
OTHER_NETWORKS = {  # what makes the network of a U-Net's recipe another one
    "photo": ["network.kind=photo"],
    "estimator": ["network.kind=estimator", "network.width=4", *NO_UNET],
    "dense": ["network.kind=dense", *NO_UNET],
}


def test_a_recipe_is_read_and_what_it_leaves_out_has_a_default() -> None:
    recipe = parse_recipe(TEXT)
    assert (recipe.name, recipe.seed, recipe.loss) == ("tiny", 0, "charbonnier")
    assert recipe.data == Data(train=("train",), tune="tune", channels=1)
    assert recipe.network == UNetSettings(widths=(8, 16), encoder=(0,), body=1, decoder=(1,))
    assert (recipe.schedule.steps, recipe.schedule.batch, recipe.schedule.precision) == (12, 16, "bfloat16")


def test_the_kind_of_network_says_which_table_it_is() -> None:
    camera = "degrade.camera=camera:iso=800"
    estimator, photo = (
        parse_recipe(TEXT, changes=[*OTHER_NETWORKS[kind], camera]).network for kind in ("estimator", "photo")
    )
    assert estimator == EstimatorSettings(4)
    assert photo == PhotoSettings((8, 16), (0,), 1, (1,), estimator=16)


def test_a_recipe_for_a_set_counts_epochs() -> None:
    recipe = parse_recipe(SET)
    assert recipe.set == SetData("mnist", channels=1)
    assert recipe.network == ConvLatentSettings(code=16)
    assert (recipe.schedule.epochs, recipe.schedule.steps) == (3, None)


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("steps =", "stepz =", "stepz.*schedule.*Perhaps you mean schedule.steps"),
        ("version =", "verzion =", "verzion.*Perhaps you mean version"),
        ("body =", "boddy =", "boddy.*network.*Perhaps you mean network.body"),
        ("noise =", "nose =", "nose.*degrade.*Perhaps you mean degrade.noise"),
        ("[schedule]", "[shedule]", "shedule.*Perhaps you mean schedule"),
        ("steps =", "warmup = 3\nsteps =", "warmup.*schedule.*Perhaps you mean schedule.warm_up"),
        ("steps =", "zebra = 3\nsteps =", "zebra.*schedule.*Its keys are average, batch, "),
    ],
)
def test_a_misspelt_key_is_an_error_that_names_those_of_nearly_that_name(
    right: str, wrong: str, words: str
) -> None:
    with pytest.raises(InputError, match=rf"my\.toml: .*{words}"):
        parse_recipe(TEXT.replace(right, wrong), "my.toml")


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("channels = 1", "channels = 2", "channels"),
        ("steps = 12", 'steps = "many"', "steps"),
        ('"unet"', '"transformer"', "transformer.*network.kind"),
        ('"gaussian:0-75"', '"gausian:0-75"', "degrade.*gausian"),
        ('"gaussian:0-75"', '"gaussian:900"', "degrade.*900"),
        ("widths = [8, 16]", "widths = 8", "widths"),
        ('version = "1"', "", "version"),
        ("[data]", "[data", "line"),
        ("name", "loss = 'huber'\nname", "huber.*loss"),
        ("encoder = [0]", "encoder = [0, 1]", "2 widths do not fit 2 numbers in encoder and 1 in decoder"),
        ("steps = 12", "steps = 12\npatch = [64, 160]", "patch of 160 pixels does not fit crops of 128"),
        ("steps = 12", "steps = 12\npatch = [64, 65]", "65.* do not fit a network of stride 4"),
        ("steps = 12", "", "needs either steps or epochs"),
        ("steps = 12", "steps = 12\nepochs = 2", "needs either steps or epochs"),
        ("steps = 12", "epochs = 2", "Crops have no epochs and no plateaus"),
        ("steps = 12", 'steps = 12\nrates = "plateau"', "Crops have no epochs and no plateaus"),
        ("steps = 12", "steps = 12\nstop_after = 2", "Crops have no epochs and no plateaus"),
        ("steps = 12", 'steps = 12\nrates = "linear"', "linear.*schedule.rates"),
        ("steps = 12", 'steps = 12\noptimizer = "sgd"', "sgd.*schedule.optimizer"),
        ('kind = "crops"', 'kind = "films"', "films.*data.kind"),
        ('kind = "crops"\n', "", "kind.*data"),
        ('noise = "gaussian:0-75"', "", "The noise of .degrade. is None, and no gaussian noise"),
        ("name", 'loss = "bce"\nname', "bce is no loss for this network.*charbonnier or l1 or mse"),
        ("name", 'loss = "pinball"\nname', "pinball.*loss"),
        ("channels = 1", "channels = 1\nvivid = 0.5", "Grey crops have no colours to make vivid"),
        ("channels = 1", "channels = 3\nshrunk = 0\nvivid = 0.5", "Only shrunk crops are made vivid"),
    ],
)
def test_a_wrong_or_missing_value_is_an_error_that_names_it(right: str, wrong: str, words: str) -> None:
    with pytest.raises(InputError, match=rf"my\.toml: .*{words}"):
        parse_recipe(TEXT.replace(right, wrong, 1), "my.toml")


@pytest.mark.parametrize("noise", ["poisson:30", "jpeg:30", "salt-and-pepper:0.1", "camera:iso=800"])
def test_noise_that_has_no_sigma_to_tell_the_network_is_refused(noise: str) -> None:
    for text in (TEXT.replace("gaussian:0-75", noise), SET_OF_UNET.replace("gaussian:0.5", noise)):
        with pytest.raises(InputError, match="gaussian"):
            parse_recipe(text)
    with pytest.raises(UsageError, match="gaussian"):
        parse_recipe(SET_OF_UNET, changes=["degrade.noise=none"])


def test_an_estimator_takes_no_other_loss_than_its_own() -> None:
    changes = [*OTHER_NETWORKS["estimator"], "degrade.camera=camera:iso=800", "loss=mse"]
    with pytest.raises(UsageError, match="estimator has a loss of its own"):
        parse_recipe(TEXT, changes=changes)


def test_photographs_and_estimators_need_a_camera() -> None:
    for kind in ("photo", "estimator"):
        with pytest.raises(UsageError, match=r"The camera of \[degrade\] is .*, and no camera noise"):
            parse_recipe(TEXT, changes=OTHER_NETWORKS[kind])
    changes = [*OTHER_NETWORKS["photo"], "degrade.camera=camera:iso=800", "schedule.patch=[60]"]
    with pytest.raises(UsageError, match=r"Patches of .* do not fit a network of stride 8"):
        parse_recipe(TEXT, changes=changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (("network.kind=photo",), "network"),
        (("loss=bce", "network.output=linear"), "BCE is for pixels from 0 to 1.*sigmoid"),
        (("data.channels=4",), "channels"),
        (("data.channels=3",), "The images of mnist have 1 channels"),
        (("data.name=cifar10",), "The images of cifar10 have 3 channels"),
        (("data.fit=squeeze",), "fit"),
        (("network.kind=gru",), "gru.*network.kind"),
        (("network.widths=8",), "widths"),
    ],
)
def test_a_recipe_for_a_set_that_makes_no_sense_is_refused(changes: tuple[str, ...], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_recipe(SET, changes=changes)


@pytest.mark.parametrize("kind", ["photo", "estimator"])
def test_a_network_for_photographs_is_not_for_a_set(kind: str) -> None:
    with pytest.raises(UsageError, match=r"not for a set of small images.*Train it on crops"):
        parse_recipe(SET_OF_UNET, changes=OTHER_NETWORKS[kind])


def test_an_autoencoder_is_not_for_crops() -> None:
    with pytest.raises(UsageError, match=r"Autoencoders are not trained on crops.*kind = \"set\""):
        parse_recipe(TEXT, changes=OTHER_NETWORKS["dense"])


@pytest.mark.parametrize(
    "change",
    [
        "network.widths=[]", "network.widths=[0]", "network.widths=[-3, 4]", "network.dropout=2",
        "network.dropout=-1", "network.code=-1", "network.code=0", "network.kernel=0", "network.blocks=-1",
        "schedule.batch=0", "schedule.batch=-2",
        "schedule.epochs=0", "schedule.learning_rate=-1", "schedule.learning_rate=nan", "schedule.patience=0",
        "schedule.stop_after=0", "schedule.average=2", "schedule.weight_decay=-1",
        "schedule.warm_up=-1", "data.size=0",
    ],
)  # fmt: skip
def test_a_number_out_of_its_range_is_refused_before_anything_is_trained(change: str) -> None:
    with pytest.raises(UsageError, match=change.split("=")[0].split("[")[0]):
        parse_recipe(SET, changes=[change])


@pytest.mark.parametrize(
    "change",
    [
        "degrade.camera=camera:iso=800", "degrade.clipped=0", "degrade.clean=1", "degrade.jitter=0.5",
        "degrade.graphics=0.5", "schedule.patch=[32]", "loss_floor=0.1",
    ],
)  # fmt: skip
def test_what_would_do_nothing_for_a_set_is_refused(change: str) -> None:
    with pytest.raises(UsageError, match=rf"{change.split('=')[0]} does nothing for a set.*Leave it out"):
        parse_recipe(SET, changes=[change])


@pytest.mark.parametrize("variant", ["degrade.noise=gaussian:0.1", "data.name=cifar10", "name=other"])
def test_variants_have_the_same_images_and_noise(variant: str) -> None:
    with pytest.raises(UsageError, match=r"The variant .* has other images.*Vary keys of network"):
        parse_recipe(SET, changes=[f'variants=["{variant}"]'])


# ---- changes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "path", "value"),
    [
        ("network.code=32", "network.code", 32),
        ("network.widths=[8, 9]", "network.widths", (8, 9)),
        ("network.activation=elu", "network.activation", "elu"),
        ('network.activation="elu"', "network.activation", "elu"),
        ("network.kind=dense", "network", None),
        ("degrade.noise=gaussian:0.25", "degrade.noise", "gaussian:0.25"),
        ("degrade.noise=none", "degrade.noise", None),
        ("schedule.learning_rate=1e-4", "schedule.learning_rate", 1e-4),
        ("data.flips=true", "data.flips", True),
        ("seed=7", "seed", 7),
        (" seed = 7", "seed", 7),
        ("purpose=Mine, and mine alone", "purpose", "Mine, and mine alone"),
    ],
)
def test_any_key_can_be_changed(change: str, path: str, value: Any) -> None:
    changes = ["network.code=none", change] if change == "network.kind=dense" else [change]
    found: Any = parse_recipe(SET, changes=changes)
    for name in path.split("."):
        found = getattr(found, name)
    assert found == (DenseSettings() if path == "network" else value)


def test_a_later_change_wins_and_steps_can_stand_for_epochs() -> None:
    changes = ["schedule.epochs=5", "schedule.epochs=none", "schedule.steps=40"]
    schedule = parse_recipe(SET, changes=changes).schedule
    assert (schedule.epochs, schedule.steps) == (None, 40)


@pytest.mark.parametrize("change", ["network.code", "=3", "network.=3", ""])
def test_what_is_no_assignment_is_refused_with_an_example(change: str) -> None:
    with pytest.raises(UsageError, match=r"is no assignment.*network\.code=32"):
        parse_recipe(SET, changes=[change])


def test_a_key_below_a_value_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--set name\.code=3: name is no table"):
        parse_recipe(SET, changes=["name.code=3"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("network.cod=32", "cod.*network.*Perhaps you mean network.code"),
        ("netwerk.code=32", "netwerk.*Perhaps you mean network"),
        ("schedule.epoch=3", "epoch.*schedule.*Perhaps you mean schedule.epochs"),
        ("epochs=3", "epochs.*Perhaps you mean schedule.epochs"),
        ("code=32", "code.*Perhaps you mean network.code"),
        ("network.learning_rate=1", "learning_rate.*Perhaps you mean schedule.learning_rate"),
        ("network.level=8", "level.*network.*Its keys are activation, blocks, code, "),
        ("network.activation=rleu", "rleu.*network.activation.*Choose relu or elu or gelu or leaky"),
        ("network.kind=conv-pol", "conv-pol.*network.kind.*conv-latent or conv-pool or dense"),
        ("loss=foo", "foo.*loss.*Choose charbonnier or l1 or mse"),
        ("data.rotations=3", "rotations.*data.*Perhaps you mean data.rotation"),
    ],
)
def test_a_misspelt_change_is_an_error_that_names_the_near_ones(change: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_recipe(SET, changes=[change])


# ---- where recipes come from ---------------------------------------------------------------------


def test_a_recipe_that_comes_with_pellucid_is_loaded_by_its_name() -> None:
    assert {"gaussian-instant-grey", "gaussian-fast-colour", "gaussian-best-grey"} <= set(recipe_names())
    assert load_recipe("gaussian-fast-grey") == load_recipe(RECIPES / "gaussian-fast-grey.toml")


def test_ones_own_recipe_is_loaded_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TEXT)
    assert load_recipe(path) == load_recipe(str(path)) == parse_recipe(TEXT)
    assert load_recipe(path, ["seed=3"]) == parse_recipe(TEXT, changes=["seed=3"])


def test_a_file_that_cannot_be_read_as_text_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"mine\.toml cannot be read as text"):
        load_recipe(path)


@pytest.mark.parametrize("name", ["gaussian-fest", "missing.toml", ""])
def test_an_unknown_recipe_is_refused_with_the_list(name: str) -> None:
    with pytest.raises(UsageError, match=r"no recipe.*gaussian-best-colour, .*photo-fast-colour"):
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
    for network in (EstimatorSettings(4), UNetSettings((4, 4), (0,), 1, (1,), unshuffle=2)):
        recipe = tiny_recipe(channels=channels, network=network, **schedule)
        assert recipe_from_json(recipe_json(recipe)) == recipe


@pytest.mark.parametrize("recipe", [parse_recipe(TEXT), parse_recipe(SET), tiny_recipe(network=PHOTO)])
def test_every_kind_of_recipe_travels_as_json(recipe: Recipe) -> None:
    assert recipe_from_json(recipe_json(recipe)) == recipe


def test_what_was_measured_afterwards_is_no_part_of_how_a_network_is_made() -> None:
    recipe = tiny_recipe()
    known = msgspec.structs.replace(recipe, reaches="31 dB", limits="stars")
    assert recipe_json(known) == recipe_json(recipe)


def test_a_recipe_cannot_be_changed() -> None:
    recipe = tiny_recipe()
    with pytest.raises(AttributeError):
        recipe.seed = 1  # type: ignore[misc]
    assert msgspec.structs.replace(recipe, seed=1) != recipe
