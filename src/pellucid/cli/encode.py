"""``pellucid encode``."""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli.options import DataDir, Json, Overwrite, Quiet, Threads, check_threads
from pellucid.cli.output import progress_bar, say, say_json
from pellucid.errors import InputError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pellucid.inference.card import Card

EXAMPLES = """\b
Examples:
  pellucid encode digits/ --model run/mnist-dense.onnx -o digits.npz
  pellucid encode one.png two.png --model run/ -o two.npz --bits 8
  pellucid encode --set mnist --part test --model run/ -o mnist.npz
  pellucid decode digits.npz --model run/mnist-dense.onnx -o decoded/
"""

PARTS = ("train", "validation", "test")


def encode(
    model: Annotated[
        str, typer.Option("--model", metavar="FILE|RUN", help="An .onnx file, or the folder of a run.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="Where the codes go; ends in .npz.")
    ],
    images: Annotated[list[Path] | None, typer.Argument(metavar="IMAGE", hidden=True, readable=False)] = None,
    bits: Annotated[
        int | None,
        typer.Option(metavar="8", help="Store one byte a number, rounded, not four."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--set", metavar="NAME", help="mnist, fashion-mnist, cifar10 or small-digits."),
    ] = None,
    part: Annotated[
        str | None, typer.Option(metavar="|".join(PARTS), help="Which images of --set; else test.")
    ] = None,
    data_dir: DataDir = None,
    overwrite: Overwrite = False,
    threads: Threads = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn images into the code of an autoencoder. Needs: pip install "pellucid[lab]".

    Each IMAGE is a file, or a folder of images; all must have a size that the network takes. decode
    turns the codes into images again, with the same --model.
    """
    from pellucid.inference.codec import Codec, Codes, check_target, network_file, write_codes

    check_threads(threads)
    check_target(output, bits=bits, overwrite=overwrite)
    if bool(images) == (name is not None):
        raise UsageError("Images come from files or from --set", "Name one of the two")
    if part is not None and name is None:
        raise UsageError("--part is for --set, and these are files", "Leave it out")
    if part not in (None, *PARTS):
        raise UsageError(f"--part is {part!r}", f"Choose among {', '.join(PARTS)}")
    codec = Codec(network_file(model), threads=threads)
    names: tuple[str, ...] = ()
    labels = None
    if name is not None:
        from pellucid.datasets.named import load_dataset

        dataset = load_dataset(name, data_dir=data_dir)
        values = codec.encode(getattr(dataset, part or "test"))
        labels = getattr(dataset, f"{part or 'test'}_labels")
    else:
        pixels, names = _of_files(images or [], codec.card, quiet=quiet or as_json)
        values = codec.encode(pixels)
    codes = Codes(values=values, model=codec.hash, names=names, labels=labels)
    write_codes(output, codes, bits=bits, overwrite=overwrite)
    document = {"output": str(output), "images": len(values), "code": list(values.shape[1:])}
    document |= {"bits": bits or 32, "bytes": output.stat().st_size, "model": codec.hash}
    if as_json:
        say_json(document)
    elif not quiet:
        shape = " x ".join(map(str, values.shape[1:]))
        say(f"{output}  ({len(values):,} codes of {shape}, {document['bytes']:,} bytes)")


def _of_files(
    paths: list[Path], card: "Card", *, quiet: bool
) -> "tuple[NDArray[np.float32], tuple[str, ...]]":
    """All images (n, h, w, c), and their names; of a name that was there before, with a number."""
    import numpy as np

    from pellucid.datasets.folder import image_files

    files = [file for path in paths for file in (image_files([path]) if path.is_dir() else [path])]
    pixels: list[NDArray[np.float32]] = []
    with progress_bar(len(files), quiet=quiet) as step:
        for number, file in enumerate(files):
            step(file.name, number)
            pixels.append(_read(file, card))
            if pixels[-1].shape != pixels[0].shape:
                raise InputError(
                    f"{file} and {files[0]} have different sizes", "Write a file of codes for each size"
                )
    return np.stack(pixels), tuple(_distinct(file.stem for file in files))


def _distinct(names: Iterable[str]) -> Iterator[str]:
    taken: set[str] = set()
    for name in names:
        ways = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        found = next(way for way in ways if way.casefold() not in taken)  # on some disks A equals a
        taken.add(found.casefold())
        yield found


def _read(file: Path, card: "Card") -> "NDArray[np.float32]":
    """One image (h, w, c) with the network's channels."""
    import logging

    from pellucid.inference.codec import check_whole
    from pellucid.inference.overview import is_grey
    from pellucid.io.files import read_image

    image = read_image(file)
    if image.alpha is not None:
        logging.getLogger("pellucid").warning("%s: a code does not keep transparency", file)
    pixels = image.pixels
    if is_grey(pixels):
        pixels = pixels[..., :1]
    if pixels.shape[2] == 1:
        pixels = pixels.repeat(card.channels, axis=2)
    try:
        check_whole(card, *pixels.shape)  # (h, w, c)
    except UsageError as exc:
        raise InputError(f"{file}: {exc.problem}", exc.remedy) from exc
    return pixels
