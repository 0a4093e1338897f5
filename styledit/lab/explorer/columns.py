"""The columns of an attention map as people read them: words, and start, end and padding as pseudo words."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from styledit.lab.words import SMALL_WORDS
from styledit.maps import AttentionMaps
from styledit.prompts import Word, kept_words

NAMING = ("thing", "colour", "style")  # slots of a prompt, what is shown first first
SINK = 3  # times the words' median: who takes more rules every scale that it is a part of


@dataclass(frozen=True)
class Column:
    """A word of the prompt, or a pseudo word (start, end, padding), and its token positions."""

    text: str
    kind: Literal["start", "word", "end", "padding"]
    positions: tuple[int, ...]


def columns(maps: AttentionMaps) -> tuple[Column, ...]:
    """The start token, the words, the end token and the padding (summed), in this order.

    Raises:
        ValueError: there is no cross-attention here.
    """
    length = len(maps.token_labels())
    end = 1 + max((position for word in maps.words for position in word.positions), default=0)
    found = [Column("start", "start", (0,))]
    found += [Column(word.text, "word", word.positions) for word in maps.words]
    found.append(Column("end", "end", (end,)))
    if end + 1 < length:
        found.append(Column("padding", "padding", tuple(range(end + 1, length))))
    return tuple(found)


def partners(source: AttentionMaps, target: AttentionMaps) -> list[int | None]:
    """For each of the target's columns the source's column to compare it with, None for a new word.

    Words that both prompts have are kept; between them, as many new words as old ones are replacements.
    """
    pairs = _word_pairs(source.words, target.words)
    ours, theirs = columns(source), columns(target)
    others = {column.kind: k for k, column in enumerate(ours) if column.kind != "word"}
    return [
        (None if (i := pairs.get(j - 1)) is None else i + 1)
        if column.kind == "word"
        else others.get(column.kind)
        for j, column in enumerate(theirs)
    ]


def named_column(words: Sequence[Word], slots: Mapping[str, Sequence[str]]) -> int | None:
    """The column of the word that names what the picture shows: the thing, else its colour or the style; None
    where the model does not say which words do.

    Args:
        slots: those of `styledit.prompts.prompt_slots`.
    """
    for slot in NAMING:
        naming = {word for phrase in slots.get(slot, ()) for word in phrase.split()} - SMALL_WORDS
        for k, word in enumerate(words):
            if word.text in naming:
                return k + 1
    return None


def sinks(means: Sequence[float], kinds: Iterable[str]) -> set[int]:
    """The columns of the words that take nearly everything, whatever the pixel.

    Args:
        means: what each column takes on average; kinds: `Column.kind` of each.
    """
    words = [k for k, kind in enumerate(kinds) if kind == "word"]
    median = statistics.median(means[k] for k in words) if words else 0.0
    return {k for k in words if means[k] > SINK * median}


def _word_pairs(source: tuple[Word, ...], target: tuple[Word, ...]) -> dict[int, int]:
    """{index of a target word: index of its source word}."""
    pairs = kept_words(source, target)
    anchors = [(-1, -1), *sorted((i, j) for j, i in pairs.items()), (len(source), len(target))]
    for (i, j), (next_i, next_j) in itertools.pairwise(anchors):
        if next_i - i == next_j - j:
            pairs |= {j + k: i + k for k in range(1, next_j - j)}
    return pairs
