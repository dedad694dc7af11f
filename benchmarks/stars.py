"""What denoising does to stars: the flux that an aperture finds, bright and faint.

    python -m benchmarks.stars

Simulated fields, so no data folder: sky of 10 photons, read noise of 2, stars with a Gaussian profile, 2.5
pixels wide at half maximum. The noise is given. Flux is the sum within 5 pixels of a star, over the mean of
a ring from 9 to 14 pixels; the table has its mean over the mean of the same sum in the clean image, and in
parentheses its scatter.
"""

from typing import Any

import numpy as np

from benchmarks.common import Desk, Pixels, arguments, facts, table
from pellucid import load_model
from pellucid.noise.base import NumpyRandom
from pellucid.noise.sensor import Poisson

FLUXES = (30, 60, 100, 200, 400, 800, 1600, 5000, 20000, 80000)  # photons
SKY, WIDTH, STEP = 10.0, 2.5, 32
NOISE = Poisson(20000, read=2)
MODELS = ("gaussian-best", "gaussian-fast")


def field(seed: int, side: int) -> tuple[Pixels, list[Pixels]]:
    """A clean image in photons (side, side), and the distance of its pixels from each star."""
    random = np.random.default_rng(seed)
    centres = np.stack(np.meshgrid(*[np.arange(STEP // 2, side, STEP)] * 2), axis=-1).reshape(-1, 2)
    y, x = np.mgrid[:side, :side]
    distances = [np.hypot(y - cy, x - cx) for cy, cx in centres + random.uniform(-2, 2, centres.shape)]
    image, variance = np.full((side, side), SKY), WIDTH**2 / (8 * np.log(2))
    for star, distance in enumerate(distances):
        image += flux_of(star) / (2 * np.pi * variance) * np.exp(-(distance**2) / (2 * variance))
    return image, distances


def flux_of(star: int) -> int:
    return FLUXES[star % len(FLUXES)]


def found(image: Pixels, distances: list[Pixels]) -> Pixels:
    """The flux of each star, in photons."""
    rings = [np.mean(image[(distance > 9) & (distance < 14)]) for distance in distances]
    return np.array([np.sum(image[d < 5] - sky) for d, sky in zip(distances, rings, strict=True)])


def main() -> None:
    desk = Desk("stars", arguments(__doc__).parse_args())
    models = {name: load_model(name) for name in MODELS}
    ratios: dict[str, dict[int, list[float]]] = {}
    for seed in range(1 if desk.tiny else 4):
        clean, distances = field(seed, 128 if desk.tiny else 384)
        pixels = (clean / NOISE.photons).astype(np.float32)[..., None]
        noisy = NOISE.apply(pixels, NumpyRandom(seed))
        images = {"noisy": noisy}
        images |= {name: model.denoise(noisy, noise=NOISE).image for name, model in models.items()}
        true = found(clean, distances)
        for name, image in images.items():
            each = found(image[..., 0].astype(np.float64) * NOISE.photons, distances) / true
            for star, ratio in enumerate(each):
                ratios.setdefault(name, {}).setdefault(flux_of(star), []).append(float(ratio))
    figures: dict[str, Any] = {"facts": facts(), "ratios": {}}
    for name, by_flux in ratios.items():
        figures["ratios"][name] = {
            str(flux): [round(float(np.mean(each)), 3), round(float(np.std(each)), 3)]
            for flux, each in by_flux.items()
        }
    desk.write(figures)
    desk.publish(tables(figures))


def tables(figures: dict[str, Any]) -> str:
    ratios = figures["ratios"]
    rows = [
        [
            flux,
            *(
                f"{mean:.3f} ({scatter:.3f})"
                for mean, scatter in (each[str(flux)] for each in ratios.values())
            ),
        ]
        for flux in FLUXES
    ]
    return table(["Flux in photons", *ratios], rows)


if __name__ == "__main__":
    main()
