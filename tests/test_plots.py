"""Figures show what they are given."""

from __future__ import annotations

import base64
import io
import json
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

import styledit
from styledit import lessons
from styledit.attention import attention_layers
from styledit.lab.palettes import DIVERGING


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def pictures_in(html: str) -> list[Image.Image]:
    """The pictures that a figure embeds, in order."""
    found = re.findall(r"data:image/\w+;base64,([A-Za-z0-9+/=]+)", html)
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in found]


# --- pictures ---------------------------------------------------------------------------------------


def test_pictures_are_embedded_as_they_are(picture) -> None:
    html = lessons.show_images({"one": picture, "two": picture})._repr_html_()
    shown = pictures_in(html)
    assert [np.array_equal(image, picture) for image in shown] == [True, True]
    assert html.count("image-rendering:pixelated") == 2
    assert re.findall(r"<figcaption[^>]*>(\w+)<", html) == ["one", "two"] == re.findall(r'alt="(\w+)"', html)


def test_many_pictures_are_small(picture) -> None:
    figure = lessons.show_images({f"picture {i}": picture for i in range(12)}, columns=5)
    html = figure._repr_html_()
    assert html.count("<figure") == 12 and html.count("<div>") == 3
    assert all(image.format == "WEBP" and image.size == picture.size for image in pictures_in(html))


def test_titles_cannot_break_the_page(picture) -> None:
    html = lessons.show_images({'<b> & "x"\nsecond line': picture})._repr_html_()
    assert "<b>" not in html and "&lt;b&gt; &amp; &quot;x&quot; second line" in html


def test_a_sheet_of_pictures(picture, tmp_path) -> None:
    figure = lessons.show_images({f"a longer title {i}": picture for i in range(7)}, columns=3, width=64)
    figure.savefig(tmp_path / "sheet.png")
    sheet = Image.open(tmp_path / "sheet.png")
    assert sheet.width == 3 * 64 + 4 * 4 and sheet.height > 3 * 64
    assert repr(figure).startswith("7 pictures: a longer title 0,")


@pytest.mark.parametrize("show", [lessons.show_images, lambda nothing: lessons.scrub(nothing)])
def test_nothing_to_show(show) -> None:
    with pytest.raises(ValueError, match="There are no (pictures|frames) to show"):
        show({})


GREY = Image.new("RGB", (8, 8), "grey")


@pytest.mark.parametrize(
    "call, error, sentence",
    [
        (lambda: lessons.show_images([GREY]), TypeError, "images must be"),
        (
            lambda: lessons.show_images({"a": torch.zeros(3, 8, 8)}),
            TypeError,
            r"picture 'a' must be .*edit\.image",
        ),
        (lambda: lessons.show_images({1: GREY}), TypeError, "images must be"),
        (lambda: lessons.show_images({"a": GREY}, columns=0), ValueError, "columns must be"),
        (lambda: lessons.show_images({"a": GREY}, width="wide"), TypeError, "width must be"),
        (lambda: lessons.scrub([GREY]), TypeError, r"frames must be \{label: picture\}"),
        (lambda: lessons.scrub({3: GREY}), TypeError, "a label or \\(choice, label\\), not 3"),
        (lambda: lessons.scrub({"a": 3}), TypeError, "The frame 'a' must be"),
        (lambda: lessons.scrub({"a": {"x": 3}}), TypeError, "The picture 'x' must be"),
        (lambda: lessons.scrub({"a": GREY, "b": {"x": GREY, "y": GREY}}), ValueError, "as many pictures"),
        (lambda: lessons.scrub({"a": GREY}, start="first"), TypeError, "start must be"),
        (lambda: lessons.show_maps({"a": "fox"}, GREY), TypeError, "A map to draw must be a tensor"),
        (lambda: lessons.show_maps({"a": torch.zeros(2, 2)}, "fox"), TypeError, "picture must be"),
        (lambda: lessons.plot_lines([1, 2]), TypeError, "lines must be"),
        (lambda: lessons.plot_lines({"a": "up"}), TypeError, "line 'a' must be a list of numbers"),
        (lambda: lessons.plot_lines({"a": [[1, 2]]}), ValueError, "one row of numbers"),
        (lambda: lessons.plot_lines({"a": [1, 2]}, x=[1]), ValueError, "has 2 values and x 1"),
        (lambda: lessons.lesson_picture(None, ["fox"]), TypeError, "name must be"),
    ],
)
def test_what_a_student_gives_wrongly_gets_a_sentence(call, error, sentence) -> None:
    with pytest.raises(error, match=sentence):
        call()


