"""What the default makes of photos that phones took in little light, and what the best own path does.

    python -m benchmarks.phones

The crops of SIDD in `real/sidd` are 8 bit in and out; PSNR is over red, green and blue, for each crop, and
then the mean. They may be viewed while choosing. The last scene is far noisier than the others.
"""

from collections.abc import Iterator

from benchmarks.common import Desk, arguments, facts, small_images
from benchmarks.pairs import Pair, measure, read_pairs, tables
from benchmarks.phone import phone
from pellucid.io.image import from_float

NIGHT = "val_0033"  # the first crop of the noisier scene


def pairs(desk: Desk) -> Iterator[Pair]:
    if desk.tiny:
        for seed, clean in enumerate(small_images(3)):
            noisy, target = phone(clean, seed, 20)
            yield Pair(f"val_003{seed + 2}", *(from_float(each, "uint8") for each in (noisy, target)))
    else:
        yield from read_pairs(desk.folder("real/sidd"), 3)


def main() -> None:
    desk = Desk("phones", arguments(__doc__).parse_args())
    figures = {"facts": facts(), "images": measure(pairs(desk))}
    desk.write(figures)
    names = list(figures["images"])
    night = [name for name in names if name.startswith("val_") and name >= NIGHT]
    groups = {"all crops": names, "the noisier scene": night}
    groups["the others"] = [name for name in names if name not in night]
    desk.publish(tables(figures["images"], groups))


if __name__ == "__main__":
    main()
