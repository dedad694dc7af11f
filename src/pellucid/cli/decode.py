"""``pellucid decode``."""

from pathlib import Path
from typing import Annotated

import typer

from pellucid.cli.options import Json, Overwrite, Quiet, Threads, check_threads
from pellucid.cli.output import progress_bar, say, say_json
from pellucid.errors import UsageError

EXAMPLES = """\b
Examples:
  pellucid encode digits/ --model run/mnist-dense.onnx -o digits.npz
  pellucid decode digits.npz --model run/mnist-dense.onnx -o decoded/
"""


def decode(
    codes: Annotated[Path, typer.Argument(metavar="CODES", hidden=True, readable=False)],
    model: Annotated[
        str, typer.Option("--model", metavar="FILE|RUN", help="The .onnx file that made the codes.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="Made when it is missing.")
    ],
    overwrite: Overwrite = False,
    threads: Threads = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn codes into images again. Needs: pip install "pellucid[lab]".

    CODES is a file that pellucid encode wrote. Each image becomes a PNG file that is named as the one it
    was made of, or numbered.
    """
    import numpy as np

    from pellucid.inference.codec import Codec, network_file, read_codes
    from pellucid.io.files import check_name, write_image
    from pellucid.io.image import Image, from_float

    check_threads(threads)
    if output.exists() and not output.is_dir():
        raise UsageError(f"-o {output} is a file", "Name a folder")
    codec = Codec(network_file(model), threads=threads)
    content = read_codes(codes, model=codec.hash)
    names = content.names or [f"{number:05d}" for number in range(len(content.values))]
    paths = [output / f"{name}.png" for name in names]
    for path in paths:
        check_name(path, overwrite=overwrite)
    images = from_float(codec.decode(content.values), np.uint8)
    output.mkdir(parents=True, exist_ok=True)
    with progress_bar(len(paths), quiet=quiet or as_json) as step:
        for number, path in enumerate(paths):
            step(path.name, number)
            image = Image(samples=np.ascontiguousarray(images[number]))
            write_image(path, image, overwrite=overwrite)
    if as_json:
        say_json({"input": str(codes), "output": str(output), "files": [str(path) for path in paths]})
    elif not quiet:
        say(f"{codes} -> {output}  ({len(paths):,} images)")
