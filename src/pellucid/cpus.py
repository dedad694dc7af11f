"""How many CPUs this process may use."""

import math
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def usable_cpus(root: Path = Path("/")) -> int:
    """The number of threads that can run at once in this process, at least 1.

    It may be fewer than the machine has: by CPU affinity (``taskset``, a batch system, a cpuset), and by the
    CPU quota of a Linux control group, version 1 or 2, which is how containers are limited. A quota of 1.5
    CPUs counts as 2.

    Parameters
    ----------
    root : Path
        Where ``proc`` and ``sys`` are found.

    References
    ----------
    Linux kernel documentation, admin-guide/cgroup-v2.rst ("cpu.max") and scheduler/sched-bwc.rst.
    """
    cpus = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, min([cpus, *(math.ceil(quota) for quota in _quotas(root))]))


def _quotas(root: Path) -> Iterator[float]:
    """CPUs that each control group around this process allows; a group is limited by its ancestors too."""
    lines: list[str] = []
    with suppress(OSError):
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = root / "sys/fs/cgroup" / controllers  # of version 2, which lists no controllers, the root
        group = top / path.lstrip("/")
        # In a container the path may be that on the host, of which only the top is mounted.
        for folder in (group, *group.parents):
            yield from _quota(folder)
            if folder == top:
                break


def _quota(group: Path) -> Iterator[float]:
    with suppress(OSError, ValueError, ZeroDivisionError):  # no such file, or "max": no limit
        quota, period = (group / "cpu.max").read_text().split()
        yield int(quota) / int(period)
    with suppress(OSError, ValueError, ZeroDivisionError):
        quota, period = ((group / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        if int(quota) > 0:  # -1: no limit
            yield int(quota) / int(period)


def wait_passively() -> None:
    """Let OpenMP's threads sleep while they wait for work; to be called before torch and SciPy are imported.

    By default they spin between two layers. As soon as another process wants the same CPUs, the threads that
    compute then wait for those that spin. Processes that this one starts inherit the setting; where the user
    has made a choice, it stays.

    References
    ----------
    OpenMP 5.2, section 21.7 (OMP_WAIT_POLICY).
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # SciPy's, whose threads spin on small matrices
