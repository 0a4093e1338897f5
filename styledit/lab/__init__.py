"""Live widgets for notebooks: edit while you drag, attention that answers to the mouse, and a player for an
inversion.
"""

from styledit.lab.edit_lab import EditLab
from styledit.lab.explorer import AttentionExplorer, attention_explorer
from styledit.lab.keeping import open_png
from styledit.lab.opening import edit_lab
from styledit.lab.player import InversionPlayer, inversion_player
from styledit.lab.samples import picture

__all__ = [
    "EditLab",
    "edit_lab",
    "AttentionExplorer",
    "attention_explorer",
    "InversionPlayer",
    "inversion_player",
    "open_png",
    "picture",
]
