"""Live widgets for notebooks: edit while you drag, attention that answers to the mouse, and a player for an
inversion.
"""

from styledit.storage.versions import need as _need

_need("The lab", "ipywidgets", "anywidget", "IPython")

from styledit.lab.edit.factory import edit_lab  # noqa: E402
from styledit.lab.edit.png_recipe import open_png  # noqa: E402
from styledit.lab.edit.samples import picture  # noqa: E402
from styledit.lab.edit.widget import EditLab  # noqa: E402
from styledit.lab.explorer.widget import AttentionExplorer, attention_explorer  # noqa: E402
from styledit.lab.linking import Link, link  # noqa: E402
from styledit.lab.player.widget import InversionPlayer, inversion_player  # noqa: E402

__all__ = [
    "EditLab",
    "edit_lab",
    "AttentionExplorer",
    "attention_explorer",
    "InversionPlayer",
    "inversion_player",
    "Link",
    "link",
    "open_png",
    "picture",
]
