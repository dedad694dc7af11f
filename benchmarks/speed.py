"""What denoising costs: time, memory, start-up, size on disk.

    python -m benchmarks.speed                 # all of it; some minutes, on a quiet machine
    python -m benchmarks.speed --only methods  # or: path, command, breakdown, start, size

Times are the best of several runs, in turns, so that a busy machine hurts all alike; ratios come from one
run. Hardly any of these figures depends on what an image shows, so the images are synthetic.
"""

import itertools
import math
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from functools import partial
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from benchmarks.common import HERE, Desk, add_noise, arguments, best_times, facts, run_command, table
from benchmarks.peers import conditioned, methods, use_one_thread
from pellucid import DenoiseOptions, denoise_file, load_model, parse_noise, read_image, write_image
from pellucid.inference import index
from pellucid.inference.overview import look_over
from pellucid.inference.session import Session
from pellucid.io.files import image_source
from pellucid.io.image import Encoding, Image, from_float, to_float
from pellucid.noise.base import NumpyRandom

Figures: TypeAlias = dict[str, Any]

SIGMA = 25
TILE = 1024  # pixels a side, of what times the network alone
KINDS = {"grey": 1, "colour": 3}
FAST, INSTANT, PLAIN, NLM, BM3D = "gaussian-fast", "gaussian-instant", "plain-17x64", "opencv-nlm", "bm3d"
CONVOLUTION = "convolution 64 to 64"
PROGRAM = str(Path(sys.executable).with_name("pellucid"))


def scene(height: int, width: int, channels: int) -> Any:
    """Smooth hills with edges and noise, uint8: what a JPEG encoder meets in a photograph."""
    return np.rint(add_noise(hills(height, width, channels), SIGMA, clipped=True) * 255).astype(np.uint8)


