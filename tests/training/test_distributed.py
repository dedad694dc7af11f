"""Two processes train one network together."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pellucid.inference.session import Session

ROOT = Path(__file__).parents[2]  # so that the processes find tests/tiny.py
STEPS = 40

# What torchrun runs: training, and then a digest of this process's own weights. The first network that
# computes is the one that is trained; torch's own hook tells which.
SCRIPT = f"""
import hashlib, os, sys
from pathlib import Path

import torch
from pellucid.networks.unet import UNet
from pellucid.training.loop import train
from tests.tiny import tiny_recipe

seen = []
torch.nn.modules.module.register_module_forward_pre_hook(
    lambda module, inputs: seen.append(module) if isinstance(module, UNet) and not seen else None
)
torch.set_num_threads(1)
recipe = tiny_recipe(steps={STEPS}, batch=8, learning_rate=4e-3, check_every=10)
data_dir, folder = map(Path, sys.argv[1:])
train(recipe, folder / "run", data_dir=data_dir, device="cpu")
weights = b"".join(weight.detach().numpy().tobytes() for weight in seen[0].parameters())
(folder / f"rank{{os.environ['RANK']}}").write_text(hashlib.sha256(weights).hexdigest())
"""


@pytest.mark.long
def test_two_processes_train_one_network_and_write_it_once(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [*torchrun, str(tmp_path / "script.py"), str(data_dir), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr

    one, two = ((tmp_path / f"rank{rank}").read_text() for rank in (0, 1))
    assert one == two

    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"recipe.json", "log.jsonl", "checkpoint.pt", "tiny.onnx"}
    assert Session(tmp_path / "run" / "tiny.onnx").card.steps == STEPS

    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 10, 20, 30, 40, 40]
    figures = [line["tune PSNR at sigma 25"] for line in lines[1:]]
    assert figures == sorted(figures)
    assert figures[-1] > figures[0] + 0.5
