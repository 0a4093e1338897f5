"""What the lessons show and check: pictures, maps, curves, exercises, the tour."""

from styledit.lessons import exercises
from styledit.lessons.diagrams import plot_attention_shapes, plot_timeline
from styledit.lessons.exercises import predict, progress
from styledit.lessons.heat import grey, heat_layer, legend, plot_map, show_maps, show_words
from styledit.lessons.pictures import LessonPicture, Pictures, lesson_picture, show_images
from styledit.lessons.plots import COLOURS, plot_drift, plot_lines, setup
from styledit.lessons.scrub import Scrubber, scrub
from styledit.lessons.stored import stored_result

__all__ = [
    "setup",
    # pictures
    "LessonPicture",
    "Pictures",
    "lesson_picture",
    "show_images",
    "Scrubber",
    "scrub",
    # maps
    "grey",
    "heat_layer",
    "legend",
    "plot_map",
    "show_maps",
    "show_words",
    # curves
    "COLOURS",
    "plot_drift",
    "plot_lines",
    # diagrams
    "plot_attention_shapes",
    "plot_timeline",
    # exercises
    "exercises",
    "predict",
    "progress",
    # long computations
    "stored_result",
]
