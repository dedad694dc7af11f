"""The number of threads follows the CPUs that the process may use."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pellucid.cpus import usable_cpus
from pellucid.inference import index

ALL = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def groups(root: Path, line: str, **files: str) -> Path:
    """Make the files by which Linux describes the control group of a process."""
    contents = {"proc/self/cgroup": f"3:memory:/elsewhere\n{line}\n"} | {
        f"sys/fs/cgroup/{name}": content for name, content in files.items()
    }
    for name, content in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


@pytest.mark.parametrize(
    ("line", "files", "cpus"),
    [
        ("0::/job", {"job/cpu.max": "max 100000\n"}, ALL),
        ("0::/job", {"job/cpu.max": "100000 100000\n"}, 1),
        ("0::/job", {"job/cpu.max": "20000 100000\n"}, 1),
        ("0::/job", {"job/cpu.max": "150000 100000\n"}, min(2, ALL)),
        ("0::/job", {"job/cpu.max": "9900000 100000\n"}, ALL),
        ("0::/job/step", {"job/step/cpu.max": "max 100000\n", "job/cpu.max": "50000 100000\n"}, 1),
        ("0::/host/docker/1", {"cpu.max": "100000 100000\n"}, 1),
        ("4:cpu:/job", {"cpu/job/cpu.cfs_quota_us": "100000\n", "cpu/job/cpu.cfs_period_us": "100000\n"}, 1),
        ("4:cpu:/", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, ALL),
        (
            "4:cpu,cpuacct:/docker/1",
            {"cpu,cpuacct/cpu.cfs_quota_us": "5000\n", "cpu,cpuacct/cpu.cfs_period_us": "10000\n"},
            1,
        ),
        ("0::/job", {"job/cpu.max": "nonsense\n"}, ALL),
    ],
)
def test_the_quota_of_a_control_group_counts(
    line: str, files: dict[str, str], cpus: int, tmp_path: Path
) -> None:
    assert usable_cpus(groups(tmp_path, line, **files)) == cpus


def test_without_control_groups_all_cpus_count(tmp_path: Path) -> None:
    assert usable_cpus(tmp_path) == ALL


ON_ONE_CPU = """
import os, sys
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from pathlib import Path
from pellucid.cpus import usable_cpus
from pellucid.inference.session import RunOptions, Session, runtime
assert usable_cpus() == 1
runtime()
before = os.listdir("/proc/self/task")
Session(Path(sys.argv[1]), RunOptions(threads=8))
assert os.listdir("/proc/self/task") == before
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no affinity")
def test_a_process_that_is_bound_to_one_cpu_runs_networks_in_one_thread() -> None:
    (model, *_) = index.shipped()
    subprocess.run([sys.executable, "-c", ON_ONE_CPU, str(model.path)], check=True)


def test_the_threads_of_torch_sleep_while_they_wait() -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
    command = [sys.executable, "-c", "import pellucid.networks.unet"]
    for policy in (None, "ACTIVE"):  # the user's choice stays
        chosen = {"OMP_WAIT_POLICY": policy} if policy else {}
        done = subprocess.run(
            command,
            env=env | chosen | {"OMP_DISPLAY_ENV": "TRUE"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert re.search(rf"OMP_WAIT_POLICY\s*=\s*'{policy or 'PASSIVE'}'", done.stdout + done.stderr)