def test_lesson_pictures(pipe) -> None:
    image, prompt, mask = lessons.lesson_picture(pipe, "fox")
    assert "fox" in prompt and mask.shape == image.size[::-1] and 0.05 < mask.mean() < 0.6
    assert lessons.lesson_picture(pipe, "00_fox.png").prompt == prompt
    with pytest.raises(ValueError, match=r"no lesson picture 'dragon'; choose from balloon, .*umbrella"):
        lessons.lesson_picture(pipe, "dragon")


# --- maps -------------------------------------------------------------------------------------------


def test_words_share_one_scale(inversion, picture) -> None:
    figure = lessons.show_words(inversion.maps, picture)
    assert list(figure.images) == ["picture", "a", "red", "car", "in", "the", "snow"]
    most = max(float(inversion.maps.word(w).max()) for w in list(figure.images)[1:])
    assert f"{most:.2g} &nbsp;share" in figure._repr_html_()
    assert len(pictures_in(figure._repr_html_())) == 8  # and the scale


def test_a_map_leaves_its_colour_on_grey(picture) -> None:
    heat = torch.zeros(4, 4)
    heat[:2] = 1.0
    (shown,) = lessons.show_maps({"top": heat}, picture).images.values()
    spread = np.ptp(np.asarray(shown, float), axis=-1)  # 0 where a pixel is grey
    assert spread[-4:].max() == 0 and spread[:4].min() > 30


def test_signed_maps_have_two_colours(picture) -> None:
    heat = torch.tensor([[-1.0, 1.0]])
    (shown,) = lessons.show_maps({"change": heat}, picture, signed=True).images.values()
    pixels = np.asarray(shown, float)
    assert pixels[5, 2, 2] > pixels[5, 2, 0] and pixels[5, -3, 0] > pixels[5, -3, 2]


def test_the_scale_can_be_given(picture) -> None:
    heat = torch.full((2, 2), 0.5)
    weak, strong = (
        np.asarray(lessons.show_maps({"": heat}, picture, most=most).images[""], float) for most in (5, 0.5)
    )
    assert np.ptp(strong, axis=-1).mean() > 2 * np.ptp(weak, axis=-1).mean()


def test_a_map_of_three_axes_is_refused(picture) -> None:
    with pytest.raises(ValueError, match=r"shape \(H, W\), not \(2, 4, 4\)"):
        lessons.show_maps({"both": torch.zeros(2, 4, 4)}, picture)
    with pytest.raises(ValueError, match="no maps to show"):
        lessons.show_maps({}, picture)


# --- gradients, matrices, tables ----------------------------------------------------------------------


def test_a_gradient_picture_goes_against_the_gradient_around_grey() -> None:
    slope = torch.zeros(1, 3, 8, 8)
    slope[0, 0, 2, 3] = -4.0  # more red lowers the loss
    slope[0, 2, 5, 5] = 4.0  # so does less blue
    shown = np.asarray(lessons.gradient_picture(slope, gain=1.0)).astype(int)
    assert tuple(shown[0, 0]) == (128, 128, 128)
    assert shown[2, 3, 0] == 255 and shown[5, 5, 2] == 0
    mask = np.zeros((8, 8), bool)
    mask[2, 3] = True
    assert lessons.share_inside(slope, mask) == pytest.approx(0.5)
    assert np.ptp(np.asarray(lessons.gradient_picture(torch.zeros(1, 3, 4, 4)))) == 0
    with pytest.raises(ValueError, match=r"\(1, 3, H, W\)"):
        lessons.gradient_picture(slope[0])


