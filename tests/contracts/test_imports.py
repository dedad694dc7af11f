"""Starting is quick because the heavy packages stay asleep."""

import json
import subprocess
import sys

HEAVY = {"torch", "matplotlib", "sklearn", "fastapi", "ray"}

IMPORT = "import pellucid"
HELP = """
import contextlib, io, runpy, sys
sys.argv = ["pellucid", "--help"]
with contextlib.redirect_stdout(io.StringIO()) as page, contextlib.suppress(SystemExit):
    runpy.run_module("pellucid", run_name="__main__", alter_sys=True)
assert "denoise" in page.getvalue(), "no help was printed"
"""


def packages_loaded_by(code: str) -> set[str]:
    report = "\nimport json, sys; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    command = [sys.executable, "-W", "error", "-c", code + report]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_importing_pellucid_loads_nothing_heavy_and_no_command_line() -> None:
    assert not packages_loaded_by(IMPORT) & (HEAVY | {"typer"})


def test_the_help_page_loads_nothing_heavy() -> None:
    assert not packages_loaded_by(HELP) & HEAVY
