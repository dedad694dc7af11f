"""The families of networks: the settings of each, which are a recipe's table ``[network]``, and its facts.

A new network is one file in this folder, with its class, and one row in `FAMILIES` with its settings.
Nothing here imports torch, so that recipes can be read without it.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal, Union

import msgspec

from pellucid.errors import UsageError
from pellucid.inference.card import Kind

if TYPE_CHECKING:
    from pellucid.networks.network import Network

# The ranges of the keys of a recipe, checked while it is read.
Count = Annotated[int, msgspec.Meta(ge=1)]
Whole = Annotated[int, msgspec.Meta(ge=0)]
Fraction = Annotated[float, msgspec.Meta(ge=0, lt=1)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
Widths = Annotated[tuple[Count, ...], msgspec.Meta(min_length=1)]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """The settings of a network, without what the images decide: their channels and size."""

    @property
    def stride(self) -> int:
        """Number of pixels that the sides of patches, or of padded images, are multiples of."""
        return 1


def _check_levels(settings: "UNetSettings | PageSettings") -> None:
    widths, encoder, decoder = map(len, (settings.widths, settings.encoder, settings.decoder))
    if not encoder == decoder == widths - 1:
        raise UsageError(
            f"{widths} widths do not fit {encoder} numbers in encoder and {decoder} in decoder",
            "Give each of both one number less than widths",
        )


class UNetSettings(Settings, frozen=True, tag="unet"):
    """Of a `pellucid.networks.unet.UNet`."""

    widths: Widths  # channels at each level, from the finest
    encoder: tuple[Whole, ...]  # residual blocks at each level on the way down
    body: Whole  # residual blocks at the coarsest level
    decoder: tuple[Whole, ...]  # residual blocks at each level on the way up, from the finest
    unshuffle: Count = 2  # how many pixels a side are moved into channels
    activation: Literal["relu", "gelu"] = "relu"
    predicts: Literal["noise", "image"] = "noise"  # "image" where the noise leaves little of it

    def __post_init__(self) -> None:
        _check_levels(self)

    @property
    def stride(self) -> int:
        return self.unshuffle << (len(self.widths) - 1)  # each level halves the size


class PhotoSettings(UNetSettings, frozen=True, tag="photo"):
    """Of a `pellucid.networks.photo.PhotoUNet`."""

    estimator: Count = 16  # width of the part that estimates the noise
    gains: tuple[Positive, Positive] = (1.0, 1.0)  # times luma and chroma levels, in the .onnx file

    @property
    def stride(self) -> int:
        return max(8, super().stride)


class PageSettings(Settings, frozen=True, tag="page"):
    """Of a `pellucid.networks.page.PageUNet`."""

    widths: Annotated[
        tuple[Count, ...], msgspec.Meta(min_length=4)
    ]  # channels at each level, from half the size
    encoder: tuple[Whole, ...]  # residual blocks at each level on the way down
    body: Whole  # residual blocks at the coarsest level
    decoder: tuple[Whole, ...]  # residual blocks at each level on the way up, from the finest
    doubt: Positive = 0.25  # expected error, 0 to 1, above which a place stays unchanged

    def __post_init__(self) -> None:
        _check_levels(self)

    @property
    def stride(self) -> int:
        return 1 << len(self.widths)


class EstimatorSettings(Settings, frozen=True, tag="estimator"):
    """Of a `pellucid.networks.noise.NoiseEstimator`."""

    width: Count  # channels of the first layer; the others have twice as many

    @property
    def stride(self) -> int:
        return 4


class AutoencoderSettings(Settings, frozen=True):
    """Of every `pellucid.networks.autoencoder.Autoencoder`."""

    activation: Literal["relu", "elu", "gelu", "leaky"] = "relu"
    output: Literal["sigmoid", "linear"] = (
        "sigmoid"  # how the last layer's values become pixels, see `Output`
    )
    dropout: Fraction = 0.0  # share of the values set to zero while training


class DenseSettings(AutoencoderSettings, frozen=True, tag="dense"):
    """Of a `pellucid.networks.autoencoder.Dense`; dropout comes after the hidden layer."""

    level: Count = 8  # the code has level x level dimensions and can be shown as a small image
    hidden: Count | None = None  # width of the layer after the code; None: level x level


class ConvLatentSettings(AutoencoderSettings, frozen=True, tag="conv-latent"):
    """Of a `pellucid.networks.autoencoder.ConvLatent`; dropout comes after each strided convolution."""

    code: Count = 16  # dimensions of the code
    widths: Widths = (32, 64)  # channels after each halving of the size
    kernel: Count = 3  # pixels a side, of the convolutions that change the size
    blocks: Whole = 0  # residual blocks (with ReLU) at each of the halved sizes, on both sides
    hidden: Whole = 0  # width of one more dense layer on each side of the code; 0: none


class VAESettings(ConvLatentSettings, frozen=True, tag="vae"):
    """Of a `pellucid.networks.vae.VAE`."""

    beta: Annotated[float, msgspec.Meta(ge=0)] = 1.0  # weight of the KL term


class VQVAESettings(AutoencoderSettings, frozen=True, tag="vq-vae"):
    """Of a `pellucid.networks.vqvae.VQVAE`, which has no dropout."""

    vectors: Count = 64  # in the codebook
    code: Count = 8  # dimensions of each of them
    widths: Widths = (16, 32)  # channels after each halving of the size
    commitment: Annotated[float, msgspec.Meta(ge=0)] = 0.25  # weight of the term that holds the encoder

    @property
    def stride(self) -> int:
        return 1 << len(self.widths)


class SparseSettings(AutoencoderSettings, frozen=True, tag="sparse"):
    """Of a `pellucid.networks.sparse.Sparse`, which has no dropout."""

    level: Count = 20  # the code has level x level dimensions ...
    active: Count = 25  # ... of which an image uses so many


class StackedSettings(AutoencoderSettings, frozen=True, tag="stacked"):
    """Of a `pellucid.networks.stacked.Stacked`, which has no dropout."""

    widths: Widths = (512, 256, 64)  # of the layers down to the code
    masked: Fraction = 0.25  # share of the values set to 0 while a layer learns alone


class DnCNNSettings(Settings, frozen=True, tag="dncnn"):
    """Of a `pellucid.networks.dncnn.DnCNN`."""

    depth: Annotated[int, msgspec.Meta(ge=3)] = 17  # convolutions; each sees one pixel further
    width: Count = 64  # channels between them


class OwnSettings(Settings, frozen=True, tag="own"):
    """Of a `pellucid.networks.own.Own`."""

    module: str  # such as networks:Mine, a torch.nn.Module that is made without arguments
    multiple: Count = 1  # the sides of images must be multiples of it
    any_size: bool = True  # false where it has dense layers, which are made for one size

    @property
    def stride(self) -> int:
        return self.multiple


class ConvPoolSettings(AutoencoderSettings, frozen=True, tag="conv-pool"):
    """Of a `pellucid.networks.autoencoder.ConvPool`; dropout comes after each convolution of the encoder."""

    widths: Widths = (32, 32)  # channels at each level; as many poolings
    up: Literal["transposed", "nearest", "bilinear", "unpool"] = "transposed"  # how the decoder doubles sizes

    @property
    def stride(self) -> int:
        return 1 << len(self.widths)


@dataclass(frozen=True, kw_only=True)
class Family:
    """The facts about a kind of network that training, export and evaluation need."""

    settings: type[Settings]
    kind: Kind  # as the card of the exported network says it
    network: str  # module and class, made with (settings, channels, size)
    outputs: tuple[str, ...]  # names in the .onnx file, in the order in which the network returns them
    conditions: Mapping[str, float] = field(default_factory=dict)  # further inputs, with example values
    crops: Literal["denoising", "photographs", "estimating", "pages"] | None = (
        None  # its training task on crops
    )
    sets: bool = False  # whether sets of small images can train it
    own_terms: bool = (
        False  # whether its loss has terms of its own: it takes a `pellucid.networks.network.Goal`
    )
    one_thread: bool = False  # whether its layers are so small that a second thread costs more than it saves

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names in the .onnx file."""
        return "noisy", *self.conditions

    @property
    def takes_sigma(self) -> bool:
        """Whether the noise level is an input."""
        return "sigma" in self.conditions

    @property
    def denoises(self) -> bool:
        """Whether the first output is an image."""
        return self.outputs[0] == "denoised"

    def build(self, settings: Settings, channels: int, size: tuple[int, int]) -> "Network":
        """Make an untrained network for images with these channels, height and width."""
        module, name = self.network.split(":")
        network: Network = getattr(importlib.import_module(f"pellucid.networks.{module}"), name)(
            settings, channels, size
        )
        return network


