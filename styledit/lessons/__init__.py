"""What the lessons show and check: figures, exercises, the tour."""

from styledit.lessons import exercises
from styledit.lessons.plots import COLOURS, plot_drift, plot_map, show_images, show_words

__all__ = ["COLOURS", "exercises", "plot_drift", "plot_map", "show_images", "show_words"]
