"""``pellucid recipes``."""

from typing import Annotated

import typer

from pellucid.cli.options import Json
from pellucid.cli.output import say, say_json, table

EXAMPLES = """\b
Examples:
  pellucid recipes
  pellucid recipes show gaussian-fast-grey > mine.toml
"""

app = typer.Typer(invoke_without_command=True, rich_markup_mode=None, epilog=EXAMPLES)


@app.callback()
def recipes(context: typer.Context, as_json: Json = False) -> None:
    """List the recipes for pellucid train, or show one."""
    context.default_map = {name: {"as_json": as_json} for name in ("list", "show")}
    if context.invoked_subcommand is None:
        list_recipes(as_json)


@app.command("list", epilog=EXAMPLES)
def list_recipes(as_json: Json = False) -> None:
    """List the recipes that came with the installation."""
    from pellucid.training.recipe_files import load_recipe, recipe_names

    found = [load_recipe(name) for name in recipe_names()]
    if as_json:
        keys = ("name", "purpose", "reaches")
        say_json({"recipes": [{key: getattr(each, key) for key in keys} for each in found]})
    else:
        texts = [each.purpose + (f" ({each.reaches})" if each.reaches else "") for each in found]
        say(table([["NAME", "FOR"], *([each.name, text] for each, text in zip(found, texts, strict=True))]))


@app.command("show", epilog=EXAMPLES)
def show_recipe(
    name: Annotated[str, typer.Argument(metavar="NAME", hidden=True)], as_json: Json = False
) -> None:
    """Show a recipe, as a start for your own."""
    import msgspec

    from pellucid.training.recipe_files import load_recipe, recipe_path

    recipe = load_recipe(name)
    if as_json:
        say_json(msgspec.to_builtins(recipe))
    else:
        say(recipe_path(name).read_text(encoding="utf-8").rstrip())
