"""What the default makes of microscope images, and what the best own path does.

    python -m benchmarks.microscopes

The raw shots of FMD in `micro/fmd` against the mean of 50: grey, 8 bit in and out, PSNR for each shot, and
then the mean. They may be viewed while choosing.
"""

from collections.abc import Iterator

import numpy as np

from benchmarks.cells import photons
from benchmarks.common import Desk, arguments, facts, small_images
from benchmarks.pairs import Pair, measure, read_pairs, tables
from pellucid.io.image import from_float

KINDS = {"Confocal": "confocal", "TwoPhoton": "two-photon", "WideField": "wide-field"}


def pairs(desk: Desk) -> Iterator[Pair]:
    if desk.tiny:
        for kind, clean in zip(KINDS, 2 * small_images(1), strict=False):
            case = photons(clean, 0, peak=30)
            yield Pair(f"{kind}_1", case.noisy[..., None], from_float(case.clean, np.dtype(np.uint8)))
    else:
        yield from read_pairs(desk.folder("micro/fmd"), 1)


def main() -> None:
    desk = Desk("microscopes", arguments(__doc__).parse_args())
    figures = {"facts": facts(), "images": measure(pairs(desk))}
    desk.write(figures)
    names = list(figures["images"])
    groups = {"all shots": names}
    groups |= {title: [name for name in names if name.startswith(kind)] for kind, title in KINDS.items()}
    desk.publish(tables(figures["images"], groups))


if __name__ == "__main__":
    main()
