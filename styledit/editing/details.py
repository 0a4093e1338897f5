"""What the autoencoder loses of a picture, given back wherever an edit leaves the picture as it was."""

from __future__ import annotations

import numpy as np
from PIL import Image

TOLERANCE = 0.2  # of [0, 1]: a pixel that an edit changes by so much gets exp(-1) of its detail back


def restore_details(edited: Image.Image, reconstruction: Image.Image, source: Image.Image) -> Image.Image:
    """The edited picture with the source picture's own details.

    ``edited + exp(-(d / TOLERANCE)^2) * (source - reconstruction)``, where d (H, W) in [0, 1] is the largest
    difference of a channel between edited and reconstruction, smoothed over a 128th of the picture's
    height. What the edit leaves alone is then the source picture itself; what it changes stays as it is.

    Args:
        edited, reconstruction, source: RGB pictures of one size; `reconstruction` is `source` as it comes
            back from its latents.
    """
    from skimage.filters import gaussian

    new, old, own = (np.asarray(picture, np.float32) / 255 for picture in (edited, reconstruction, source))
    difference = gaussian(np.abs(new - old).max(axis=-1), sigma=edited.height / 128)  # (H, W)
    share = np.exp(-((difference / TOLERANCE) ** 2))[..., None]
    pixels = np.clip(new + share * (own - old), 0, 1)
    return Image.fromarray(np.rint(pixels * 255).astype(np.uint8))