def test_a_matrix_is_a_square_of_two_colours() -> None:
    shown = np.asarray(lessons.matrix_picture(torch.tensor([[1.0, 0.0], [-1.0, 5.0]]), 1.0, size=4))
    blue, white, red = DIVERGING[0], DIVERGING[4], DIVERGING[-1]
    assert shown.shape == (4, 4, 3)
    assert tuple(shown[0, 3]) == white and tuple(shown[0, 0]) == red
    assert tuple(shown[3, 0]) == blue and tuple(shown[3, 3]) == red


def test_a_table_marks_the_best() -> None:
    html = lessons.table_html({"A": ["1", "2"], "B": ["3", "1"]}, ("", "x", "y"), best=[["B"], ["A"]])
    assert html.count("<tr>") == 3 and "<b>3</b>" in html and "<b>2</b>" in html and html.count("<b>") == 2


# --- curves -----------------------------------------------------------------------------------------


def test_a_mean_is_said_with_its_range() -> None:
    assert lessons.mean_and_range([1.0, 2.0, 6.0]) == "3.0 (1.0 to 6.0)"
    assert lessons.mean_and_range([0.0111, 0.0333], 3) == "0.022 (0.011 to 0.033)"
    with pytest.raises(ValueError, match="no numbers"):
        lessons.mean_and_range([])


def test_plot_drift(pipe, inversion) -> None:
    runs = {
        f"w = {w}": styledit.reconstruct(pipe, inversion, guidance=w, progress=False).latents
        for w in (1, 7.5)
    }
    ax = lessons.plot_drift(inversion, runs)
    for line, (name, latents) in zip(ax.lines, runs.items(), strict=True):
        assert line.get_label() == name
        assert np.allclose(line.get_ydata(), styledit.drift(inversion, latents))


def test_lines_and_their_axes() -> None:
    ax = lessons.plot_lines(
        {f"line {k}": [1, 10, 100] for k in range(9)}, x=[0.0, 0.5, 1.0], log=True, title="t"
    )
    assert (ax.get_yscale() == "log" and ax.get_title(loc="left") == "t") or ax.get_title() == "t"
    assert len({(line.get_color(), line.get_linestyle()) for line in ax.lines}) == 9
    assert list(ax.lines[0].get_xdata()) == [0.0, 0.5, 1.0]


def test_setup_makes_svg_that_repeats(tmp_path) -> None:
    with plt.rc_context():
        lessons.setup()
        for name in "ab":
            lessons.plot_lines({"line": [1, 2]}, title="A title to search for")
            plt.savefig(tmp_path / f"{name}.svg", metadata={"Date": None})
    drawn = (tmp_path / "a.svg").read_bytes()
    assert drawn == (tmp_path / "b.svg").read_bytes() and b"A title to search for" in drawn


# --- diagrams ---------------------------------------------------------------------------------------

PROMPTS = ("a red car", "a blue car")


def arrows_of(ax, name: str) -> int:
    """At how many steps a lane has an arrow."""
    return sum(len(drawn.get_offsets()) for drawn in ax.collections if drawn.get_gid() == name)


def test_two_runs_light_each_switch_where_it_acts(picture) -> None:
    pictures = {i: (picture, picture) for i in (0, 10, 20)}
    ax = lessons.plot_two_runs(pictures, 20, PROMPTS, {"tau_c": 0.6, "tau_s": 0.0, "blend": 1.0})
    assert [arrows_of(ax, name) for name in ("tau_v", "tau_c", "tau_s", "blend")] == [0, 12, 0, 16]
    assert len(ax.images) == 6
    texts = " ".join(text.get_text() for text in ax.texts)
    assert all(words in texts for words in (*PROMPTS, "i = 10", "cross-attention maps", "value inputs"))
    everything = lessons.plot_two_runs(pictures, 20, PROMPTS)
    assert arrows_of(everything, "tau_u") == 20 and arrows_of(everything, "blend") == 16


@pytest.mark.parametrize(
    "lit, pictures, reason",
    [
        ({"tau_x": 0.5}, 2, "must be one of 'tau_v'"),
        ({"tau_c": 1.5}, 2, "tau_c must be"),
        ({}, 1, "pictures of two latents"),
    ],
)
def test_two_runs_refuse_what_they_cannot_draw(lit, pictures, reason, picture) -> None:
    with pytest.raises(ValueError, match=reason):
        lessons.plot_two_runs({i: (picture, picture) for i in range(pictures)}, 1, PROMPTS, lit)


