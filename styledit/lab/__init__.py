"""Live widgets for notebooks: edit while you drag, attention that answers to the mouse, and a player for an
inversion.
"""

from styledit.lab.edit.factory import edit_lab
from styledit.lab.edit.png_recipe import open_png
from styledit.lab.edit.samples import picture
from styledit.lab.edit.widget import EditLab
from styledit.lab.explorer.widget import AttentionExplorer, attention_explorer
from styledit.lab.linking import Link, link
from styledit.lab.player.widget import InversionPlayer, inversion_player

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
