"""Live widgets for notebooks: edit while you drag, attention that answers to the mouse, and a player for an
inversion.
"""

from styledit.lab.edit_lab import EditLab
from styledit.lab.keeping import open_png
from styledit.lab.opening import edit_lab
from styledit.lab.samples import picture

__all__ = ["EditLab", "edit_lab", "open_png", "picture"]
