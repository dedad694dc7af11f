"""The terminal while a network is trained: a bar, figures, and images noisy, denoised and clean."""

import contextlib
import shutil
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.text import Text

    from pellucid.training.live import Check

LARGEST_SIDE = 20  # columns that an image takes, about; half as many lines


class View(NamedTuple):
    """What moves the view: a step with (share, loss), and a measurement."""

    step: Callable[[float, float | None], None]
    watch: Callable[["Check"], None]


@contextlib.contextmanager
def training_view(*, quiet: bool) -> Iterator[View]:
    """Show how a training goes on, on standard error if that is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield View(lambda share, loss: None, lambda check: None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    class WithImages(Progress):
        images: Any = None

        def get_renderables(self) -> Iterator[Any]:
            if self.images is not None:
                yield self.images
            yield from super().get_renderables()

    words = {"loss": "", "check": ""}
    columns = (
        TextColumn("training", markup=False),
        BarColumn(20),
        TaskProgressColumn(),
        TextColumn("{task.fields[words]}", markup=False),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    # A line for standard output must not land on the terminal when that goes to a file.
    with WithImages(
        *columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty()
    ) as progress:
        task = progress.add_task("", total=1.0, words="")

        def step(share: float, loss: float | None) -> None:
            words["loss"] = words["loss"] if loss is None else f"loss {loss:.5f}"
            progress.update(task, completed=share, words=" ".join(filter(None, words.values())))

        def watch(check: "Check") -> None:
            words["check"] = figures_in_words(check.figures)
            if check.examples is not None:
                progress.images = blocks(check.examples)

        yield View(step, watch)


def figures_in_words(figures: dict[str, float]) -> str:
    """The validation PSNR and the learning rate."""
    parts = [f"PSNR {figures['validation_psnr']:.2f} dB"] if "validation_psnr" in figures else []
    return " ".join([*parts, f"rate {figures['learning_rate']:.1e}"])


def blocks(examples: "NDArray[np.float32]") -> "Text":
    """Images as coloured half blocks: as many as fit, each noisy, denoised and clean next to each other.

    Parameters
    ----------
    examples : array (3, n, h, w, c), 0 to 1
    """
    import numpy as np
    from rich.text import Text

    _, count, height, width, _ = examples.shape
    side = min(LARGEST_SIDE, max(height, width))
    rows, columns = (
        np.linspace(0, extent - 1, max(1, round(extent * side / max(height, width)))).round().astype(int)
        for extent in (height, width)
    )
    small = examples[:, :, rows][:, :, :, columns].repeat(3 // examples.shape[-1], axis=-1)
    shown = max(1, min(count, shutil.get_terminal_size().columns // (3 * len(columns) + 4)))
    values = (255 * small[:, :shown].clip(0, 1)).astype(int)
    text = Text("noisy, denoised, clean\n")
    for top in range(0, len(rows), 2):
        for image in range(shown):
            for kind in range(3):
                upper, lower = values[kind, image, top], values[kind, image, min(top + 1, len(rows) - 1)]
                for one, other in zip(upper, lower, strict=True):
                    text.append("▀", f"rgb({','.join(map(str, one))}) on rgb({','.join(map(str, other))})")
                text.append(" ")
            text.append(" ")
        text.append("\n")
    return text
