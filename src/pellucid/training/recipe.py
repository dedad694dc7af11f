"""A recipe: everything that makes a trained network what it is, as data.

A recipe is a TOML file whose tables are the classes below. With the version of the code it gives the same
network again.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from pellucid.errors import InputError, UsageError
from pellucid.images.camera import Camera
from pellucid.images.noise import Gaussian, parse_noise

RECIPES = Path(__file__).parent.parent / "recipes"


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of a recipe; a key that is not listed is an error."""


class Data(Table, frozen=True):
    """Which clean pictures, and how they are cut."""

    train: tuple[str, ...]  # folders below the data folder
    tune: str  # folder of the pictures that judge while training
    channels: Literal[1, 3]
    crop: int = 128  # pixels a side of the crops kept in memory
    per_picture: int = 128  # crops cut from each picture
    shrunk: float = 0.5  # share of the crops that come from shrunk copies
    scales: tuple[float, float] = (0.6, 1.0)  # to what scale these are shrunk
    without: tuple[str, ...] = ()  # names of pictures that are kept for judging
    graphics: int = 0  # drawn pages, screenshots and drawings, beside the photographs a camera takes
    soft: float = 0.0  # share of the photographs that are enlarged before a camera takes them
    pairs: int = 2048  # crops that a camera takes at a time ...
    renew: int = 512  # ... and after how many steps it takes others


class Degrade(Table, frozen=True):
    """What is done to a clean picture."""

    noise: str | None = None  # its text form, such as gaussian:0-75
    camera: str | None = None  # such as camera:iso=100-25600
    graphics: float = (
        0.0  # share of what the camera takes that are drawn pages; half of them stay as they are
    )
    clean: float = 0.0  # share of the pictures that get no noise at all
    clipped: float = 0.5  # share of the pictures that are clipped to [0, 1] and rounded to 8 bit afterwards
    jitter: float = 0.05  # relative standard deviation of the error in the noise level told to the network

    def __post_init__(self) -> None:
        for text, kind in ((self.noise, Gaussian), (self.camera, Camera)):
            if text is not None and not isinstance(parse_noise(text), kind):
                raise UsageError(f"Networks are not trained on {text}", f"Write {kind.usage()}")


class UNetTable(Table, frozen=True, tag_field="kind", tag="unet"):
    """A denoiser: `pellucid.networks.unet.UNetSettings`; the channels come from the data."""

    widths: tuple[int, ...]
    encoder: tuple[int, ...]
    body: int
    decoder: tuple[int, ...]
    unshuffle: int = 2

    def __post_init__(self) -> None:
        if not len(self.encoder) == len(self.decoder) == len(self.widths) - 1:
            raise UsageError(
                f"{len(self.widths)} widths do not fit {len(self.encoder)} numbers in encoder and "
                f"{len(self.decoder)} in decoder",
                "Both hold one number less than widths",
            )

    @property
    def stride(self) -> int:
        """What patches must be multiples of."""
        return self.unshuffle << (len(self.widths) - 1)  # each level halves the size


class PhotoTable(UNetTable, frozen=True, tag_field="kind", tag="photo"):
    """A denoiser of photographs: `pellucid.networks.photo.PhotoUNet`."""

    estimator: int = 16  # width of the part that estimates the noise

    @property
    def stride(self) -> int:
        """What patches must be multiples of."""
        return max(8, super().stride)


class EstimatorTable(Table, frozen=True, tag_field="kind", tag="estimator"):
    """A noise estimator: `pellucid.networks.sigma.SigmaEstimator`."""

    width: int


class Schedule(Table, frozen=True):
    """How long, how fast, on how much at a time."""

    steps: int
    batch: int = 16  # pictures a step, over all processes
    patch: tuple[int, ...] = (96,)  # pixels a side; of several, each serves an equal share of the steps
    learning_rate: float = 2e-3  # the highest; a cosine leads from it to a hundredth
    warm_up: int = 300  # steps in which the learning rate rises from zero
    weight_decay: float = 1e-4
    clip: float = 1.0  # largest norm of the gradient
    average: float = 0.999  # decay of the moving average of the weights, which is what is kept
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    check_every: int = 2000  # steps between two measurements on the tune pictures


class Recipe(Table, frozen=True):
    """One trained network."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]  # also names the files
    version: str
    purpose: str  # one sentence: what the network is for
    licence: str
    trained_on: str  # the pictures, and their terms
    data: Data
    degrade: Degrade
    network: UNetTable | PhotoTable | EstimatorTable
    schedule: Schedule
    loss: Literal["charbonnier", "l1", "mse", "pinball"] = "charbonnier"  # pinball for estimators
    loss_floor: float | None = None  # divide each picture's loss by its noise level plus this; in units of 1
    start: str | None = None  # a shipped network, or an .onnx file, whose weights are the first ones
    seed: int = 0

    def __post_init__(self) -> None:
        if max(self.schedule.patch) > self.data.crop:
            raise UsageError(
                f"A patch of {max(self.schedule.patch)} pixels does not fit crops of {self.data.crop}",
                "Set a larger crop or a smaller patch",
            )
        needed = {"unet": ["noise"], "photo": ["camera"], "estimator": ["noise", "camera"]}
        for name in needed[self.network.__struct_config__.tag]:
            if getattr(self.degrade, name) is None:
                raise UsageError(f"The recipe's [degrade] has no {name}", f"Say what {name} there is")
        stride = self.network.stride if isinstance(self.network, UNetTable) else 1
        if any(patch % stride for patch in self.schedule.patch):
            raise UsageError(
                f"Patches of {self.schedule.patch} pixels do not fit a network of stride {stride}",
                f"Set multiples of {stride}",
            )


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Read a recipe that comes with Pellucid, by its name, or one's own, by its path.

    Raises
    ------
    UsageError
        When there is no such recipe.
    InputError
        When the file is not valid TOML, or has a key or value that a recipe cannot have.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = RECIPES / f"{name_or_path}.toml"
    if not path.is_file():
        raise UsageError(
            f"There is no recipe {str(name_or_path)!r}",
            f"Name a .toml file, or one of {', '.join(recipe_names())}",
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(f"{path} cannot be read as text: {exc}", "Write it as TOML in UTF-8") from exc
    return parse_recipe(text, str(path))


def recipe_names() -> list[str]:
    """The names of the recipes that come with Pellucid."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def parse_recipe(text: str, source: str = "the recipe") -> Recipe:
    """Read a recipe from TOML text; `source` names it in errors."""
    try:
        return msgspec.convert(tomllib.loads(text), Recipe)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as exc:
        raise InputError(f"{source}: {exc}", "Compare it with a recipe that comes with Pellucid") from exc


def recipe_json(recipe: Recipe) -> str:
    """The recipe as one line of JSON, as it travels in checkpoints and cards."""
    return msgspec.json.encode(recipe).decode()


def recipe_from_json(text: str) -> Recipe:
    """What `recipe_json` wrote, read again."""
    return msgspec.json.decode(text, type=Recipe)
