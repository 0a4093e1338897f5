"""Guided edits: the target's value inputs are optimised for what the decoded picture should be: settings,
weights and terms, a run with gradients, the learner, one file a schedule, style phrases, the call.
"""

from styledit.guiding.guided import Guided, GuidedEdit, GuidingStopped, guide, guiding
from styledit.guiding.log import Frame
from styledit.guiding.optimisation import GuidedState
from styledit.guiding.settings import GuidedSettings
from styledit.guiding.style_phrases import classify_style
from styledit.guiding.weights import GUIDES, Weights

__all__ = [
    "GUIDES",
    "Frame",
    "Guided",
    "GuidedEdit",
    "GuidedSettings",
    "GuidedState",
    "GuidingStopped",
    "Weights",
    "classify_style",
    "guide",
    "guiding",
]
