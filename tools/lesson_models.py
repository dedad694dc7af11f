"""Figures of the lessons on further kinds of networks: variational, sparse, and without clean images."""

import numpy as np
import torch
from skimage import data

from benchmarks.common import Desk
from pellucid.evaluation.codes import draw_codes
from pellucid.evaluation.figures import save_figure
from pellucid.noise.sensor import Gaussian
from pellucid.training.randomness import TorchRandom
from pellucid.training.self_supervised import blind
from tools.lesson_codes import tested, trained
from tools.lesson_parts import Figures, file, panels, show


def short(desk: Desk) -> tuple[str, ...]:
    """How these trainings differ from their recipes; tiny ones are shorter still."""
    return () if desk.tiny else ("schedule.epochs=none", "schedule.steps=800", "schedule.batch=64")


def samples(desk: Desk) -> Figures:
    """Codes drawn at random, decoded: of an autoencoder, and of a variational one."""
    digits, _ = tested(desk)
    figure, axes = panels(4, 10, 3.4)
    networks = (("mnist-latent16", "degrade.noise=none", "loss=bce"), ("mnist-vae",))
    for row, (name, *changes) in enumerate(networks):
        codec = trained(desk, name, *short(desk), *changes)
        codes = codec.encode(digits[:1000])
        normal = np.random.default_rng(0).normal(size=(10, *codes.shape[1:])).astype(np.float32)
        for half, drawn in enumerate((normal, draw_codes(codes, 10))):
            words = ("normal", "fitted")[half]
            for column, image in enumerate(codec.decode(drawn)):
                show(axes[2 * row + half, column], image)
            axes[2 * row + half, 0].set_ylabel(f"{('plain', 'VAE')[row]},\n{words}")
    save_figure(figure, file(desk, "samples"))
    return {}


def parts(desk: Desk) -> Figures:
    """What single dimensions of a sparse code add to an image, and how often each is used."""
    digits, _ = tested(desk)
    codec = trained(desk, "mnist-sparse", *short(desk))
    codes = codec.encode(digits[:1000]).reshape(min(1000, len(digits)), -1)
    often = np.argsort(-(codes > 0).mean(axis=0), kind="stable")[:20]
    alone = np.zeros((21, codes.shape[1]), np.float32)
    alone[np.arange(20), often] = codes[:, often].max(axis=0)
    decoded = codec.decode(alone.reshape(21, *codec.card.code or ()))
    figure, axes = panels(2, 10, 1.9)
    for axis, image in zip(axes.flat, decoded[:20] - decoded[20], strict=True):
        show(axis, image, signed=1.0)
    save_figure(figure, file(desk, "parts"))
    used = (codes > 0).sum(axis=1).mean()
    return {"used": round(float(used), 1), "never used": int((codes.max(axis=0) <= 0).sum())}


def blind_spot(desk: Desk) -> Figures:
    """A noisy image, its blind spots, and what the network is given in their place."""
    photo = data.camera()[150:174, 270:294].astype(np.float32) / 255
    random = TorchRandom(torch.Generator().manual_seed(0))
    clean = torch.from_numpy(photo)[None, None]
    noisy = Gaussian(0.1).apply(clean, random).clip(0, 1)
    given, spots = blind(noisy, random)
    compared = torch.where(spots, noisy, torch.nan)
    figure, axes = panels(1, 4, 2.1)
    names = ("clean, never seen", "noisy", "input", "target")
    for axis, image, name in zip(axes[0], (clean, noisy, given, compared), names, strict=True):
        show(axis, image, name)
    save_figure(figure, file(desk, "blind-spot"))
    return {}
