"""Guided edits: the target's value inputs are optimised for what the decoded picture should be: weights and
terms, the learner, a run with gradients, schedules, a style picture's look in words, the call.
"""

from styledit.guiding.guided import Guided, GuidedEdit, GuidingStopped, guide, guiding
from styledit.guiding.log import Frame
from styledit.guiding.shared import GuidedState
from styledit.guiding.style_phrases import classify_style
from styledit.guiding.weights import GUIDES, Weights

__all__ = [
    "GUIDES",
    "Frame",
    "Guided",
    "GuidedEdit",
    "GuidedState",
    "GuidingStopped",
    "Weights",
    "guide",
    "guiding",
    "classify_style",
]
