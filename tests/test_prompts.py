"""Words, tokens, alignment, and the errors of prompts."""

from __future__ import annotations

import json

import pytest
import torch

import styledit
from conftest import WORDS, make_pipeline
from styledit.prompts import known_words, prompt_slots


@pytest.fixture
def known(tokenizer, tmp_path):
    """A pipeline saved in a folder with a word list, as the embedded model is."""
    pipe = make_pipeline(tokenizer)
    pipe.save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "words.json").write_text(json.dumps(sorted(WORDS)))
    return styledit.load(tmp_path / "model")


def test_embeddings_are_the_stock_pipelines(pipe):
    c, null = pipe.encode_prompt("a red car", "cpu", 1, True)
    assert torch.equal(styledit.encode_prompt(pipe, "a red car"), c)
    assert torch.equal(styledit.encode_null(pipe), null)


def test_word_tokens(pipe):
    zebra = styledit.word_tokens(pipe, "a red zebra a red", "zebra")
    assert zebra == [3, 4, 5, 6, 7]  # spelled by letters
    assert styledit.word_tokens(pipe, "a red zebra a red", "Red") == [2, 9]
    assert styledit.word_tokens(pipe, "a red car", "red car") == [2, 3]
    with pytest.raises(ValueError, match="'car red' is not in the prompt; its words are: a, red, car"):
        styledit.word_tokens(pipe, "a red car", "car red")


@pytest.mark.parametrize("prompt", ["", "   ", "\n"])
def test_empty_prompt(pipe, prompt):
    with pytest.raises(ValueError, match="The prompt is empty"):
        styledit.encode_prompt(pipe, prompt)


def test_prompt_of_another_type(pipe):
    with pytest.raises(TypeError, match=r"The prompt must be a string, not .'a car'"):
        styledit.encode_prompt(pipe, ["a car"])


def test_long_prompt_is_refused_not_cut(pipe):
    styledit.encode_prompt(pipe, " ".join(["car"] * 10))
    with pytest.raises(ValueError, match="has 11 tokens and the model takes 10"):
        styledit.encode_prompt(pipe, " ".join(["car"] * 11))


def test_signs_that_cannot_be_spelled(pipe):
    with pytest.raises(ValueError, match="cannot spell '猫'"):
        styledit.encode_prompt(pipe, "a 猫 in the snow")


def test_word_outside_the_world(known):
    assert styledit.known_words(known) == frozenset(WORDS)
    assert styledit.encode_prompt(known, "A red CAR").shape == (1, 12, 16)
    with pytest.raises(
        ValueError, match="'foxes' is outside the embedded model's vocabulary; near words: fox"
    ):
        styledit.encode_prompt(known, "a red foxes")
    with pytest.raises(ValueError, match=r"'zzzz' is outside .* for example: a, beach"):
        styledit.encode_prompt(known, "a zzzz")


def test_signs_in_the_world(known):
    assert torch.equal(
        styledit.encode_prompt(known, "A red car. "), styledit.encode_prompt(known, "a red car")
    )
    assert styledit.word_tokens(known, "a red car.", "car") == [3]
    assert styledit.align(known, "a car.", "a red car").mask.tolist() == [1, 1, 0] + [1] * 9
    for prompt, sign in (("a red, car", ","), ("a. red car", "."), ("a car..", "."), ("a car!", "!")):
        with pytest.raises(ValueError, match=f"leave out '[{sign}]'"):
            styledit.encode_prompt(known, prompt)
    with pytest.raises(ValueError, match="The prompt is empty"):
        styledit.encode_prompt(known, ".")


def test_other_models_take_any_word(pipe):
    assert styledit.known_words(pipe) == frozenset()
    styledit.encode_prompt(pipe, "a zebra")


def test_align_word_by_word(pipe):
    pair = styledit.align(pipe, "a red car in snow", "a blue cat in snow")
    assert pair.kind == "replace"
    assert torch.equal(pair.mapper, torch.eye(12)) and pair.mask.eq(1).all()


def test_align_words_of_different_length(pipe):
    """'car' is one token (3), 'zebra' five (3 to 7): its map is shared out, later words follow."""
    there = styledit.align(pipe, "a red car in snow", "a red zebra in snow")
    assert there.kind == "replace"
    assert torch.allclose(there.mapper[3, 3:8], torch.full((5,), 0.2)) and there.mapper[
        3
    ].sum() == pytest.approx(1)
    assert there.mapper[4, 8] == there.mapper[5, 9] == there.mapper[6, 10] == 1
    back = styledit.align(pipe, "a red zebra in snow", "a red car in snow")
    assert back.mapper[3:8, 3].eq(1).all() and back.mapper[8, 4] == 1
    for pair in (there, back):  # maps stay probabilities: no attention is lost or made
        assert torch.allclose(pair.mapper.sum(1), torch.ones(12))


def test_align_new_words(pipe):
    pair = styledit.align(pipe, "a car in snow", "a red car in the snow")
    assert pair.kind == "refine"
    assert pair.mask.tolist() == [1, 1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1]
    source_of = {1: 1, 3: 2, 4: 3, 6: 4, 7: 5, 8: 6}  # target -> source; 7 and 8 are end and padding
    for target, source in source_of.items():
        assert pair.mapper[source, target] == 1
    assert pair.mapper[:, 2].sum() == pair.mapper[:, 5].sum() == 0


def test_align_removed_words(pipe):
    pair = styledit.align(pipe, "a red car in the snow", "a car in snow")
    assert pair.mask[:5].eq(1).all()
    assert [int(pair.mapper[:, j].argmax()) for j in range(6)] == [0, 1, 3, 4, 6, 7]


def test_a_word_or_a_prompt_that_cannot_be(pipe):
    with pytest.raises(TypeError, match="A word must be a string, not 3"):
        styledit.word_tokens(pipe, "a red car", 3)
    for call in (
        lambda prompt: styledit.encode_prompt(pipe, prompt),
        lambda prompt: styledit.align(pipe, "a car", prompt),
    ):
        with pytest.raises(ValueError, match="The prompt has half a character"):
            call("a \ud83d car")
    with pytest.raises(TypeError, match="pipe must be a pipeline"):
        styledit.encode_prompt("a car", pipe)
    for call in (styledit.encode_null, styledit.known_words):
        with pytest.raises(TypeError, match="pipe must be a pipeline"):
            call(None)


@pytest.mark.parametrize("content", ["", "{}", "[1]", "[]", "[" * 100000, '["a", ""]', "\xff"])
def test_a_damaged_word_list(tokenizer, tmp_path, content):
    pipe = make_pipeline(tokenizer)
    pipe.register_to_config(_name_or_path=str(tmp_path))
    (tmp_path / "words.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(ValueError, match=r"words.json' is damaged \(.*\); get that file again, or remove it"):
        styledit.encode_prompt(pipe, "a red car")


@pytest.mark.parametrize("name", ["words.json", "slots.json"])
def test_a_folder_in_the_place_of_a_table(tokenizer, tmp_path, name):
    pipe = make_pipeline(tokenizer)
    pipe.register_to_config(_name_or_path=str(tmp_path))
    (tmp_path / name).mkdir()
    with pytest.raises(ValueError, match=f"{name}' is damaged .*Is a directory"):
        known_words(pipe) if name == "words.json" else prompt_slots(pipe)
