"""What value inputs are compared with: one method a file, one call each, an `Edit` as the result."""

from styledit.baselines.ddim_p2p import ddim_p2p
from styledit.baselines.direct_inversion import direct_inversion
from styledit.baselines.negative_prompt import negative_prompt
from styledit.baselines.null_text import NullEmbeddings, fit_nulls, null_text
from styledit.baselines.sdedit import sdedit

__all__ = [
    "NullEmbeddings",
    "ddim_p2p",
    "direct_inversion",
    "fit_nulls",
    "negative_prompt",
    "null_text",
    "sdedit",
]
