"""FFDNet, the learned peer: its authors' weights under the protocol of `benchmarks.quality`.

    python -m benchmarks.ffdnet --weights FOLDER      # models/ of https://github.com/cszn/FFDNet
    python -m benchmarks.ffdnet --tiny                # random weights of the same shape

Zhang, Zuo and Zhang, "FFDNet: Toward a fast and flexible solution for CNN-based image denoising", IEEE TIP
27 (9), 2018, doi:10.1109/TIP.2018.2839891. The weights for noise that is not clipped (`FFDNet_gray.mat`,
`FFDNet_color.mat`) run in ONNX Runtime, as ours do, on one thread.

White noise: the level is given. Real noise: one level for all images of a set, the best on those that may be
viewed; Pellucid's default, which is given nothing, is measured in `benchmarks.photos`, `phones` and
`microscopes`. `--parts phones,time` measures some parts again.
"""

import argparse
import itertools
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Desk, add_noise, arguments, best_times, facts, megapixels, table
from benchmarks.pairs import Pair, read_pairs
from benchmarks.peers import Method, methods, use_one_thread
from benchmarks.quality import SETS, SIGMAS, TIMED, TITLES, score
from pellucid.inference.session import runtime
from pellucid.io.image import from_float, to_float
from pellucid.metrics.quality import psnr

Weights: TypeAlias = list[tuple[NDArray[np.float32], NDArray[np.float32]]]
FILES = {1: ("FFDNet_gray.mat", 15, 64), 3: ("FFDNet_color.mat", 12, 96)}  # by channels: file, layers, width
OURS = ("gaussian-best", "gaussian-fast")
SIXTH = 6  # of the images a level is chosen on
CHOSEN = ("Canon600D", "Canon80D")  # the crops of PolyU that may be viewed


class Real(NamedTuple):
    """A set of noisy images with their clean ones, and the levels to choose from, in grey levels of 255."""

    title: str
    folder: str
    channels: int
    levels: tuple[float, ...]
    seen: tuple[str, ...] = ("",)  # how the names begin on which a level may be chosen


REAL = {
    "photos": Real("PolyU, 100 crops", "real/polyu", 3, (7.5, 10, 15), CHOSEN),
    "phones": Real("SIDD, 13 crops", "real/sidd", 3, (25, 35, 50, 75)),
    "microscopes": Real("FMD, 15 shots", "micro/fmd", 1, (25, 35, 50)),
}
PARTS = (*SETS, "time", *REAL)


def read_weights(path: Path) -> Weights:
    """The convolutions of a MatConvNet file, for images whose axes are swapped: MATLAB's are reversed."""
    import h5py  # type: ignore[import-untyped]

    with h5py.File(path) as file:
        layers = [file[reference]["weights"] for reference in file["net/layers"][:, 0]]
        # Layers without weights have an empty array in their place.
        found = [
            [file[each][()] for each in layer[:, 0]] for layer in layers if "MATLAB_empty" not in layer.attrs
        ]
    return [(kernel.astype(np.float32), bias.ravel().astype(np.float32)) for kernel, bias in found]


def random_weights(channels: int) -> Weights:
    """Weights that remove nothing worth measuring, in the shapes of the published ones."""
    _, layers, width = FILES[channels]
    rng = np.random.default_rng(0)
    widths = [4 * channels + 1, *[width] * (layers - 1), 4 * channels]
    return [
        (rng.normal(0, 0.05, (after, before, 3, 3)).astype(np.float32), np.zeros(after, np.float32))
        for before, after in itertools.pairwise(widths)
    ]


