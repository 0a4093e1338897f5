"""What value inputs are compared with: one method a file, one call each, an `Edit` as the result."""

from styledit.baselines.ddim_p2p import ddim_p2p
from styledit.baselines.direct_inversion import direct_inversion
from styledit.baselines.masactrl import masactrl, mutual_attention
from styledit.baselines.negative_prompt import negative_prompt
from styledit.baselines.null_text import NullEmbeddings, fit_nulls, null_text
from styledit.baselines.plug_and_play import feature_injection, plug_and_play
from styledit.baselines.sdedit import sdedit

__all__ = [
    "NullEmbeddings",
    "ddim_p2p",
    "direct_inversion",
    "feature_injection",
    "fit_nulls",
    "masactrl",
    "mutual_attention",
    "negative_prompt",
    "null_text",
    "plug_and_play",
    "sdedit",
]
