"""All commands under one name."""

from typing import Annotated

import typer

from pellucid import __version__
from pellucid.cli import (
    adapt,
    cite,
    compare,
    decode,
    denoise,
    doctor,
    encode,
    evaluate,
    inspect,
    models,
    noise,
    recipes,
    train,
)
from pellucid.cli.output import forward_warnings, say
from pellucid.errors import UsageError

# Plain help: boxes and colours took longer to load than everything else, and need a terminal.
app = typer.Typer(
    add_completion=False, rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]}
)

app.command("denoise", epilog=denoise.EXAMPLES)(denoise.denoise)
app.command("inspect", epilog=inspect.EXAMPLES)(inspect.inspect)
app.command("noise", epilog=noise.EXAMPLES)(noise.noise)
app.command("compare", epilog=compare.EXAMPLES)(compare.compare)
app.add_typer(models.app, name="models")
app.add_typer(recipes.app, name="recipes")
app.command("train", epilog=train.EXAMPLES)(train.train)
app.command("adapt", epilog=adapt.EXAMPLES)(adapt.adapt)
app.command("cite", epilog=cite.EXAMPLES)(cite.cite)
app.command("evaluate", epilog=evaluate.EXAMPLES)(evaluate.evaluate)
app.command("encode", epilog=encode.EXAMPLES)(encode.encode)
app.command("decode", epilog=decode.EXAMPLES)(decode.decode)
app.command("doctor", epilog=doctor.EXAMPLES)(doctor.doctor)

EXAMPLES = """\b
Examples:
  pellucid denoise photo.jpg              writes photo-denoised.jpg
  pellucid denoise scans/ -o clean/       a folder, keeping its tree
  pellucid denoise --help                 all that denoise can do

\b
Exit codes: 0 done, 1 a bug, 2 wrong usage, 3 an input that cannot be used,
4 some of several inputs failed, 5 a limit or a resource, 130 interrupted
(128 and its number for any other signal).
"""


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"pellucid {__version__}")
        raise typer.Exit


@app.callback(epilog=EXAMPLES)
def pellucid(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Pellucid removes noise from images."""


def run(arguments: list[str]) -> int:
    """Run one command and give its exit code.

    Raises
    ------
    UsageError
        When the arguments cannot be understood.
    PellucidError
        What the command raises.
    """
    forward_warnings()
    command = typer.main.get_command(app)
    # Not `app()`: it would turn a closed pipe and Ctrl-C into exit codes of its own.
    try:
        with command.make_context("pellucid", arguments or ["--help"]) as context:
            command.invoke(context)
    except typer.Exit as exc:
        return exc.exit_code
    except typer.TyperException as exc:
        where = getattr(exc, "ctx", None)
        path = where.command_path if where else "pellucid"
        remedy = f"See: {path} --help"
        if hasattr(exc, "option_name"):
            remedy += "; of a file whose name begins with -, write ./ before it"
        raise UsageError(exc.format_message().rstrip("."), remedy) from exc
    return 0
