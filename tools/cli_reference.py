"""Write ``docs/reference/cli.md``, the help of every command.

python -m tools.cli_reference
"""

from typing import Any

from benchmarks.common import DOCS

PAGE = DOCS / "reference" / "cli.md"
HEAD = """# Commands

The `--help` of each command. `python -m tools.cli_reference` writes this page, and a test compares it with
the commands.
"""


def reference() -> str:
    """The page for the commands as they are now."""
    import typer

    from pellucid.cli.app import app

    return HEAD + "".join(_sections(typer.main.get_command(app), "pellucid", None))


def _sections(command: Any, name: str, parent: Any) -> list[str]:
    """The help of a command, then that of the commands below it."""
    # 78 columns are what a terminal of 80 gets.
    context = command.make_context(name, [], parent=parent, resilient_parsing=True, terminal_width=78)
    path = context.command_path
    section = f"\n## {path}\n\n```text\n{command.get_help(context).rstrip()}\n```\n"
    below = getattr(command, "commands", {})
    return [section, *(text for each in below for text in _sections(below[each], each, context))]


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(reference(), encoding="utf-8")