def hills(height: int, width: int, channels: int) -> Any:
    """Smooth hills with edges, float32."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32) / 97
    shape = 0.5 + 0.2 * np.sin(rows) * np.cos(columns * 0.7) + 0.1 * ((rows + columns) % 3 < 1)
    return np.repeat(shape[..., None], channels, axis=2) * np.linspace(1, 0.8, channels, dtype=np.float32)


def network(channels: list[int]) -> Callable[[Any], Any]:
    """Plain 3x3 convolutions with random weights in the same runtime, on one thread."""
    import onnx
    from onnx import helper, numpy_helper

    from pellucid.inference.session import runtime

    ort = runtime()
    random, nodes, weights = np.random.default_rng(0), [], []
    for k, (before, after) in enumerate(itertools.pairwise(channels)):
        values = random.normal(0, math.sqrt(2 / (9 * before)), (after, before, 3, 3)).astype(np.float32)
        weights.append(numpy_helper.from_array(values, f"w{k}"))
        nodes.append(helper.make_node("Conv", [f"x{k}", f"w{k}"], [f"y{k}"], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"y{k}"], [f"x{k + 1}"]))
    ends = ((0, channels[0]), (len(channels) - 1, channels[-1]))
    shown = [
        helper.make_tensor_value_info(f"x{k}", onnx.TensorProto.FLOAT, [1, count, "height", "width"])
        for k, count in ends
    ]
    graph = helper.make_graph(nodes, "plain", shown[:1], shown[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x0": x})


def measure_methods(desk: Desk) -> Figures:
    """CPU and wall seconds a megapixel on one thread, all methods in turns."""
    use_one_thread()
    side = 128 if desk.tiny else 1024
    figures: Figures = {}
    for kind, channels in KINDS.items():
        noisy = (scene(side, side, channels) / 255).astype(np.float32)
        small = noisy[: side // 4, : side // 4]  # BM3D takes 40 seconds a megapixel and more
        image = np.ascontiguousarray(noisy.transpose(2, 0, 1)[None])  # (h, w, c) -> (1, c, h, w)
        features = np.random.default_rng(0).random((1, 64, side // 2, side // 2), np.float32)
        calls: dict[str, Callable[[], Any]] = {
            name: partial(method, small if name == BM3D else noisy, SIGMA / 255)
            for name, method in methods().items()
        }
        calls[PLAIN] = partial(network([channels, *16 * [64], channels]), image)
        calls[CONVOLUTION] = partial(network([64, 64]), features)
        best = best_times(calls, rounds=1 if desk.tiny else 7)
        sizes = {BM3D: small.size / channels, CONVOLUTION: features.size / 64}
        figures[kind] = {
            name: [float(f"{each / sizes.get(name, side * side) * 1e6:.3g}") for each in best[name]]
            for name in calls
        }
        figures[kind]["ratios"] = ratios(figures[kind])
        figures[kind]["share of the best convolution rate"] = shares(figures[kind], channels)
    return figures


def ratios(seconds: Figures) -> dict[str, float]:
    """CPU time of one method over that of another."""
    pairs = [
        (FAST, NLM), (INSTANT, NLM), (BM3D, FAST), (BM3D, INSTANT), (PLAIN, FAST), (PLAIN, INSTANT)
    ]  # fmt: skip
    return {f"{a} / {b}": float(f"{seconds[a][0] / seconds[b][0]:.3g}") for a, b in pairs}


def shares(seconds: Figures, channels: int) -> dict[str, float]:
    """Multiply-adds a second of each network over those of one large convolution."""
    peak = 9 * 64 * 64 / seconds[CONVOLUTION][0]
    rates = {name: load_model(name).card(channels).multiply_adds / seconds[name][0] for name in conditioned()}
    return {name: round(rate / peak, 3) for name, rate in rates.items()}


def measure_path(desk: Desk) -> Figures:
    """The whole path over the network alone, for a large image in memory, all cores."""
    side = 256 if desk.tiny else 3456
    figures: Figures = {}
    for kind, channels in KINDS.items():
        samples = scene(side, side, channels)
        for name in conditioned():
            model = load_model(name)
            session = Session(next(each.path for each in index.entries(name) if each.channels == channels))
            tile = (samples[:TILE, :TILE] / 255).astype(np.float32)
            calls: dict[str, Callable[[], Any]] = {
                "path": partial(model.denoise, samples, sigma=SIGMA / 255),
                "network": partial(session.run, tile, SIGMA / 255),
            }
            best = best_times(calls, rounds=1 if desk.tiny else 3, patience=100)
            alone = best["network"].cpu / tile.size, best["network"].wall / tile.size
            whole = best["path"].cpu / samples.size, best["path"].wall / samples.size
            figures[f"{name}, {kind}"] = {
                "cpu": round(whole[0] / alone[0], 3),
                "wall": round(whole[1] / alone[1], 3),
            }
    return figures


def measure_command(desk: Desk) -> Figures:
    """The real command on colour JPEGs, nothing given: all cores, codec and start-up included."""
    sizes = {"0.1": (256, 384)} if desk.tiny else {"1": (816, 1224), "12": (3000, 4000), "50": (5792, 8640)}
    figures: Figures = {}
    for model in index.names(index.FOR_PHOTOGRAPHS):
        for name, (height, width) in sizes.items():
            source = desk.scratch / f"scene-{name}.jpg"
            if not source.exists():
                write_image(source, Image(samples=scene(height, width, 3), encoding=Encoding(format="jpeg")))
            command = [PROGRAM, "denoise", str(source), "-o", str(desk.scratch / "out.jpg"), "--overwrite"]
            runs = [run_command([*command, "--model", model]) for _ in range(1 if name == "50" else 3)]
            best = [min(each) for each in zip(*runs, strict=True)]
            figures[f"{model}, {name} megapixels"] = dict(
                zip(("cpu", "wall", "megabytes"), (round(each, 2) for each in best), strict=True)
            )
    return figures


def measure_breakdown(desk: Desk) -> Figures:
    """Seconds of a colour JPEG with a camera's noise through the default, and of its parts, all cores."""
    side, count = (256, (1, 2)) if desk.tiny else (1000, (3, 4))
    noisy = np.asarray(parse_noise("camera:iso=6400").apply(hills(side, side, 3), NumpyRandom(0)))
    samples = np.tile(from_float(noisy, np.uint8), (*count, 1))
    source, target = desk.scratch / "shot.jpg", desk.scratch / "clean.jpg"
    write_image(source, Image(samples=samples, encoding=Encoding(format="jpeg")))
    auto, image = load_model("auto"), read_image(source)
    chosen = denoise_file(source, target, model=auto).model
    session = Session(next(each.path for each in index.entries(chosen) if each.channels == 3))
    tile = to_float(image.samples[:TILE, :TILE])
    given = 0.1 if session.card.sigma else (1.0, 1.0)

    def choose() -> None:
        auto.decide(look_over(image_source(image)), DenoiseOptions())

    calls: dict[str, Callable[[], Any]] = {
        "whole path": partial(denoise_file, source, target, model=auto, overwrite=True),
        "network alone": partial(session.run, tile, given),
        "decode, once of twice": partial(read_image, source),
        "analyse and choose": choose,
        "encode": partial(write_image, target, image, overwrite=True),
    }
    best = best_times(calls, rounds=1 if desk.tiny else 5, patience=100)
    scale = {"network alone": samples[..., 0].size / tile[..., 0].size}
    figures: Figures = {name: [round(each * scale.get(name, 1), 3) for each in best[name]] for name in calls}
    ratios = zip(figures["whole path"], figures["network alone"], strict=True)
    figures["whole path over the network alone"] = [round(whole / alone, 3) for whole, alone in ratios]
    return {"network": chosen, **figures}


