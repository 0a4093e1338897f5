"""The embedded model: what the lessons promise about it. Floors are below the model report's bars."""

from __future__ import annotations

import json

import numpy as np
import pytest

import styledit
from measure import report
from styledit.storage.data import EMBEDDED_FOLDER

IMAGES = EMBEDDED_FOLDER.parent / "images"
STEPS = 30


@pytest.fixture(scope="module")
def pipe(embedded):
    return embedded


@pytest.fixture(scope="module")
def scene(pipe):
    """The first lesson picture, its caption, and its inversion."""
    entry = json.loads((IMAGES / "metadata.jsonl").read_text().splitlines()[0])
    picture = styledit.read_image(pipe, IMAGES / entry["file_name"])
    return picture, styledit.invert(pipe, picture, entry["text"], STEPS, progress=False)


def test_its_world(pipe):
    words = styledit.known_words(pipe)
    assert {"a", "red", "car", "beach", "sketch"} <= words
    assert styledit.picture_size(pipe) == (128, 128)
    for word in sorted(words):
        assert styledit.encode_prompt(pipe, word).shape == (
            1,
            pipe.tokenizer.model_max_length,
            pipe.unet.config.cross_attention_dim,
        )


def test_a_word_outside_its_world(pipe):
    for prompt, said in {
        "a plain sticker of a red carr on the beach": "'carr' .* near words: .*car",
        "a plain sticker of a bicycle on the beach": "'bicycle' .* of its kind it knows: cat, dog, fox",
        "a plain sticker of a red bicycle": "'bicycle' .* of its kind it knows: cat, dog, fox",
        "a plain sticker of a turquoise car on the beach": "'turquoise' .* knows: red, yellow",
        "a cubist sticker of a car on the beach": "'cubist' .* knows: a plain sticker of, a watercolor",
        "a plain sticker of a car in the kitchen": "'kitchen' .* knows: on the beach, in the meadow",
        "a cubist sticker of a bicycle and a carr in the kitchen": (
            "^The words 'cubist', 'bicycle', 'carr', 'kitchen' are .* for 'cubist' of its kind it knows: "
            "a plain.* for 'bicycle' of its kind .* for 'carr' near words: .*car.* for 'kitchen' of its kind"
        ),
        "a bicycle and a zeppelin": "for 'bicycle', 'zeppelin' of its kind it knows: cat, dog, fox",
    }.items():
        with pytest.raises(ValueError, match=said):
            styledit.encode_prompt(pipe, prompt)


def test_round_trip_and_drift(pipe, scene):
    _, inversion = scene
    best = styledit.decode_latents(pipe, inversion.z_0)[0]
    plain, guided = (
        styledit.psnr(styledit.reconstruct(pipe, inversion, guidance=w, progress=False).image, best)
        for w in (1.0, 7.5)
    )
    assert plain > 30 and guided < plain - 8


@pytest.mark.slow
def test_values_cure_the_drift_and_a_style_edit_changes_the_picture(pipe, scene):
    _, inversion = scene
    best = styledit.decode_latents(pipe, inversion.z_0)[0]
    values = styledit.fit_values(pipe, inversion, preset="fine", progress=False)
    assert (
        styledit.psnr(styledit.reconstruct(pipe, inversion, values=values, progress=False).image, best) > 32
    )
    style, rest = inversion.prompt.split(" of ", 1)
    assert style == "a plain sticker"
    edit = styledit.edit(pipe, inversion, f"a pencil sketch of {rest}", values=values, progress=False)
    assert styledit.psnr(edit.reconstruction, best) > 32
    # a pencil has no colour
    spread = [np.ptp(np.asarray(picture, float), axis=2).mean() for picture in (edit.image, best)]
    assert spread[0] < 0.5 * spread[1]


def test_generation_shows_more_than_noise(pipe):
    """Two seeds of one prompt share its place more than two prompts share theirs."""
    beach, beach_too, night = (
        np.asarray(
            styledit.generate(pipe, f"a plain sticker of a red car {place}", seed=seed, progress=False).image,
            float,
        )
        for place, seed in (("on the beach", 0), ("on the beach", 1), ("in the night", 2))
    )
    colours = [picture.mean((0, 1)) for picture in (beach, beach_too, night)]
    assert np.abs(colours[0] - colours[1]).sum() < np.abs(colours[0] - colours[2]).sum()


@pytest.mark.slow
def test_the_short_report_reaches_its_floors():
    rows = list(report.measure(report.SHORT))
    assert len(rows) > 15
    assert not [row for row in rows if row.floor is not None and row.value < row.floor]
