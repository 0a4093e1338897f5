"""What the lessons show and check: pictures, maps, curves, exercises, the tour."""

from styledit.storage.versions import need as _need

_need("The lessons", "matplotlib", "IPython", "ipywidgets", "anywidget")

from styledit.lessons import exercises  # noqa: E402
from styledit.lessons.board import board  # noqa: E402
from styledit.lessons.diagrams import plot_attention_shapes, plot_timeline, plot_two_runs  # noqa: E402
from styledit.lessons.drawing import balloon_drawing  # noqa: E402
from styledit.lessons.exercises import predict, progress  # noqa: E402
from styledit.lessons.gradient_figures import gradient_picture, matrix_picture, share_inside  # noqa: E402
from styledit.lessons.map_figures import grey, legend, map_layer, overlay, plot_map, show_maps, show_words  # noqa: E402
from styledit.lessons.models import without_weights  # noqa: E402
from styledit.lessons.network_figure import plot_unet  # noqa: E402
from styledit.lessons.pictures import LessonPicture, Pictures, lesson_picture, show_images  # noqa: E402
from styledit.lessons.plots import COLOURS, plot_drift, plot_intervals, plot_lines, setup  # noqa: E402
from styledit.lessons.scrub import Scrubber, scrub  # noqa: E402
from styledit.lessons.stored import stored_result  # noqa: E402
from styledit.lessons.tables import mean_and_range, table_html  # noqa: E402
from styledit.lessons.widgets import wait_for  # noqa: E402

__all__ = [
    "setup",
    # pictures
    "LessonPicture",
    "Pictures",
    "lesson_picture",
    "balloon_drawing",
    "show_images",
    "Scrubber",
    "scrub",
    # maps
    "grey",
    "map_layer",
    "overlay",
    "legend",
    "plot_map",
    "show_maps",
    "show_words",
    # gradients and matrices
    "gradient_picture",
    "share_inside",
    "matrix_picture",
    # curves
    "COLOURS",
    "plot_drift",
    "plot_intervals",
    "plot_lines",
    # diagrams
    "plot_attention_shapes",
    "plot_timeline",
    "plot_two_runs",
    "plot_unet",
    # exercises
    "exercises",
    "predict",
    "progress",
    # long computations
    "stored_result",
    "mean_and_range",
    "table_html",
    # models and widgets
    "without_weights",
    "wait_for",
    # a class
    "board",
]
