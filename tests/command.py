"""The `pellucid` command in the process of the tests: to start another and to import all takes a second."""

import logging
import os
import signal
import sys
import warnings
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest

from pellucid.cli import main


def run_here(
    command: list[str], folder: Path, environment: dict[str, str], stdin: str | Path = os.devnull
) -> Any:
    """Run the command in this process, take back what it sets, and give its exit code."""
    log = logging.getLogger("pellucid")
    before, handlers, propagate = dict(os.environ), log.handlers[:], log.propagate
    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    with (
        open(stdin) as given,
        chdir(folder),
        pytest.MonkeyPatch.context() as patch,
        warnings.catch_warnings(),
    ):
        patch.setattr(sys, "argv", command)
        patch.setattr(sys, "stdin", given)
        os.environ.clear()
        os.environ.update(environment)
        try:
            main()
        except SystemExit as exc:
            return exc.code
        finally:
            os.environ.clear()
            os.environ.update(before)
            log.handlers[:], log.propagate = handlers, propagate
            for number, handler in signals.items():
                signal.signal(number, handler)
