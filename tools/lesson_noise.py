"""Figures of the lessons on noise: its kinds, clipping, what a code loses, what a camera does."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from skimage import data

from benchmarks.common import Desk, Pixels, table
from pellucid.evaluation.code_maps import COLOURS
from pellucid.evaluation.figures import TEXT, save_figure
from pellucid.inference.denoiser import Denoiser
from pellucid.inference.registry import load_model
from pellucid.metrics.quality import psnr
from pellucid.noise.base import NumpyRandom, to_8bit
from pellucid.noise.camera import draw_shot, shoot
from pellucid.noise.jpeg import YCBCR
from pellucid.noise.registry import parse_noise
from pellucid.noise.sensor import Gaussian
from tools.lesson_parts import NOISE, Figures, file, load_digits, panels, publish, shelves, show

ON_DIGITS = ("gaussian:0.25", "gaussian:0.5", "gaussian:0.5,mean=0.5", "uniform:0.11", "salt-and-pepper:0.11")
ON_PHOTO = ("gaussian:25", "poisson:30", "speckle:0.3", "jpeg:10", "camera:iso=12800")


def noises(desk: Desk) -> Figures:
    """Ten noises by their texts: five of tutorials on a digit, five on a photograph; clipped."""
    digit = load_digits(tiny=desk.tiny).test[0].permute(1, 2, 0).numpy()  # (1, h, w) -> (h, w, 1)
    figure, axes = panels(2, 5, 3.4)
    for row, (clean, texts) in enumerate(((digit, ON_DIGITS), (cat()[60:160, 110:210], ON_PHOTO))):
        for axis, text in zip(axes[row], texts, strict=True):
            show(axis, parse_noise(text).apply(clean, NumpyRandom(1)).clip(0, 1), text)
            axis.title.set_fontsize(8)
    save_figure(figure, file(desk, "noises"))
    return {}


def clipping(desk: Desk) -> Figures:
    """What clipping makes of gaussian:0.5 on black, and how it moves the mean of every brightness."""
    black = np.zeros((300, 300, 1), np.float32)
    noisy = NOISE.apply(black, NumpyRandom(0))
    figure, axes = panels(1, 2, 2.6)
    bins = np.linspace(-1.5, 1.5, 61)
    axes[0, 0].hist(noisy.ravel(), bins, histtype="step", label=f"as it is, mean {noisy.mean():.2f}")
    clipped = noisy.clip(0, 1)
    axes[0, 0].hist(clipped.ravel(), bins, alpha=0.4, label=f"clipped, mean {clipped.mean():.2f}")
    axes[0, 0].set(
        xlabel="value of a black pixel", ylabel="pixels", yscale="log", title="gaussian:0.5 on black"
    )
    axes[0, 0].legend(fontsize=8, loc="upper left")
    true = np.linspace(0, 1, 41)
    for sigma in (0.1, 0.25, 0.5):
        means = [
            parse_noise(f"gaussian:{sigma}").apply(black + each, NumpyRandom(0)).clip(0, 1).mean()
            for each in true
        ]
        axes[0, 1].plot(true, means, label=f"gaussian:{sigma}")
    axes[0, 1].plot(true, true, color=TEXT, linewidth=0.8, linestyle="--", label="without noise")
    axes[0, 1].set(xlabel="true brightness", ylabel="mean after clipping", title="clipping moves the mean")
    axes[0, 1].legend(fontsize=8)
    save_figure(figure, file(desk, "clipping"))
    return {"black_mean": round(float(clipped.mean()), 3)}


def cat() -> Pixels:
    """`chelsea` of scikit-image (CC0), float32 (300, 451, 3)."""
    return np.asarray(data.cat(), np.float32) / 255


def denoise(model: Denoiser, noisy: Pixels, sigma: float) -> Pixels:
    return np.asarray(model.denoise(noisy, sigma=sigma).image, np.float32).reshape(noisy.shape)


def bottleneck(desk: Desk) -> Figures:
    """The best linear code of a clean photograph beside what a network with skips makes of a noisy one."""
    clean = cat()[:296, :448].mean(2, keepdims=True)
    squares = clean.reshape(37, 8, 56, 8).transpose(0, 2, 1, 3).reshape(-1, 64)  # -> (squares, 64 pixels)
    mean = squares.mean(0)
    _, _, directions = np.linalg.svd(squares - mean, full_matrices=False)

    def rebuilt(numbers: int) -> Pixels:
        codes = (squares - mean) @ directions[:numbers].T
        again = (codes @ directions[:numbers] + mean).reshape(37, 56, 8, 8)
        return np.asarray(again.transpose(0, 2, 1, 3).reshape(clean.shape))

    counts = (1, 2, 4, 8, 12, 16, 24, 32, 48)
    code = {count: round(psnr(rebuilt(count), clean, data_range=1.0), 2) for count in counts}
    model, skips = load_model("gaussian-fast"), {}
    for level in (5, 10, 25):
        noisy = parse_noise(f"gaussian:{level}").apply(clean, NumpyRandom(0))
        skips[level] = round(psnr(denoise(model, noisy, level / 255), clean, data_range=1.0), 2)
    noisy = parse_noise("gaussian:10").apply(clean, NumpyRandom(0))
    shown = {
        "clean": clean,
        f"its code of 8 numbers for\n64 pixels: {code[8]:.1f} dB": rebuilt(8),
        "noisy, sigma 10": noisy,
        f"with skips, of the noisy\nimage: {skips[10]:.1f} dB": denoise(model, noisy, 10 / 255),
    }
    figure, images, (chart,) = shelves(4.9, 1)
    for axis, (name, pixels) in zip(images, shown.items(), strict=True):
        show(axis, pixels[80:180, 130:230].clip(0, 1), name)
    chart.plot(list(code), list(code.values()), marker="o", label="clean image, rebuilt from a code")
    for number, (level, decibels) in enumerate(skips.items(), 1):
        chart.axhline(decibels, color=COLOURS[number], linestyle="--")
        chart.text(49, decibels, f"network with skips, noise of {level}", ha="right", va="bottom")
    chart.set(xlabel="dimensions of the code for 64 pixels", ylabel="PSNR, dB")
    chart.legend(loc="upper left")
    save_figure(figure, file(desk, "bottleneck"))
    return {"code": code, "gaussian-fast": skips}


CAMERAS, SHOWN = 8, 5  # simulated cameras, and the one whose image is shown
ISO = 6400


def photographs(desk: Desk) -> Figures:
    """White noise and a camera's: how they look, how far they reach, what gaussian-fast leaves of them."""
    clean, model = cat(), load_model("gaussian-fast")
    residuals: dict[str, list[Pixels]] = {"white": [], "camera": []}
    decibels: dict[str, list[list[float]]] = {"white": [], "camera": [], "camera, given twice the level": []}
    figure, images, charts = shelves(4.6, 2)
    for camera in [SHOWN] if desk.tiny else range(CAMERAS):
        shot = replace(draw_shot(ISO, NumpyRandom(camera), clean), scale=1.0)
        taken, target = shoot(clean, shot, NumpyRandom(camera))
        level = float((taken - target).std())
        white = to_8bit(Gaussian(level).apply(target, NumpyRandom(camera)))
        results = [
            (noisy, denoise(model, noisy, given))
            for noisy, given in ((white, level), (taken, level), (taken, 2 * level))
        ]
        for kind, pair in zip(decibels, results, strict=True):
            decibels[kind].append([psnr(each, target, data_range=1.0) for each in pair])
        for kind, (noisy, _) in zip(residuals, results, strict=False):
            residuals[kind].append(mix_luma(noisy - target))
        if camera == SHOWN:
            for column, (kind, pair) in enumerate(zip(residuals, results, strict=False)):
                words = (f"{kind} noise", "denoised")
                for k in range(2):
                    title = f"{words[k]}: {decibels[kind][-1][k]:.1f} dB"
                    show(images[2 * column + k], pair[k][60:170, 100:210].clip(0, 1), title)
    draw_residuals(residuals, *charts)
    save_figure(figure, file(desk, "photographs"))
    means = {kind: np.mean(rows, axis=0).round(2).tolist() for kind, rows in decibels.items()}
    if not desk.tiny:
        head = ["noise", "noisy, dB", "denoised, dB", "gain, dB"]
        rows = [[kind, before, after, round(after - before, 2)] for kind, (before, after) in means.items()]
        publish("lessons/photographs.md", "photographs", table(head, rows))
    return means


