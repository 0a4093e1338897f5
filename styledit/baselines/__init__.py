"""What value inputs are compared with: one method a file, one call each, an `Edit` as the result.

Those whose target follows the source are values of one update, `styledit.editing.update`; each has an editor
of its own too, for many edits of one picture.
"""

from styledit.baselines.ddcm import ddcm, ddcm_editor
from styledit.baselines.ddim_p2p import ddim_p2p
from styledit.baselines.direct_inversion import direct_inversion
from styledit.baselines.edit_friendly import edit_friendly, edit_friendly_editor
from styledit.baselines.flow_edit import flow_edit, flow_edit_editor
from styledit.baselines.h_edit import h_edit, h_edit_editor
from styledit.baselines.ledits_pp import ledits_pp, ledits_pp_editor
from styledit.baselines.masactrl import masactrl, masactrl_editor, mutual_attention
from styledit.baselines.negative_prompt import negative_prompt, negative_prompt_editor
from styledit.baselines.null_text import NullEmbeddings, fit_nulls, null_text
from styledit.baselines.plug_and_play import feature_injection, plug_and_play, plug_and_play_editor
from styledit.baselines.proximal import proximal, proximal_editor
from styledit.baselines.sdedit import sdedit

__all__ = [
    "NullEmbeddings",
    "ddcm",
    "ddcm_editor",
    "ddim_p2p",
    "direct_inversion",
    "edit_friendly",
    "edit_friendly_editor",
    "feature_injection",
    "fit_nulls",
    "flow_edit",
    "flow_edit_editor",
    "h_edit",
    "h_edit_editor",
    "ledits_pp",
    "ledits_pp_editor",
    "masactrl",
    "masactrl_editor",
    "mutual_attention",
    "negative_prompt",
    "negative_prompt_editor",
    "null_text",
    "plug_and_play",
    "plug_and_play_editor",
    "proximal",
    "proximal_editor",
    "sdedit",
]