@pytest.mark.parametrize("network", ["embedded", "pipe"])
def test_a_unet_is_drawn_with_every_attention_layer_that_it_has(network, request) -> None:
    unet = request.getfixturevalue(network).unet
    ax = lessons.plot_unet(unet, (16, 16), marked=[next(iter(attention_layers(unet)))])
    drawn = [box.get_gid() for box in ax.patches if box.get_gid()]
    for kind in ("cross", "self"):
        ending = {"cross": "attn2", "self": "attn1"}[kind]
        assert [name for name in drawn if name.endswith(ending)] == list(attention_layers(unet, kind))
    assert drawn.index("mid_block.resnets.0") < drawn.index("mid_block.resnets.1")
    assert sum("resnets" in name for name in drawn) == sum(
        type(module).__name__ == "ResnetBlock2D" for module in unet.modules()
    )
    with pytest.raises(ValueError, match="no layer 'attn'"):
        lessons.plot_unet(unet, (16, 16), marked=["attn"])


# --- the slider -------------------------------------------------------------------------------------


def data_of(html: str) -> dict:
    return json.loads(re.search(r"data = (\{.*\});\n", html).group(1))


def test_a_slider_over_pictures(picture) -> None:
    other = Image.new("RGB", picture.size, "red")
    frames = {"i = 0": {"z": picture, "own": other}, "i = 1": {"z": other, "own": other}}
    figure = lessons.scrub(frames, name="step i")
    html = figure._repr_html_()
    data = data_of(html)
    assert len(data["pictures"]) == 2  # what stays is stored once
    assert [frame["pictures"] for frame in data["frames"][""]] == [[0, 1], [1, 1]]
    assert [frame["label"] for frame in data["frames"][""]] == ["i = 0", "i = 1"]
    assert html == lessons.scrub(frames, name="step i")._repr_html_()
    assert html.count('data-lm-suppress-shortcuts="true"') == 2 and ">step i </label>" in html
    assert repr(figure) == "2 pictures behind a slider (step i)"


def test_buttons_and_layers(picture) -> None:
    layers = {
        (word, str(i)): {"map": lessons.map_layer(torch.rand(4, 4), 1.0), "picture": picture}
        for word in ("car", "the")
        for i in range(3)
    }
    html = lessons.scrub(layers, choice="word", under=lessons.grey(picture), start=1)._repr_html_()
    data = data_of(html)
    assert list(data["frames"]) == ["car", "the"] and data["choice"] == "car"
    assert len(data["pictures"]) == 7 and html.count('type="radio"') == 2 and html.count(" checked") == 1
    assert 'role="radiogroup" aria-label="word"' in html
    assert pictures_in(html)[1].size == (4, 4) and pictures_in(html)[1].mode == "RGBA"


def test_labels_cannot_end_the_script(picture) -> None:
    html = lessons.scrub({"</script><b>": picture, "2": picture})._repr_html_()
    assert html.count("</script>") == 1


def test_a_start_that_is_not_there(picture) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        lessons.scrub({"a": picture, "b": picture}, start=2)


def test_an_interval_that_holds_the_compared_number_is_drawn_empty() -> None:
    given = {"ahead": (2.0, 1.0, 3.0), "unsure": (0.5, -1.0, 2.0), "few": (1.0, float("nan"), float("nan"))}
    ax = lessons.plot_intervals(given, at=0, title="a title")
    assert [label.get_text() for label in ax.get_yticklabels()] == list(given)
    bars, dots = ax.lines[1::2], ax.lines[2::2]
    assert [list(bar.get_xdata()) for bar in bars[:2]] == [[1.0, 3.0], [-1.0, 2.0]]
    assert [dot.get_xdata()[0] for dot in dots] == [2.0, 0.5, 1.0]
    assert [dot.get_markerfacecolor() == "white" for dot in dots] == [False, True, True]
    bottom, top = ax.get_ylim()
    assert bottom > top  # the first name is on top
    for wrong in ({}, {"two": (1.0, 2.0)}):
        with pytest.raises(ValueError, match="at least one interval, each as"):
            lessons.plot_intervals(wrong)
