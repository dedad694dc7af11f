"""A recipe: everything that makes a trained network what it is, as data.

A recipe is a TOML file whose tables are the classes below. With the version of the code, and what it
starts from, it gives the same network again.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from pellucid.errors import UsageError
from pellucid.inference.card import SensorNoise
from pellucid.inference.html import table_html
from pellucid.networks.families import (
    AnySettings,
    Count,
    Family,
    Fraction,
    Whole,
    Widths,
    family_of,
)
from pellucid.noise.base import Noise
from pellucid.noise.camera import Camera
from pellucid.noise.registry import parse_noise
from pellucid.noise.scan import Scan
from pellucid.noise.sensor import Gaussian

KNOWN_SETS = {"mnist": (28, 1), "fashion-mnist": (28, 1), "cifar10": (32, 3), "small-digits": (28, 1)}
"""Pixels a side and channels of the sets that have a name."""

IDLE_FOR_SETS = (
    *(f"degrade.{key}" for key in ("camera", "graphics", "clean", "clean_sharp", "clipped", "jitter")),
    "degrade.scans",
    "schedule.patch",
    "loss_floor",
)
"""Keys that say nothing where the images are a set."""

LENGTH = ("schedule.steps", "schedule.epochs")
"""Keys that may differ when a run goes on: it becomes longer."""

RECIPES = Path(__file__).parent.parent / "recipes"

CROPS_NOISE: Mapping[str, tuple[str, type[Noise]]] = {
    "denoising": ("noise", Gaussian),
    "photographs": ("camera", Camera),
    "estimating": ("camera", Camera),
}
"""For each training task on crops, the key of ``[degrade]`` that it needs, and the kind of noise."""

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of a recipe; a key that is not listed is an error."""


class DataTable(Table, frozen=True, tag_field="kind"):
    """The training images; each kind names the task that trains on them, or leaves it to the network."""

    task: ClassVar[str | None] = None

    def check(self, recipe: "Recipe") -> None:
        """Raise a UsageError when the rest of the recipe does not fit: here, patches of any size."""
        schedule, stride = recipe.schedule, recipe.network.stride
        if schedule.steps is None:
            raise UsageError("Only sets of images have epochs", "Set steps")
        if any(side % stride for side in schedule.patch):
            raise UsageError(
                f"Patches of {schedule.patch} pixels do not fit a network of stride {stride}",
                f"Set multiples of {stride}",
            )

    def image_size(self, stride: int) -> tuple[int, int]:
        """Height and width of the images, padded to the stride of the network; of crops, those of some."""
        return 8 * stride, 8 * stride


class Data(DataTable, frozen=True, tag="crops"):
    """Crops from folders of images."""

    train: tuple[str, ...]  # folders below the data folder
    tune: str  # folder of the validation images
    channels: Literal[1, 3]
    crop: Count = 128  # pixels a side of the crops kept in memory
    per_image: Count = 128  # crops cut from each image
    shrunk: Share = 0.5  # share of the crops that come from shrunk copies
    scales: tuple[float, float] = (0.6, 1.0)  # to what scale these are shrunk
    vivid: Share = 0.0  # share of these whose hues are turned and colours made stronger
    without: tuple[str, ...] = ()  # names of images that are kept for validation
    graphics: Whole = 0  # drawn pages, screenshots and drawings, in addition to the photographs
    soft: Share = 0.0  # share of the photographs that are enlarged before a camera takes them
    pairs: Count = 2048  # crops that a camera takes at a time ...
    renew: Count = 512  # ... and after how many steps it takes others

    def check(self, recipe: "Recipe") -> None:
        schedule, family = recipe.schedule, recipe.family
        if family.crops == "pages":
            raise UsageError("A network for pages is not trained on crops", 'Set kind = "pages" in [data]')
        if family.crops is None:
            raise UsageError("Autoencoders are not trained on crops", 'Set kind = "set" in [data]')
        if schedule.steps is None or schedule.rates == "plateau" or schedule.stop_after is not None:
            raise UsageError(
                "Crops have no epochs and no plateaus", "Set steps, and no plateau or stop_after"
            )
        if not family.denoises and recipe.loss != "charbonnier":
            raise UsageError("An estimator has a loss of its own", "Leave loss out")
        losses = ("charbonnier", "l1", "mse", "rmse")
        if recipe.loss not in losses:
            raise UsageError(f"{recipe.loss} is no loss for this network", f"Choose {' or '.join(losses)}")
        key, kind = CROPS_NOISE[family.crops]
        text: str | None = getattr(recipe.degrade, key)
        if text is None or not isinstance(parse_noise(text), kind):
            raise UsageError(f"The {key} of [degrade] is {text}, and no {kind.kind} noise", kind.usage())
        if self.vivid and self.channels == 1:
            raise UsageError(
                "Grey crops have no colours to make vivid", "Set channels = 3, or leave out vivid"
            )
        if self.vivid and not self.shrunk:
            raise UsageError(
                "Only shrunk crops are made vivid, and shrunk is 0", "Set shrunk, or leave out vivid"
            )
        if max(schedule.patch) > self.crop:
            raise UsageError(
                f"A patch of {max(schedule.patch)} pixels does not fit crops of {self.crop}",
                "Set a larger crop or a smaller patch",
            )
        super().check(recipe)


