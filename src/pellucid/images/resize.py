"""Pictures at other sizes."""

import numpy as np
from numpy.typing import NDArray


def shrink(samples: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """Shrink a picture with antialiasing (Lanczos of three lobes, widened by 1 / scale).

    Parameters
    ----------
    samples : uint8 array (height, width, channels)
    scale : float
        Above 0, at most 1.

    Returns
    -------
    uint8 array (round(height * scale), round(width * scale), channels)
    """
    import pyvips  # slow to load

    image = pyvips.Image.new_from_array(samples)
    shrunk: NDArray[np.uint8] = image.resize(scale, kernel="lanczos3").numpy()
    return shrunk.reshape(*shrunk.shape[:2], samples.shape[2])