def draw_residuals(residuals: dict[str, list[Pixels]], far: Axes, fine: Axes) -> None:
    """Draw the mean autocorrelation and the mean spectrum of each kind of noise."""
    for kind, noises in residuals.items():
        alike = np.mean([autocorrelation(each) for each in noises], axis=0)
        far.plot(range(len(alike)), alike, marker="o", label=kind)
        fine.plot(*np.mean([spectrum(each) for each in noises], axis=0))
    far.set(xlabel="distance, pixels", ylabel="correlation", ylim=(-0.05, 1.05))
    far.set_title("how far noise is alike")
    far.legend()
    fine.set(xlabel="cycles a pixel: blotches to grain", ylabel="power, mean 1", yscale="log")
    fine.set_title("spectrum")
    fine.set_yticks((0.5, 1, 2, 5, 10), ("0.5", "1", "2", "5", "10"))
    fine.minorticks_off()


def mix_luma(noise: Pixels) -> Pixels:
    """The noise of brightness (h, w), by the weights of ITU-R BT.601."""
    return np.asarray(noise @ YCBCR[0])


def autocorrelation(noise: Pixels) -> Pixels:
    """How much values 0 to 12 pixels apart are alike, across and down."""
    noise = noise - noise.mean()
    height, width = noise.shape
    shared = [
        (np.mean(noise[d:] * noise[: height - d]) + np.mean(noise[:, d:] * noise[:, : width - d])) / 2
        for d in range(13)
    ]
    return np.asarray(shared / noise.var())


def spectrum(noise: Pixels) -> Pixels:
    """Frequencies up to half a cycle a pixel, and the mean power around each, over the mean of all."""
    power = np.abs(np.fft.fft2(noise - noise.mean())) ** 2
    frequency = np.hypot(*np.meshgrid(*(np.fft.fftfreq(side) for side in noise.shape), indexing="ij"))
    edges = np.linspace(0, 0.5, 26)
    rings = [power[(frequency >= low) & (frequency < high)].mean() for low, high in pairwise(edges)]
    return np.array([(edges[:-1] + edges[1:]) / 2, np.array(rings) / power.mean()])
