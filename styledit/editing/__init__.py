"""Regularised editing (P2Plus): settings and step plans, the source branch, local blend, the run,
the editor.
"""

from styledit.editing.editor import Edit, Editor, edit
from styledit.editing.injection import Injection
from styledit.editing.run import EditState
from styledit.editing.settings import Settings

__all__ = ["Edit", "EditState", "Editor", "Injection", "Settings", "edit"]
