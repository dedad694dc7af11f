"""``pellucid cite``."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from pellucid.cli.options import Json
from pellucid.cli.output import say, say_json
from pellucid.errors import InputError, UsageError

EXAMPLES = """\b
Examples:
  pellucid cite                               how to cite Pellucid
  pellucid denoise cells.tif --json > run.json
  pellucid cite run.json                      what was done there
  pellucid cite gaussian-best mine.onnx       the networks, with their SHA-256
"""

CITATION = "CITATION.cff"

MOST = 8
"""Of so many images or channels the noise is described; a methods section has no room for more."""


def cite(
    what: Annotated[list[str] | None, typer.Argument(metavar="[RUN.json|NAME]...", hidden=True)] = None,
    as_json: Json = False,
) -> None:
    """Print sentences for a methods section, and how to cite Pellucid.

    RUN.json is what pellucid denoise --json printed: version, networks with their SHA-256, options and the
    noise that was found become sentences. NAME or FILE.onnx is a network, of which the card is summed up.
    """
    sentences = [sentence for each in what or () for sentence in _sentences(each)]
    citation = _citation()
    if as_json:
        say_json({"methods": sentences, "citation": citation})
        return
    if sentences:
        say(" ".join(sentences) + "\n")
    say(citation)


def _sentences(what: str) -> Iterator[str]:
    if what.lower().endswith(".json"):
        yield from _of_run(_read(Path(what)))
    else:
        yield from _of_network(what)


def _of_network(name: str) -> Iterator[str]:
    from pellucid.inference.model import Model
    from pellucid.inference.registry import load_model

    model = load_model(name)
    if not isinstance(model, Model):
        raise UsageError(f"{name} is a choice among networks", "Give what pellucid denoise --json printed")
    for session in dict.fromkeys(model.session_for(channels) for channels in model.channels):
        card = session.card
        yield (
            f"{session.title} (SHA-256 {session.digest}) is a denoising autoencoder with"
            f" {card.parameters:,} parameters, trained on {card.trained_on}."
        )


def _read(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_bytes())
        return {"version": document["version"], "options": document["options"], "files": document["files"]}
    except OSError as exc:
        raise InputError(f"{file} cannot be read: {exc.strerror}", "Check the path") from exc
    except (ValueError, TypeError, KeyError) as exc:
        remedy = (
            "Give what pellucid denoise --json printed, as in: pellucid denoise cells.tif --json > run.json"
        )
        raise InputError(f"{file} is no document of a run", remedy) from exc


def _of_run(run: dict[str, Any]) -> Iterator[str]:
    """What was done to the files of a run."""
    rows = [
        (f"{file['input']}, {each['name']}" if each["name"] else file["input"], each)
        for file in run["files"]
        for each in file.get("channels", ())
    ]
    networks = {f"{each['network']} (SHA-256 {each['sha256']})": None for _, each in rows if each["changed"]}
    options = ", ".join(_option(name, value) for name, value in run["options"].items())
    yield (
        f"Noise was removed with Pellucid {run['version']}"
        + (f" and its network{'s' * (len(networks) > 1)} {', '.join(networks)}" if networks else "")
        + (f", with the options {options}." if options else ", with its default options.")
    )
    for name, each in rows[:MOST]:
        yield _of_channel(name, each)
    if len(rows) > MOST:
        yield f"The same holds for {len(rows) - MOST} more, each with its own noise."


def _option(name: str, value: Any) -> str:
    """An option as it is written on the command line."""
    if name == "sigma":
        return f"sigma {255 * value:.4g} (of 255)"
    return name.replace("_", "-") + ("" if value is True else f" {value}")


def _of_channel(name: str, row: dict[str, Any]) -> str:
    if not row["changed"]:
        return f"{name} was left unchanged: {row['why']}."
    words = f"In {name}, {row['why'] or 'the noise'}"
    figures = [f"standard deviation {row['level']:.4g}"] if row.get("level") else []
    if any(row.get("gain", ())):
        pairs = zip(row["gain"], row["offset"], strict=True)
        lines = [f"{gain:.4g} * value {offset:+.4g}" for gain, offset in pairs]
        figures.append(f"variance = {'; '.join(dict.fromkeys(lines))}")
    return f"{words}: {', '.join(figures)}, in the units of the file." if figures else f"{words}."


def _citation() -> str:
    """The citation file, with the version that is installed."""
    import pellucid

    inside = Path(pellucid.__file__).with_name(CITATION)  # in a wheel; else in the folder of the sources
    file = inside if inside.exists() else inside.parents[2] / CITATION
    return f"{file.read_text(encoding='utf-8')}version: {pellucid.__version__}"