CODED = ("denoised", "code")

FAMILIES = (
    Family(
        settings=UNetSettings,
        kind="white-noise",
        network="unet:UNet",
        conditions={"sigma": 0.1},
        outputs=("denoised",),
        crops="denoising",
        sets=True,
    ),
    Family(
        settings=PhotoSettings,
        kind="photographs",
        network="photo:PhotoUNet",
        conditions={"gain": 1.5},
        outputs=("denoised", "levels"),
        crops="photographs",
    ),
    Family(
        settings=PageSettings,
        kind="pages",
        network="page:PageUNet",
        conditions={"paper": 0.9},
        outputs=("denoised", "doubt"),
        crops="pages",
    ),
    Family(
        settings=EstimatorSettings,
        kind="noise-estimator",
        network="noise:NoiseEstimator",
        outputs=("levels", "log_spread", "independent"),
        crops="estimating",
    ),
    Family(
        settings=DenseSettings,
        kind="autoencoder",
        network="autoencoder:Dense",
        outputs=CODED,
        sets=True,
        one_thread=True,
    ),
    Family(
        settings=ConvLatentSettings,
        kind="autoencoder",
        network="autoencoder:ConvLatent",
        outputs=CODED,
        sets=True,
    ),
    Family(
        settings=ConvPoolSettings,
        kind="autoencoder",
        network="autoencoder:ConvPool",
        outputs=CODED,
        sets=True,
    ),
    Family(
        settings=VAESettings,
        kind="autoencoder",
        network="vae:VAE",
        outputs=CODED,
        sets=True,
        own_terms=True,
    ),
    Family(
        settings=VQVAESettings,
        kind="autoencoder",
        network="vqvae:VQVAE",
        outputs=CODED,
        sets=True,
        own_terms=True,
    ),
    Family(
        settings=SparseSettings,
        kind="autoencoder",
        network="sparse:Sparse",
        outputs=CODED,
        sets=True,
        own_terms=True,
        one_thread=True,
    ),
    Family(
        settings=StackedSettings,
        kind="autoencoder",
        network="stacked:Stacked",
        outputs=CODED,
        sets=True,
        own_terms=True,
        one_thread=True,
    ),
    Family(
        settings=DnCNNSettings,
        kind="autoencoder",
        network="dncnn:DnCNN",
        outputs=("denoised",),
        sets=True,
    ),
    Family(
        settings=OwnSettings,
        kind="autoencoder",
        network="own:Own",
        outputs=("denoised",),
        sets=True,
    ),
)
"""The networks that recipes can name."""

if TYPE_CHECKING:
    AnySettings = Settings
else:
    AnySettings = Union[tuple(family.settings for family in FAMILIES)]  # noqa: UP007  # made of the rows


def family_of(settings: Settings) -> Family:
    """Find the family whose settings these are."""
    return next(family for family in FAMILIES if family.settings is type(settings))
