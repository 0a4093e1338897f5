"""Where the recipe reads and writes.

The environment variable STYLEDIT_CACHE moves ``CACHE``, so that checkpoints outlive a checkout.
"""

from __future__ import annotations

import os
from pathlib import Path

RECIPE = Path(__file__).resolve().parent
DATA = RECIPE.parent
MODEL = DATA / "model"
JOINT_MODEL = DATA / "model-joint"  # the second model
DRAWINGS = RECIPE / "drawings"
CURVES = RECIPE / "curves"  # loss curves; committed
CACHE = Path(os.environ.get("STYLEDIT_CACHE") or RECIPE / "cache")  # checkpoints and latents; ignored by git
