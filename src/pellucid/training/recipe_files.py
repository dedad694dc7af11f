"""Reading recipes: from the package or a file, with changes, and errors that name what was meant."""

import difflib
import re
import tomllib
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from pellucid.errors import InputError, PellucidError, UsageError
from pellucid.training.recipe import RECIPES, Recipe


def recipe_path(name_or_path: str | Path) -> Path:
    """The file of a recipe that comes with Pellucid, by its name, or of one's own, by its path.

    Raises
    ------
    UsageError
        When there is no such recipe.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = RECIPES / f"{name_or_path}.toml"
    if not path.is_file():
        raise UsageError(
            f"There is no recipe {str(name_or_path)!r}",
            f"Name a .toml file, or one of {', '.join(recipe_names())}",
        )
    return path


def load_recipe(name_or_path: str | Path, changes: Sequence[str] = ()) -> Recipe:
    """Read the recipe at `recipe_path`.

    Parameters
    ----------
    name_or_path : str or Path
    changes : sequence of str
        Keys with other values, such as ``network.code=32``; values as TOML has them; quotes
        may be left out, and ``none`` takes a key away.

    Raises
    ------
    UsageError
        When there is no such recipe, or a change makes it one that cannot be.
    InputError
        When the file is not valid TOML, or has a key or value that a recipe cannot have.
    """
    path = recipe_path(name_or_path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(f"{path} cannot be read as text: {exc}", "Write it as TOML in UTF-8") from exc
    return parse_recipe(text, str(path), changes)


def recipe_names() -> list[str]:
    """The names of the recipes that come with Pellucid."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def parse_recipe(text: str, source: str = "the recipe", changes: Sequence[str] = ()) -> Recipe:
    """Read a recipe from TOML text; `source` names it in errors."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise InputError(f"{source}: {exc}", "Compare it with a recipe that comes with Pellucid") from exc
    for each in changes:
        _change(content, each)
    try:
        return msgspec.convert(content, Recipe)
    except msgspec.ValidationError as exc:
        problem, remedy = str(exc), _remedy(str(exc), content)
        if isinstance(exc.__cause__, PellucidError):  # a check of our own
            place = _place(problem)
            problem = f"in [{place}], {exc.__cause__.problem}" if place else exc.__cause__.problem
            remedy = exc.__cause__.remedy
        if changes:
            given = " ".join(f"--set {each}" for each in changes)
            raise UsageError(f"{source} with {given}: {problem}", remedy) from exc
        raise InputError(f"{source}: {problem}", remedy) from exc


def _change(content: dict[str, Any], assignment: str) -> None:
    """Set ``table.key=value`` in a recipe that is not yet checked."""
    path, equals, text = assignment.partition("=")
    *tables, key = path.strip().split(".")
    if not equals or not key:
        raise UsageError(f"--set {assignment!r} is no assignment", "Write it as in network.code=32")
    for name in tables:
        content = content.setdefault(name, {})
        if not isinstance(content, dict):
            raise UsageError(f"--set {assignment}: {name} is no table", "Write it as in network.code=32")
    if text == "none":
        content.pop(key, None)  # TOML has no word for nothing
        return
    try:
        content[key] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        content[key] = text  # a word without its quotes


def _remedy(problem: str, content: dict[str, Any]) -> str:
    """For a key that does not exist, the keys of nearly that name; for a word, those that are possible."""
    place = _place(problem)
    if unknown := re.search("unknown field `(.+?)`", problem):
        names = [key.rpartition(".") for key in sorted(_keys(content))]  # (table, ".", name)
        here = [name for table, _, name in names if table == place]
        near = ["".join(each) for each in names if each[2] == unknown[1]]  # of another table
        close = difflib.get_close_matches(unknown[1], here)
        near = near or [f"{place}.{name}".lstrip(".") for name in close]
        if near:
            return f"Perhaps you mean {' or '.join(near)}"
        return f"Its keys are {', '.join(here)}"
    if words := _keys(content).get(place):
        return f"Choose {' or '.join(words)}"
    return "Compare it with a recipe that comes with Pellucid"


def _place(problem: str) -> str:
    """Where in the recipe something is wrong, such as network.up."""
    found = re.search(r"at `\$\.(.+?)`", problem)
    return found[1] if found else ""


def _keys(content: dict[str, Any]) -> dict[str, list[str]]:
    """The keys that this recipe can have, such as network.widths, and the words that each can be."""
    keys = {}
    for name, hint in typing.get_type_hints(Recipe).items():
        kinds = [
            table
            for table in (typing.get_args(hint) or (hint,))
            if isinstance(table, type) and issubclass(table, msgspec.Struct)
        ]
        tags = {str(kind.__struct_config__.tag): kind for kind in kinds}
        keys[name] = _words(hint)
        if len(kinds) > 1:
            keys[f"{name}.kind"] = sorted(tags)
        chosen = content.get(name)
        wanted = tags.get(str(chosen.get("kind") if isinstance(chosen, dict) else None))
        for kind in [wanted] if wanted else kinds:
            for key, each in typing.get_type_hints(kind).items():
                keys[f"{name}.{key}"] = _words(each)
    return keys


def _words(hint: Any) -> list[str]:
    """The words that a key can be; none where it can be any."""
    return [str(word) for word in typing.get_args(hint)] if typing.get_origin(hint) is Literal else []
