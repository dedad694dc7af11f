"""Make every figure of the lessons in ``docs/lessons``, and the tables below them.

    python -m tools.lessons                       # a few minutes; needs MNIST
    python -m tools.lessons --only convolution    # one figure

The figures go to ``docs/figures/lessons``, the numbers to ``benchmarks/results/lessons.json`` and, as tables,
into the pages. The trainings are small ones for teaching: what the recipes reach is in
``docs/benchmarks.md``.
"""

import os
from collections.abc import Callable, Mapping

import matplotlib
import torch

from benchmarks.common import Desk, arguments, facts
from tools import lesson_codes, lesson_layers, lesson_models, lesson_noise, lesson_trainings
from tools.lesson_parts import STYLE, Figures

FIGURES: Mapping[str, Callable[[Desk], Figures]] = {
    each.__name__.replace("_", "-"): each
    for each in (
        lesson_layers.network,
        lesson_layers.convolution,
        lesson_layers.receptive_field,
        lesson_layers.pooling,
        lesson_layers.upsampling,
        lesson_noise.noises,
        lesson_noise.clipping,
        lesson_noise.bottleneck,
        lesson_noise.photographs,
        lesson_trainings.autoencoder,
        lesson_trainings.capacity,
        lesson_trainings.overfitting,
        lesson_trainings.losses,
        lesson_trainings.collapse,
        lesson_codes.plane,
        lesson_codes.decoded_plane,
        lesson_codes.walks,
        lesson_codes.square_codes,
        lesson_models.samples,
        lesson_models.parts,
        lesson_models.blind_spot,
    )
}
"""The function that draws each figure, and gives the numbers that it shows or that stand below it."""


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--only", choices=FIGURES, action="append", metavar="NAME", help="one figure")
    options = parser.parse_args()
    if options.data_dir:
        os.environ["PELLUCID_DATA"] = str(options.data_dir)
    torch.set_num_threads(1)
    desk = Desk("lessons", options)
    for name in options.only or FIGURES:
        with matplotlib.rc_context(STYLE):
            numbers = FIGURES[name](desk)
        print(name, numbers)
        if numbers:
            desk.write(desk.read() | {name: numbers | {"run": facts()}})


if __name__ == "__main__":
    main()
