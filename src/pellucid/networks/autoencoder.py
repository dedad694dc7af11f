"""Autoencoders: networks that squeeze an image into a code and rebuild the image from it.

    noisy (n, c, h, w) ── encoder ── code (n, ...) ── decoder ── denoised (n, c, h, w)

The code is too small for everything, so what is rare among the training images (noise, above all) does
not get through. The three classical kinds, from the oldest:

    Dense       flatten ─ dense ─ code (level, level) ─ dense ─ dense ─ reshape
    ConvLatent  strided convolutions ─ flatten ─ dense ─ code (numbers)
                  ─ dense ─ reshape ─ transposed convolutions ─ convolution
    ConvPool    (convolution ─ max pooling) x depth ─ code (channels, h / 2^depth, w / 2^depth)
                  ─ (convolution ─ upsampling) x depth ─ convolution

All return pixels, not logits, also while they train.

References: Hinton and Salakhutdinov 2006 (autoencoders that compress); Vincent and others 2008 (denoising);
Masci and others 2011 (convolution and pooling); Badrinarayanan and others 2017 (SegNet: unpooling with the
indices of the maxima); Glorot and Bengio 2010 (the initial weights).
"""

from itertools import pairwise
from typing import Literal, TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.errors import UsageError
from pellucid.networks.families import ConvLatentSettings, ConvPoolSettings, DenseSettings
from pellucid.networks.network import Network
from pellucid.networks.unet import ACTIVATIONS, residuals

Learned = TypeVar("Learned", bound=nn.Linear | nn.Conv2d | nn.ConvTranspose2d)


class Autoencoder(Network):
    """The base of the three kinds: an encoder, a decoder, and the way through both."""

    encoder: nn.Sequential
    decoder: nn.Sequential
    code_shape: tuple[int, ...]
    any_size = False

    def encode(self, images: Tensor) -> Tensor:
        """Make codes (n, *code_shape) of images (n, c, h, w) from 0 to 1.

        Raises
        ------
        UsageError
            When the images have a size that the network does not take.
        """
        self.check(images.shape[2], images.shape[3])
        code: Tensor = self.encoder(images)
        return code

    def decode(self, code: Tensor) -> Tensor:
        """Make images (n, c, h, w) of codes (n, *code_shape)."""
        images: Tensor = self.decoder(code)
        return images

    def forward(self, noisy: Tensor) -> tuple[Tensor, Tensor]:
        """Give the denoised images (n, c, h, w) and their codes (n, *code_shape)."""
        code = self.encode(noisy)
        return self.decode(code), code

    def check(self, height: int, width: int) -> None:
        """Raise a UsageError when images of this size cannot be taken."""
        if height % self.stride or width % self.stride:
            raise UsageError(
                f"Images of {height} x {width} pixels do not fit: this network halves the size until "
                f"{self.stride} pixels have become one",
                f"Crop or resize them to multiples of {self.stride}",
            )
        if not self.any_size and (height, width) != self.size:
            raise UsageError(
                f"Images of {height} x {width} pixels do not fit: the dense layers of this network are "
                f"made for {self.size[0]} x {self.size[1]}",
                "Resize them, or train a network for their size",
            )


