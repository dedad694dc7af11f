"""``pellucid models``."""

from typing import Annotated

import typer

from pellucid.cli.options import Json
from pellucid.cli.output import say, say_json, table

EXAMPLES = """\b
Examples:
  pellucid models
  pellucid models show gaussian-fast
  pellucid models show run/my-network.onnx --json
"""

app = typer.Typer(invoke_without_command=True, rich_markup_mode=None, epilog=EXAMPLES)


@app.callback()
def models(context: typer.Context, as_json: Json = False) -> None:
    """List the networks that remove noise, or show a network's card."""
    context.default_map = {name: {"as_json": as_json} for name in ("list", "show")}
    if context.invoked_subcommand is None:
        list_models(as_json)


@app.command("list", epilog=EXAMPLES)
def list_models(as_json: Json = False) -> None:
    """List the networks that came with the installation."""
    from pellucid.inference.card import KINDS
    from pellucid.inference.index import names, shipped

    entries = [entry for entry in shipped() if entry.name in names()]
    if as_json:
        fields = ("name", "channels", "file", "sha256", "purpose")
        say_json({"models": [{name: getattr(entry, name) for name in fields} for entry in entries]})
        return
    rows = [[entry.name, KINDS[entry.channels], entry.purpose] for entry in entries]
    say(table([["NAME", "IMAGES", "FOR"], *rows]))
    say("\nUnless --model names one, the one that fits the image is used.")


@app.command("show", epilog=EXAMPLES)
def show_model(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE", hidden=True)],
    as_json: Json = False,
) -> None:
    """Show a network's card: its training, its figures and its limits.

    NAME is one that pellucid models lists; FILE is an .onnx file that pellucid train wrote.
    """
    import msgspec

    from pellucid.inference.card import facts
    from pellucid.inference.registry import load_model

    model = load_model(name)
    cards = [model.card(channels) for channels in model.channels]
    if as_json:
        say_json({"cards": [msgspec.to_builtins(card) for card in cards]})
    else:
        say("\n\n".join(table(facts(card)) for card in cards))
