"""The tour: what it names is there. Its run takes half a minute and is left to `make tour`."""

from __future__ import annotations

import pytest

import styledit
from styledit.commands import tour


@pytest.mark.parametrize("target", tour.EDITS.values(), ids=tour.EDITS.keys())
def test_the_model_knows_every_word_of_a_target(embedded, target):
    known = styledit.known_words(embedded)
    assert known and set(target.split()) <= set(known)


def test_its_picture_is_there_and_the_model_knows_its_caption(embedded):
    picture, caption, _ = tour.lesson_picture(embedded, tour.PICTURE)
    assert picture.size == styledit.picture_size(embedded)
    assert set(caption.split()) <= set(styledit.known_words(embedded))
