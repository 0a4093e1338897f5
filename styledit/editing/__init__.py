"""Regularised editing (P2Plus): settings and step plans, the source branch, local blend, the run, the update
by which a target follows its source, the editor.
"""

from styledit.editing.editor import Edit, Editor, edit
from styledit.editing.guidance_mask import LargestValues, WordsAndLargestValues
from styledit.editing.injection import Injection
from styledit.editing.run import EditState
from styledit.editing.settings import Settings
from styledit.editing.update import UpdateRule

__all__ = [
    "Edit",
    "EditState",
    "Editor",
    "Injection",
    "LargestValues",
    "Settings",
    "UpdateRule",
    "WordsAndLargestValues",
    "edit",
]
