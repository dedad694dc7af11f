"""Make the pictures of the README and of ``make demo`` with Pellucid's own commands.

python benchmarks/pictures.py
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
from skimage import data

from pellucid.images.files import read_image, write_image
from pellucid.images.picture import Picture

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"


def pellucid(*arguments: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "pellucid", *map(str, arguments), "--overwrite"], check=True)


def main() -> None:
    clean, noisy, denoised = (PICTURES / f"demo-{word}.png" for word in ("clean", "noisy", "denoised"))
    PICTURES.mkdir(parents=True, exist_ok=True)
    write_image(clean, Picture(samples=np.ascontiguousarray(data.chelsea()[:, 60:360])), overwrite=True)
    pellucid("noise", clean, "--add", "gaussian:25", "--seed", "0", "-o", noisy)
    pellucid("denoise", noisy, "-o", denoised)
    sides = np.concatenate([read_image(path).samples for path in (noisy, denoised)], axis=1)
    write_image(PICTURES / "before-after.png", Picture(samples=sides), overwrite=True)
    clean.unlink()
    denoised.unlink()


if __name__ == "__main__":
    main()