class Dense(Autoencoder):
    """Every pixel is connected with every number of the code.

    Level 8 on images of 28 x 28 pixels is the classic 784-64-64-784.
    """

    def __init__(self, settings: DenseSettings, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.size, self.code_shape = size, (settings.level, settings.level)
        pixels, numbers = channels * size[0] * size[1], settings.level**2
        hidden = settings.hidden or numbers
        self.encoder = nn.Sequential(
            nn.Flatten(),  # (n, c, h, w) -> (n, c*h*w)
            glorot(nn.Linear(pixels, numbers)),
            ACTIVATIONS[settings.activation](),
        )
        self.decoder = nn.Sequential(
            glorot(nn.Linear(numbers, hidden)),
            ACTIVATIONS[settings.activation](),
            Dropout(settings.dropout),
            glorot(nn.Linear(hidden, pixels)),
            Output(settings.output),
            nn.Unflatten(1, (channels, *size)),  # (n, c*h*w) -> (n, c, h, w)
        )

    def encode(self, images: Tensor) -> Tensor:
        return super().encode(images).reshape(-1, *self.code_shape)  # (n, l*l) -> (n, l, l)

    def decode(self, code: Tensor) -> Tensor:
        return super().decode(code.flatten(1))  # (n, l, l) -> (n, l*l)


class Dropout(nn.Dropout):
    """Set a share of the numbers to zero, to the nearest 1/256, and enlarge the others to make up for it.

    A byte decides for each number: on a CPU that takes a third of the time of torch's own dropout.
    """

    def forward(self, x: Tensor) -> Tensor:
        dropped = round(256 * self.p)
        if not self.training or dropped == 0:
            return x
        eights = torch.empty(-(-x.numel() // 8), dtype=torch.int64, device=x.device).random_(-(2**63), None)
        kept = eights.view(torch.uint8).as_strided(x.shape, x.stride()) >= dropped  # in the order of x
        return x * kept.to(x.dtype) * (256 / max(1, 256 - dropped))


class ConvLatent(Autoencoder):
    """Convolutions find strokes and corners, a dense layer makes a few numbers of them, and back."""

    def __init__(self, settings: ConvLatentSettings, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        widths, hidden, code = settings.widths, settings.hidden, settings.code
        self.size, self.code_shape, self.stride = size, (code,), 2 ** len(widths)
        self.check(*size)
        coarsest = widths[-1], size[0] // self.stride, size[1] // self.stride
        flat = coarsest[0] * coarsest[1] * coarsest[2]

        encoder: list[nn.Module] = []
        for before, width in pairwise((channels, *widths)):
            encoder += [
                halve(before, width, settings.kernel),  # (n, before, h, w) -> (n, width, h/2, w/2)
                ACTIVATIONS[settings.activation](),
                Dropout(settings.dropout),
                *residuals(settings.blocks, width, width),
            ]
        encoder.append(nn.Flatten())
        if hidden:
            encoder += [glorot(nn.Linear(flat, hidden)), ACTIVATIONS[settings.activation]()]
        encoder.append(glorot(nn.Linear(hidden or flat, code)))  # no activation: a code may be negative
        self.encoder = nn.Sequential(*encoder)

        decoder: list[nn.Module] = []
        if hidden:
            decoder += [glorot(nn.Linear(code, hidden)), ACTIVATIONS[settings.activation]()]
        decoder += [glorot(nn.Linear(hidden or code, flat)), ACTIVATIONS[settings.activation]()]
        decoder.append(nn.Unflatten(1, coarsest))
        for before, width in pairwise((widths[-1], *reversed(widths))):
            decoder += [
                *residuals(settings.blocks, before, before),
                double(before, width, settings.kernel),  # (n, before, h, w) -> (n, width, 2h, 2w)
                ACTIVATIONS[settings.activation](),
            ]
        decoder += [same(widths[0], channels), Output(settings.output)]
        self.decoder = nn.Sequential(*decoder)


class ConvPool(Autoencoder):
    """Nothing but convolutions and poolings, hence for images of any size; the code grows with them."""

    any_size = True

    def __init__(self, settings: ConvPoolSettings, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        widths = settings.widths
        self.size, self.stride, self.unpools = size, 2 ** len(widths), settings.up == "unpool"
        self.check(*size)
        self.code_shape = widths[-1], size[0] // self.stride, size[1] // self.stride

        encoder: list[nn.Module] = []
        for before, width in pairwise((channels, *widths)):
            encoder += [
                same(before, width),
                ACTIVATIONS[settings.activation](),
                Dropout(settings.dropout),
                nn.MaxPool2d(2),  # (n, width, h, w) -> (n, width, h/2, w/2)
            ]
        self.encoder = nn.Sequential(*encoder)

        decoder: list[nn.Module] = []
        for before, width in pairwise((widths[-1], *reversed(widths))):
            if settings.up == "transposed":
                decoder += [double(before, width), ACTIVATIONS[settings.activation]()]
            else:  # the convolution comes first: it costs a quarter before the size is doubled
                doubling = Unpool() if self.unpools else nn.Upsample(scale_factor=2, mode=settings.up)
                decoder += [same(before, width), ACTIVATIONS[settings.activation](), doubling]
        decoder += [same(widths[0], channels), Output(settings.output)]
        self.decoder = nn.Sequential(*decoder)

    def decode(self, code: Tensor) -> Tensor:
        if self.unpools:
            raise UsageError(
                "A code cannot be decoded by itself in a network with unpooling, which needs to know where "
                "in the image each maximum was",
                "Train one whose decoder is transposed, nearest or bilinear",
            )
        return super().decode(code)

    def forward(self, noisy: Tensor) -> tuple[Tensor, Tensor]:
        if not self.unpools:
            return super().forward(noisy)
        self.check(noisy.shape[2], noisy.shape[3])
        x, positions = noisy, []
        for layer in self.encoder:
            if isinstance(layer, nn.MaxPool2d):
                positions.append(position_of_maximum(x))
            x = layer(x)
        code = x
        for layer in self.decoder:
            x = layer(x, positions.pop()) if isinstance(layer, Unpool) else layer(x)
        return x, code


class Unpool(nn.Module):
    """Put each number where its 2 x 2 window had its maximum, and zeros elsewhere."""

    def forward(self, x: Tensor, position: Tensor) -> Tensor:
        four = torch.arange(4, device=x.device).reshape(4, 1, 1)
        windows = x.unsqueeze(2) * (position.unsqueeze(2) == four)  # (n, c, h, w) -> (n, c, 4, h, w)
        return F.pixel_shuffle(windows.flatten(1, 2), 2)  # (n, 4c, h, w) -> (n, c, 2h, 2w)


def position_of_maximum(x: Tensor) -> Tensor:
    """Where each 2 x 2 window has its maximum, 0 to 3 in reading order; of equal ones, the first.

    `nn.MaxPool2d` could return indices too, but `nn.MaxUnpool2d`, which they are for, has no ONNX form.
    """
    windows = F.pixel_unshuffle(x, 2).unflatten(1, (-1, 4))  # (n, c, h, w) -> (n, c, 4, h/2, w/2)
    position: Tensor = windows.argmax(2)
    return position


class Output(nn.Module):
    """From any values to pixels from 0 to 1: by a sigmoid, or by clipping."""

    def __init__(self, kind: Literal["sigmoid", "linear"]) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        x = x.float()  # bfloat16 would round the pixels
        if self.kind == "sigmoid":
            return x.sigmoid()
        # Cutting off has no gradient: a pixel outside could not learn to come back. So only in use.
        return x if self.training else x.clamp(0, 1)


def same(before: int, after: int) -> nn.Conv2d:
    """A 3x3 convolution that keeps the size.

    A transposed one of stride 1, as some tutorials end with, is the same with its weights mirrored.
    """
    return glorot(nn.Conv2d(before, after, 3, padding=1))


def halve(before: int, after: int, kernel: int = 3) -> nn.Conv2d:
    """A convolution of stride 2 that halves even sizes.

    Keras' "same" pads the other two sides where the kernel is odd: this is its mirror image.
    """
    return glorot(nn.Conv2d(before, after, kernel, stride=2, padding=(kernel - 1) // 2))


class TransposedConvolution(nn.ConvTranspose2d):
    """In training adds its bias afterwards: when torch does both at once, a CPU takes a third longer."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]  # nobody asks for a size
        if not self.training:
            return super().forward(x)
        across = cast(tuple[int, int], self.padding)  # never one of torch's words
        y = F.conv_transpose2d(x, self.weight, None, self.stride, across, self.output_padding)
        assert self.bias is not None
        return y + self.bias.to(y.dtype)[:, None, None]


def double(before: int, after: int, kernel: int = 3) -> TransposedConvolution:
    """A transposed convolution of stride 2 that doubles sizes."""
    padding, odd = (kernel - 1) // 2, kernel % 2
    return glorot(TransposedConvolution(before, after, kernel, stride=2, padding=padding, output_padding=odd))


def glorot(layer: Learned) -> Learned:
    """Begin with the weights that Keras begins with: uniform, by Glorot and Bengio 2010, and no bias.

    The tutorials begin there too. With torch's own weights, and with those of He and others 2015, conv-latent
    with a sigmoid stays black for longer on MNIST before it learns.
    """
    nn.init.xavier_uniform_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
