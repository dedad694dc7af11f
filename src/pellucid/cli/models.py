"""``pellucid models``."""

from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli.options import Json
from pellucid.cli.output import say, say_json, table

if TYPE_CHECKING:
    from pellucid.inference.card import Card

EXAMPLES = """\b
Examples:
  pellucid models
  pellucid models show gaussian-fast
  pellucid models show run/my-network.onnx --json
"""

KINDS = {1: "grey", 3: "colour"}

app = typer.Typer(invoke_without_command=True, rich_markup_mode=None, epilog=EXAMPLES)


@app.callback()
def models(context: typer.Context, as_json: Json = False) -> None:
    """List the networks that take noise away, or show one's card."""
    if context.invoked_subcommand is None:
        list_models(as_json)


@app.command("list", epilog=EXAMPLES)
def list_models(as_json: Json = False) -> None:
    """List the networks that came with the installation."""
    from pellucid.inference.index import names, shipped

    entries = [entry for entry in shipped() if entry.name in names()]
    if as_json:
        fields = ("name", "channels", "file", "sha256", "purpose")
        say_json({"models": [{name: getattr(entry, name) for name in fields} for entry in entries]})
        return
    rows = [[entry.name, KINDS[entry.channels], entry.purpose] for entry in entries]
    say(table([["NAME", "PICTURES", "FOR"], *rows]))
    say("\nUnless --model names one, the one that fits the picture is used.")


@app.command("show", epilog=EXAMPLES)
def show_model(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE", hidden=True)],
    as_json: Json = False,
) -> None:
    """Show a network's card: what it is, how it was made, what it can do.

    It is a name that pellucid models lists, or an .onnx file that pellucid train wrote.
    """
    import msgspec

    from pellucid.inference.model import load_model

    model = load_model(name)
    cards = [model.card(channels) for channels in model.channels]
    if as_json:
        say_json({"cards": [msgspec.to_builtins(card) for card in cards]})
    else:
        say("\n\n".join(_text(card) for card in cards))


def _text(card: "Card") -> str:
    known = "found by the network, if any"
    if card.sigma is not None:
        low, high = (round(255 * sigma, 1) for sigma in card.sigma)
        known = f"{low:g} to {high:g} (of 255)"
    rows = [
        ["Name", f"{card.name}, version {card.version}"],
        ["For", card.purpose],
        ["Pictures", KINDS[card.channels]],
        ["Noise levels", known],
        ["Licence", card.licence],
        ["Trained on", f"{card.trained_on}; {card.steps:,} steps"],
        *([["Fails on", card.limits]] if card.limits else []),
        ["Parameters", f"{card.parameters:,}"],
        ["Multiply-adds", f"{card.multiply_adds:,} a pixel"],
        ["Memory", f"{card.bytes_per_pixel:,} bytes for each pixel of a tile"],
        *([["Code", " x ".join(map(str, card.code))]] if card.code else []),
        ["Tiles", f"stride {card.stride}, receptive radius {card.radius}, overlap {card.overlap} pixels"],
        *([name[:1].upper() + name[1:], f"{value:g}"] for name, value in card.figures.items()),
    ]
    return table(rows)