class SetData(DataTable, frozen=True, tag="set"):
    """A set of small images of one size: MNIST, Fashion-MNIST, CIFAR-10, or one's own folder."""

    name: str  # mnist, fashion-mnist, cifar10 or small-digits; else a folder below the data folder
    channels: Literal[1, 3] = 1
    size: Annotated[int, msgspec.Meta(ge=4)] = 64  # of a folder: pixels a side that every image gets ...
    fit: Literal["crop", "resize", "cut"] = "crop"  # ... by shrinking its middle, or all of it, or by cutting
    crops: Count = 1  # of cut: squares from random positions of each training image
    test: str | None = None  # of a folder: another one for the test, so that all of this one can train
    flips: bool = False  # mirror half of the images while training
    turns: bool = False  # turn them by quarters
    rotation: NotNegative = 0.0  # turn them by up to this angle in degrees to either side
    shift: Whole = 0  # move them by up to this many pixels each way

    task: ClassVar = "reconstruction"

    def check(self, recipe: "Recipe") -> None:
        if not recipe.family.sets:
            raise UsageError("Such a network is not for a set of small images", "Train it on crops")
        _, channels = KNOWN_SETS.get(self.name, (self.size, self.channels))
        if self.channels != channels:
            raise UsageError(
                f"The images of {self.name} have {channels} channels", f"Set channels = {channels}"
            )
        for name in IDLE_FOR_SETS:
            place, _, key = name.rpartition(".")
            table = getattr(recipe, place) if place else recipe
            if (
                getattr(table, key)
                != {each.name: each.default for each in msgspec.structs.fields(table)}[key]
            ):
                raise UsageError(f"{name} does nothing for a set of small images", "Leave it out")
        if self.crops > 1 and (self.name in KNOWN_SETS or self.fit != "cut"):
            raise UsageError(
                "Only images of a folder that are cut give several crops", 'Set fit = "cut", or crops = 1'
            )
        noise = recipe.degrade.noise
        if recipe.family.takes_sigma and not isinstance(noise and parse_noise(noise), Gaussian):
            raise UsageError(f"A U-Net is given the noise level, and the noise is {noise}", Gaussian.usage())
        if recipe.loss == "bce" and getattr(recipe.network, "output", "linear") != "sigmoid":
            raise UsageError("BCE is for pixels from 0 to 1", 'Set output = "sigmoid", or another loss')

    def image_size(self, stride: int) -> tuple[int, int]:
        side, _ = KNOWN_SETS.get(self.name, (self.size, self.channels))
        return (-(-side // stride) * stride,) * 2


class PageData(DataTable, frozen=True, tag="pages"):
    """Pages that are drawn: `pellucid.datasets.pages`, and what `degrade.scans` makes of them."""

    fonts: str  # folder of fonts below the data folder
    photos: str | None = None  # folder of photographs that are put into pages
    channels: Literal[1, 3] = 1
    pages: Count = 1600  # drawn in all: one a step, until there are as many
    tune: Count = 24  # more pages, in fonts that are held back, which validate

    task: ClassVar = "pages"

    def check(self, recipe: "Recipe") -> None:
        scans = recipe.degrade.scans
        if recipe.family.crops != "pages":
            raise UsageError("Only a network for pages is trained on pages", 'Set kind = "page" in [network]')
        if not scans or not all(isinstance(parse_noise(each), Scan) for each in scans):
            raise UsageError(f"The scans of [degrade] are {list(scans)}", Scan.usage())
        super().check(recipe)


class PairsData(DataTable, frozen=True, tag="pairs"):
    """Noisy images and the clean ones of the same names and sizes."""

    noisy: str  # folder below the data folder
    clean: str  # likewise
    channels: Literal[1, 3] = 1

    task: ClassVar = "pairs"

    def check(self, recipe: "Recipe") -> None:
        if recipe.family.kind != "autoencoder" or recipe.network.stride == 1:
            raise UsageError(
                "Pairs of any size train an autoencoder of any size", 'Set kind = "conv-pool" in [network]'
            )
        super().check(recipe)


class NoisyData(DataTable, frozen=True, tag="noisy"):
    """Noisy images alone, all of one sensor; `Recipe.target` says how a network learns from them."""

    images: tuple[str, ...]  # files below the data folder
    noise: SensorNoise  # as it was found in them
    channels: Literal[1, 3] = 1
    axes: str | None = None  # of stacks in formats that do not name them, such as ZYX
    channel: str | None = None  # of stacks: the name or number of the channel that is meant

    task: ClassVar = "adapting"

    def check(self, recipe: "Recipe") -> None:
        if recipe.family.kind != "white-noise" or recipe.start is None:
            raise UsageError(
                "Only a network for white noise is adapted to noisy images",
                "Set start to one, such as gaussian-best-grey, and its [network]",
            )
        if recipe.target == "clean" or recipe.schedule.steps is None:
            raise UsageError(
                "Noisy images have no clean target and no epochs",
                "Set target to neighbor2neighbor, noise2void or noise2noise, and steps",
            )


class Degrade(Table, frozen=True):
    """The degradation of clean images."""

    noise: str | None = None  # its text form, such as gaussian:0-75
    camera: str | None = None  # such as camera:iso=100-25600
    scans: tuple[str, ...] = ()  # such as scan:75-300,stains=1-5: each page draws one of them
    graphics: Share = 0.0  # share of the camera's images that are drawn; half of them stay as they are
    grey: Share = 0.0  # share of the camera's photographs in colour whose colours are removed afterwards
    clean: Share = 0.0  # share of the images that get no noise at all ...
    clean_sharp: Share = 0.0  # ... at least this share of the camera's photographs that are not enlarged
    clipped: Share = 0.5  # share of the images that are clipped to [0, 1] and rounded to 8 bit afterwards
    jitter: NotNegative = 0.05  # relative standard deviation of the error in the noise level that is given

    def __post_init__(self) -> None:
        for text in (self.noise, self.camera, *self.scans):
            if text is not None:
                parse_noise(text)


class Schedule(Table, frozen=True):
    """How long, how fast, on how much at a time."""

    steps: Count | None = None  # either this many steps ...
    epochs: Count | None = None  # ... or this many passes over the training set
    batch: Count = 16  # images a step, over all processes
    patch: Widths = (96,)  # pixels a side; of several, each serves an equal share of the steps
    optimizer: Literal["muon", "adamw", "adam"] = "muon"
    learning_rate: Annotated[float, msgspec.Meta(gt=0, le=1)] = 2e-3  # the highest
    warm_up: Whole = 300  # steps in which the learning rate rises from zero
    rates: Literal["cosine", "constant", "steps", "plateau"] = "cosine"  # how the learning rate falls
    patience: Count = 2  # of plateau: halve the rate after this many checks without improvement
    stop_after: Count | None = None  # early stopping: this many checks without improvement
    weight_decay: NotNegative = 1e-4
    clip: NotNegative = 1.0  # largest norm of the gradient; 0: any
    average: Fraction = 0.999  # decay of the weights' exponential moving average (EMA), which is kept
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    check_every: Count = 2000  # steps between two measurements; each epoch, too, ends with one

    def shorter_warm_up(self, steps: int) -> "Schedule":
        """The same schedule, in a run of this many steps: it warms up in a quarter of them at most."""
        return msgspec.structs.replace(self, warm_up=min(self.warm_up, steps // 4))


class Recipe(Table, frozen=True):
    """One trained network."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]  # also names the files
    version: str
    purpose: str  # one sentence: what the network is for
    licence: str
    trained_on: str  # the images, and their terms
    data: Data | SetData | PageData | PairsData | NoisyData
    degrade: Degrade
    network: AnySettings
    schedule: Schedule
    loss: Literal["charbonnier", "l1", "mse", "rmse", "bce"] = "charbonnier"
    target: Literal["clean", "noise2noise", "noise2void", "neighbor2neighbor"] = (
        "clean"  # what it learns from
    )
    loss_floor: NotNegative | None = None  # divide each image's loss by its noise level plus this
    variants: tuple[str, ...] = ()  # changes as in network.code=32: each is trained, and all are compared
    limits: str = ""  # where the network fails, in words
    reaches: str = ""  # what the trained network was measured at, in words
    start: str | None = None  # a shipped network, or an .onnx file, whose weights are the first ones
    seed: int = 0

    def __post_init__(self) -> None:
        if (self.schedule.steps is None) == (self.schedule.epochs is None):
            raise UsageError("[schedule] needs either steps or epochs", "Set one of them")
        for each in self.variants:
            if each.split("=")[0].split(".")[0] not in ("network", "schedule", "loss", "target", "seed"):
                raise UsageError(
                    f"The variant {each} has other images, noise or names than the rest",
                    "Vary keys of network or schedule, loss, target or seed, so that all can be compared",
                )
        own_noise = isinstance(self.data, SetData) and self.degrade.noise
        if self.target != "clean" and not (own_noise or isinstance(self.data, NoisyData)):
            raise UsageError(
                f"{self.target} learns from the noise of a set of images, and these are clean or no set",
                'Set kind = "set" in [data] and a noise in [degrade], or leave out target',
            )
        if self.target != "clean" and self.family.own_terms:
            raise UsageError(f"This network cannot learn by {self.target}", "Choose another, such as dncnn")
        self.data.check(self)

    def _repr_html_(self) -> str:
        return table_html([*_flat(msgspec.to_builtins(self)).items()])

    @property
    def family(self) -> Family:
        """The family of the network."""
        return family_of(self.network)

    @property
    def task(self) -> str:
        """The name of the training task."""
        return self.data.task or self.family.crops or ""

    @property
    def crops(self) -> Data:
        """The data of a network that learns from crops."""
        assert isinstance(self.data, Data)
        return self.data

    @property
    def set(self) -> SetData:
        """The data of a network that learns from a set."""
        assert isinstance(self.data, SetData)
        return self.data


def as_made(recipe: Recipe) -> Recipe:
    """The recipe without what was found out afterwards, which is no part of how the network is made."""
    return msgspec.structs.replace(recipe, limits="", reaches="")


def recipe_json(recipe: Recipe) -> str:
    """`as_made` as one line of JSON, as it is stored in checkpoints and cards."""
    return msgspec.json.encode(as_made(recipe)).decode()


def recipe_from_json(text: str) -> Recipe:
    """What `recipe_json` wrote, read again."""
    return msgspec.json.decode(text, type=Recipe)


def check_same(text: str, recipe: Recipe, folder: Path) -> None:
    """Raise a UsageError when a run's recipe, as JSON, is another one; only its length may differ."""
    try:
        was, now = (_flat(msgspec.to_builtins(each)) for each in (recipe_from_json(text), as_made(recipe)))
        keys = [key for key in was | now if was.get(key) != now.get(key) and key not in LENGTH]
        found = [f"{key} was {was.get(key)} and is {now.get(key)}" for key in keys]
    except msgspec.DecodeError:
        found = ["it is of another version of Pellucid"]
    if found:
        raise UsageError(
            f"{folder} contains a run of another recipe: {'; '.join(found)}",
            "Name another folder, or delete this one",
        )


def check_run_folder(folder: Path, recipe: Recipe) -> None:
    """`check_same` with the run that is in the folder, if there is one."""
    path = folder / "recipe.json"
    if path.is_file() and (folder / "checkpoint.pt").is_file():
        check_same(path.read_text(encoding="utf-8"), recipe, folder)


def _flat(table: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """The keys of a table and of those in it, as in network.code."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        found |= _flat(value, f"{above}{key}.") if isinstance(value, dict) else {above + key: value}
    return found
