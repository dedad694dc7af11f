"""Images and steps that several tests share."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from numpy.typing import NDArray

from pellucid.errors import InputError
from pellucid.io.files import read_image, write_image
from pellucid.io.image import Image


class Make(Protocol):
    """A fixture that writes a file and gives its path."""

    def __call__(self, *arguments: Any, **options: Any) -> Path: ...


def gradient(height: int = 16, width: int = 24) -> NDArray[np.uint8]:
    """Smooth colours, uint8 (height, width, 3), each pixel its own."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 10, y * 15, (x + y) * 6], axis=-1).astype(np.uint8)


def again(image: Image, path: Path) -> Image:
    """Write an image and read it back."""
    write_image(path, image, overwrite=True)
    return read_image(path)


def refused(path: Path, words: str) -> None:
    """Check that reading a file fails with these words and a remedy."""
    with pytest.raises(InputError, match=words) as caught:
        read_image(path)
    assert caught.value.remedy