def measure_start(desk: Desk) -> Figures:
    """Wall seconds of the shortest things that one can do."""
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import pellucid": [sys.executable, "-c", "import pellucid"],
        "pellucid --version": [PROGRAM, "--version"],
        "pellucid --help": [PROGRAM, "--help"],
    }
    calls = {name: partial(run_command, command) for name, command in commands.items()}
    best = best_times(calls, rounds=2 if desk.tiny else 7)
    return {name: round(best[name].wall, 3) for name in calls}


def measure_size(desk: Desk) -> Figures:
    """Megabytes of the wheel, and of all that `pip install pellucid` brings, without compiled .pyc files."""
    with tempfile.TemporaryDirectory() as folder:
        build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, str(HERE.parent)]
        subprocess.run(build, check=True)
        (wheel,) = Path(folder).glob("*.whl")
        unpacked = sum(member.file_size for member in zipfile.ZipFile(wheel).infolist())
        packed = wheel.stat().st_size
    others = {name: _installed(name) for name in sorted(_needed("pellucid") - {"pellucid"})}
    largest = sorted(others, key=lambda name: -others[name])[:4]
    return {
        "wheel": round(packed / 1e6, 2),
        "install": round((unpacked + sum(others.values())) / 1e6, 1),
        "largest": {name: round(others[name] / 1e6, 1) for name in largest},
    }


def _installed(name: str) -> int:
    files = (Path(str(file.locate())) for file in distribution(name).files or ())
    return sum(file.stat().st_size for file in files if file.suffix != ".pyc" and file.exists())


def _needed(name: str, extras: frozenset[str] = frozenset()) -> set[str]:
    """The distribution and what it requires, directly and not."""
    from packaging.requirements import Requirement

    needed = {name}
    for text in distribution(name).requires or ():
        one = Requirement(text)
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            needed |= _needed(one.name, frozenset(one.extras))
    return needed


PARTS = {
    "methods": measure_methods,
    "path": measure_path,
    "command": measure_command,
    "breakdown": measure_breakdown,
    "start": measure_start,
    "size": measure_size,
}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--only", choices=PARTS, help="one part of it")
    options = parser.parse_args()
    desk = Desk("speed", options)
    figures = desk.read()
    for name, measure in PARTS.items():
        # A wheel is built in its own environment, which takes a minute and a network.
        if options.only in (None, name) and not (options.tiny and name == "size"):
            figures[name] = {**measure(desk), "facts": facts()}
            desk.write(figures)
    desk.publish(tables(figures))


def tables(figures: Figures) -> str:
    parts = {
        name: {key: value for key, value in part.items() if key != "facts"} for name, part in figures.items()
    }
    writers = {
        "methods": methods_tables,
        "path": path_table,
        "command": command_table,
        "breakdown": breakdown_table,
    }
    text = "".join(write(parts[name]) for name, write in writers.items() if name in parts)
    return text + small_tables(parts)


def methods_tables(part: Figures) -> str:
    text = "CPU / wall seconds a megapixel, one thread:\n\n"
    names = [name for name, value in part["grey"].items() if isinstance(value, list)]
    rows = [[name, *("{} / {}".format(*part[kind][name]) for kind in KINDS)] for name in names]
    text += table(("Method", *KINDS), rows) + "\nRatios of CPU time in this run:\n\n"
    rows = [[name, *(part[kind]["ratios"][name] for kind in KINDS)] for name in part["grey"]["ratios"]]
    share = "share of the best convolution rate"
    rows += [
        [f"{name}, {share}", *(part[kind][share][name] for kind in KINDS)] for name in part["grey"][share]
    ]
    return text + table(("Ratio", *KINDS), rows) + "\n"


def path_table(part: Figures) -> str:
    rows = [[name, each["cpu"], each["wall"]] for name, each in part.items()]
    head = "The whole path over the network alone, 12 megapixels in memory, all cores:\n\n"
    return head + table(("Network, image", "CPU", "wall"), rows) + "\n"


def command_table(part: Figures) -> str:
    rows = [[name, each["wall"], each["cpu"], each["megabytes"]] for name, each in part.items()]
    head = "`pellucid denoise` on a colour JPEG, nothing given, all cores:\n\n"
    return head + table(("Network, image", "wall seconds", "CPU seconds", "peak megabytes"), rows) + "\n"


def breakdown_table(part: Figures) -> str:
    rows = [[name, *each] for name, each in part.items() if name != "network"]
    head = (
        f"A 12-megapixel JPEG of a camera's noise through the default, which chooses {part['network']}:\n\n"
    )
    return head + table(("Part", "CPU seconds", "wall seconds"), rows) + "\n"


def small_tables(parts: Figures) -> str:
    rows = [[f"`{name}`, seconds", value] for name, value in parts.get("start", {}).items()]
    for name, value in parts.get("size", {}).items():
        if isinstance(value, dict):
            rows += [[f"of it {package}, megabytes", size] for package, size in value.items()]
        else:
            rows.append([f"{name}, megabytes", value])
    return table(("Start-up and size", "measured"), rows) if rows else ""


if __name__ == "__main__":
    main()
