"""Figures of the lessons that need small trainings, and the one on losses."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import msgspec
import torch
from torch import Tensor

from benchmarks.common import Desk, table
from pellucid.evaluation.figures import TEXT, save_figure
from pellucid.networks.autoencoder import ConvLatent, ConvPool
from pellucid.networks.families import ConvLatentSettings, ConvPoolSettings
from pellucid.training.randomness import TorchRandom
from pellucid.training.recipe import SetData
from tools.lesson_parts import (
    SIZE,
    Figures,
    Plan,
    dense,
    error,
    file,
    fit,
    load_digits,
    make_noisy,
    panels,
    publish,
    show,
)


def autoencoder(desk: Desk) -> Figures:
    """Digits, what noise makes of them, their codes of 16 numbers, and what is decoded."""
    digits = load_digits(tiny=desk.tiny)
    torch.manual_seed(0)
    model = ConvLatent(ConvLatentSettings(code=16), 1, SIZE)
    steps = 20 if desk.tiny else 800
    fit(model, digits.train, digits.validation[:100], Plan(steps=steps, every=steps, learning_rate=2e-3))
    noisy = make_noisy(digits.test, TorchRandom(torch.Generator().manual_seed(0)))
    with torch.no_grad():
        denoised, codes = model.eval()(noisy[:9])
    figure, axes = panels(4, 9, 3.6)
    rows = (digits.test, noisy, codes.reshape(-1, 1, 4, 4), denoised)
    for row, (images, name) in enumerate(zip(rows, ("clean", "noisy", "code", "denoised"), strict=True)):
        signed = float(codes.abs().max()) if name == "code" else 0.0
        for column in range(9):
            show(axes[row, column], images[column], signed=signed)
        axes[row, 0].set_ylabel("code, 4 x 4" if name == "code" else name)
    save_figure(figure, file(desk, "autoencoder"))
    return {"steps": steps, "test_mse": error(model, digits.test, noisy)}


def capacity(desk: Desk) -> Figures:
    """Errors on 500 digits that trained and on others, for codes of 1 to 400 numbers."""
    digits = load_digits(tiny=desk.tiny)
    few, others = digits.train[:500], digits.validation[:1000]
    steps = 10 if desk.tiny else 2000
    plan = Plan(steps=steps, every=steps, once=True)
    ends = {level**2: fit(dense(level), few, others, plan)[-1] for level in (1, 2, 4, 6, 8, 12, 20)}
    figure, axes = panels(1, 1, 3.0)
    axis = axes[0, 0]
    for number, part in enumerate(("train", "validation")):
        errors = [getattr(point, part) for point in ends.values()]
        words = "digits that trained" if part == "train" else "digits that did not"
        axis.plot(list(ends), errors, marker="os"[number], label=words)
    axis.set(xscale="log", xlabel="dimensions of the code", ylabel="mean squared error", ylim=(0, None))
    axis.set_xticks(list(ends), [str(each) for each in ends])
    axis.minorticks_off()
    axis.legend()
    save_figure(figure, file(desk, "capacity"))
    if not desk.tiny:
        head = ["dimensions of the code", "training digits", "validation digits"]
        rows = [[code, point.train, point.validation] for code, point in ends.items()]
        publish("lessons/fitting.md", "capacity", table(head, rows))
    return {str(code): [point.train, point.validation] for code, point in ends.items()}


def overfitting(desk: Desk) -> Figures:
    """Five ways to train the same network, with 256 dimensions in the code: errors while it trains."""
    digits = load_digits(tiny=desk.tiny)
    steps, every = (20, 10) if desk.tiny else (2400, 150)
    fresh = Plan(steps=steps, every=every)
    moved = replace(fresh, moves=SetData(name="mnist", rotation=10, shift=2))
    once = replace(fresh, once=True)
    ways = {
        "noise once": (500, 0.0, once),
        "noise once, dropout 0.3": (500, 0.3, once),
        "noise anew": (500, 0.0, fresh),
        "noise anew, moved": (500, 0.0, moved),
        "noise anew, moved, 10,000": (10_000, 0.0, moved),
    }
    figure, axes = panels(1, 2, 3.2)
    ends, others = {}, digits.validation[:1000]
    for name, (count, dropout, plan) in ways.items():
        points = fit(dense(16, dropout), digits.train[:count], others, plan)
        across = [point.step for point in points[1:]]
        for axis, part in zip(axes[0], ("train", "validation"), strict=True):
            axis.plot(across, [getattr(point, part) for point in points[1:]], label=name)
        best = min(points, key=lambda point: point.validation)
        ends[name] = [points[-1].train, points[-1].validation, best.validation, best.step]
    for axis, words in zip(axes[0], ("digits that trained", "digits that did not"), strict=True):
        axis.set(xlabel="steps", title=words, ylim=(0, 0.06))
    axes[0, 0].set_ylabel("mean squared error")
    axes[0, 0].legend(fontsize=8)
    save_figure(figure, file(desk, "overfitting"))
    if not desk.tiny:
        head = ["way", "digits that trained", "digits that did not", "the lowest of these", "at step"]
        publish(
            "lessons/fitting.md", "overfitting", table(head, [[name, *row] for name, row in ends.items()])
        )
    return ends


def losses(desk: Desk) -> Figures:
    """Three losses of a white pixel, what the sigmoid leaves of their gradients, and what each aims at."""
    figure, axes = panels(1, 3, 2.7)
    p = torch.linspace(0.005, 0.995, 199)
    for name, loss in LOSS_OF_A_PIXEL.items():
        axes[0, 0].plot(p, loss(p, 1.0), label=name)
        z = torch.linspace(-8, 8, 161, requires_grad=True)
        (gradient,) = torch.autograd.grad(loss(z.sigmoid(), 1.0).sum(), z)
        axes[0, 1].plot(z.detach(), gradient.abs())
        mean = 0.4 * loss(p, 1.0) + 0.6 * loss(p, 0.0)
        axes[0, 2].plot(p, mean)
        lowest = int(mean.argmin())
        axes[0, 2].plot(p[lowest], mean[lowest], "o", color=axes[0, 2].lines[-1].get_color())
    axes[0, 0].set(
        xlabel="pixel that the network gives", ylabel="loss", title="the truth is white", ylim=(0, 3)
    )
    axes[0, 1].set(
        xlabel="number before the sigmoid", ylabel="size of the gradient", title="the truth is white"
    )
    axes[0, 2].set(
        xlabel="pixel that the network gives", title="white in 2 of 5 cases, else black", ylim=(0, 1.5)
    )
    axes[0, 2].set_ylabel("mean loss")
    axes[0, 0].legend()
    save_figure(figure, file(desk, "losses"))
    return {}


LOSS_OF_A_PIXEL: Mapping[str, Callable[[Tensor, float], Tensor]] = {
    "MSE": lambda p, y: (p - y) ** 2,
    "L1": lambda p, y: (p - y).abs(),
    "BCE": lambda p, y: -y * p.log() - (1 - y) * (1 - p).log(),
}


def collapse(desk: Desk) -> Figures:
    """Conv-pool on MNIST with a sigmoid and MSE, with a sigmoid and BCE, and with a linear output and MSE."""
    digits = load_digits(tiny=desk.tiny)
    steps, every = (10, 5) if desk.tiny else (300, 25)
    figure, axes = panels(1, 1, 3.0)
    ends: dict[str, float] = {}
    sigmoid = ConvPoolSettings(widths=(16, 16))
    linear = msgspec.structs.replace(sigmoid, output="linear")
    for settings, loss in ((sigmoid, "mse"), (sigmoid, "bce"), (linear, "mse")):
        torch.manual_seed(0)
        model = ConvPool(settings, 1, SIZE)
        points = fit(model, digits.train, digits.validation[:1000], Plan(steps=steps, loss=loss, every=every))
        name = f"{settings.output} output, {loss.upper()}"
        axes[0, 0].plot([point.step for point in points], [point.validation for point in points], label=name)
        ends[name] = points[-1].validation
    black = {"validation": digits.validation[:1000], "test": digits.test}
    means = {name: round(float(part.square().mean()), 5) for name, part in black.items()}
    axes[0, 0].axhline(means["validation"], color=TEXT, linestyle="--", linewidth=0.8)
    axes[0, 0].text(steps, means["validation"], "a black image", ha="right", va="bottom")
    axes[0, 0].set(xlabel="steps", ylabel="mean squared error", ylim=(0, 0.25))
    axes[0, 0].legend()
    save_figure(figure, file(desk, "collapse"))
    if not desk.tiny:
        rows = [*ends.items(), ("a black image", means["validation"])]
        publish("lessons/losses.md", "collapse", table(["network", "mean squared error"], rows))
    return {"after": steps, "ends": ends, "mean_of_y_squared": means}