def build(weights: Weights) -> Method:
    """A denoiser of pixels (h, w, c) whose noise level is given."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, tensors, here = [], [], "x"
    for number, (kernel, bias) in enumerate(weights):
        tensors += [
            numpy_helper.from_array(kernel, f"k{number}"),
            numpy_helper.from_array(bias, f"b{number}"),
        ]
        nodes.append(
            helper.make_node("Conv", [here, f"k{number}", f"b{number}"], [f"c{number}"], pads=[1, 1, 1, 1])
        )
        here = f"c{number}"
        if number < len(weights) - 1:
            nodes.append(helper.make_node("Relu", [here], [f"r{number}"]))
            here = f"r{number}"
    value = partial(helper.make_tensor_value_info, elem_type=TensorProto.FLOAT)
    inputs = [value("x", shape=[1, weights[0][0].shape[1], "h", "w"])]
    outputs = [value(here, shape=[1, weights[-1][0].shape[0], "h", "w"])]
    graph = helper.make_graph(nodes, "ffdnet", inputs, outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = runtime().SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime().InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    return partial(denoise, session)


def denoise(session: Any, noisy: NDArray[Any], sigma: float) -> NDArray[Any]:
    """Four images of half the size and a map of the level go in; four denoised ones come out."""
    h, w, c = noisy.shape
    even = np.pad(noisy, ((0, h % 2), (0, w % 2), (0, 0)), "edge").transpose(2, 1, 0)  # (c, w, h)
    high, wide = even.shape[1] // 2, even.shape[2] // 2
    quarters = even.reshape(c, high, 2, wide, 2).transpose(0, 2, 4, 1, 3).reshape(4 * c, high, wide)
    level = np.full((1, high, wide), sigma, np.float32)
    (clean,) = session.run(None, {"x": np.concatenate([quarters, level])[None].astype(np.float32)})
    whole = clean.reshape(c, 2, 2, high, wide).transpose(0, 3, 1, 4, 2).reshape(even.shape)
    pixels: NDArray[Any] = whole.transpose(2, 1, 0)[:h, :w]
    return pixels


def measure_white(desk: Desk, name: str, network: Method) -> dict[str, list[float]]:
    """PSNR of each image of a set, noise neither clipped nor rounded."""
    images = desk.images(f"test/{name}", SETS[name], 1 if desk.tiny else None)
    scores = {}
    for sigma in SIGMAS:
        scores[f"{name}/{sigma}"] = score(network, images, float(sigma), clipped=False)
        print(name, sigma, np.mean(scores[f"{name}/{sigma}"]).round(3), flush=True)
    return scores


def measure_real(desk: Desk, real: Real, network: Method) -> dict[str, Any]:
    """PSNR of each image, 8 bit in and out, at the level that is best on every sixth that may be viewed."""
    pairs = list(read_pairs(desk.folder(real.folder), real.channels))
    seen = [pair for pair in pairs if pair.name.startswith(real.seen)][::SIXTH]
    means = {level: np.mean([psnr_at(network, pair, level) for pair in seen]) for level in real.levels}
    best = max(real.levels, key=lambda level: means[level])
    scores = {pair.name: psnr_at(network, pair, best) for pair in pairs}
    print(real.title, best, np.mean(list(scores.values())).round(3), flush=True)
    return {"sigma": best, "psnr": scores}


def psnr_at(network: Method, pair: Pair, level: float) -> float:
    """8 bit in and out, as files are."""
    denoised = from_float(network(to_float(pair.noisy), level / 255), np.uint8)
    return round(psnr(denoised, pair.clean, data_range=255), 3)


def measure_time(desk: Desk, networks: dict[int, Method]) -> dict[str, dict[str, float]]:
    """CPU seconds a megapixel, one thread, in turns with ours."""
    seconds = {}
    for kind, (name, number) in TIMED.items():
        noisy = add_noise(desk.images(f"test/{name}", SETS[name], number)[-1], 25, clipped=False)
        peers = {"FFDNet": networks[SETS[name]], **{each: methods()[each] for each in OURS}}
        calls = {each: partial(method, noisy, 25 / 255) for each, method in peers.items()}
        best = best_times(calls, rounds=1 if desk.tiny else 5)
        seconds[kind] = {each: float(f"{best[each].cpu / megapixels([noisy]):.3g}") for each in calls}
    return seconds


def tables(figures: dict[str, Any], quality: dict[str, Any]) -> str:
    rows = []
    for name, sigma in itertools.product(SETS, SIGMAS):
        key = f"{name}/{sigma}"
        if key not in figures["white"]:
            continue
        scores = figures["white"][key]
        ours = [
            f"{np.mean(quality[f'float/{key}/{each}']['psnr'][: len(scores)]):.2f}"
            if f"float/{key}/{each}" in quality
            else "–"
            for each in OURS
        ]
        rows.append([f"{TITLES[name]}, {sigma}", f"{np.mean(scores):.2f}", *ours])
    text = "White noise, not clipped, its level given: mean PSNR in dB.\n\n"
    text += table(["Set, sigma", "FFDNet", *OURS], rows)
    text += "\nCPU seconds a megapixel on one thread, all in one run:\n\n"
    text += table(
        ["Images", "FFDNet", *OURS], [[kind, *each.values()] for kind, each in figures["time"].items()]
    )
    rows = [
        [REAL[name].title, f"{np.mean(list(figures[name]['psnr'].values())):.2f}", figures[name]["sigma"]]
        for name in REAL
        if name in figures
    ]
    if rows:
        text += "\nReal noise, one level for each set: mean PSNR in dB.\n\n"
        text += table(["Set", "FFDNet", "level, of 255"], rows)
    return text


def parse() -> argparse.Namespace:
    parser = arguments(__doc__)
    parser.add_argument("--weights", type=Path, help="the folder with the .mat files")
    parser.add_argument("--parts", default=",".join(PARTS), help="(default: %(default)s)")
    options = parser.parse_args()
    if not options.tiny and not options.weights:
        parser.error("Say where the weights are: --weights FOLDER")
    return options


def main() -> None:
    options = parse()
    use_one_thread()
    desk = Desk("ffdnet", options)
    weights = {
        channels: random_weights(channels) if desk.tiny else read_weights(options.weights / file)
        for channels, (file, _, _) in FILES.items()
    }
    networks = {channels: build(each) for channels, each in weights.items()}
    figures = {**desk.read(), "facts": facts()}
    for part in options.parts.split(","):
        if part in SETS:
            figures.setdefault("white", {}).update(measure_white(desk, part, networks[SETS[part]]))
        elif part == "time":
            figures[part] = measure_time(desk, networks)
        elif not desk.tiny:
            figures[part] = measure_real(desk, REAL[part], networks[REAL[part].channels])
        desk.write(figures)
    desk.publish(tables(figures, Desk("quality", options).read().get("quality", {})))


if __name__ == "__main__":
    main()
