"""Prompts: words, tokens and embeddings, and the alignment of two prompts."""

from __future__ import annotations

import difflib
import re
import threading
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal
from weakref import WeakKeyDictionary

import torch
from diffusers import StableDiffusionPipeline
from transformers import BatchEncoding, CLIPTokenizer

from styledit import validation
from styledit.storage.loading import read_table, table_is_damaged

_PIECE = re.compile(r"\w+(?:'\w+)?|[^\w\s]+")  # a word, or a run of punctuation

SLOTS = ("style", "size", "colour", "thing", "place")

_tokenizers: WeakKeyDictionary[CLIPTokenizer, CLIPTokenizer] = WeakKeyDictionary()
_tokenizing = threading.Lock()


@dataclass(frozen=True)
class Word:
    """A word of a prompt and where its tokens stand in the padded sequence (0 is the start token)."""

    text: str
    positions: tuple[int, ...]


@dataclass(frozen=True)
class Alignment:
    """How the words of two prompts correspond (Prompt-to-Prompt, section 3 of 2208.01626).

    `mapper` (N_src, N_tgt) sends a source map to target tokens, A_src @ mapper; `mask` (N_tgt,) is 1
    where a target token has a source, 0 where it is new and keeps its own map.
    """

    kind: Literal["replace", "refine"]
    mapper: torch.Tensor
    mask: torch.Tensor


def encode_prompt(pipe: StableDiffusionPipeline, prompt: str) -> torch.Tensor:
    """The prompt's embedding c: the text encoder's last hidden state, (1, N, d).

    Raises:
        TypeError: `pipe` is no pipeline, or the prompt no string.
        ValueError: it is empty, longer than the tokenizer takes, or has a word the model cannot know.
    """
    split_words(pipe, prompt)
    return _encode(pipe, _without_full_stop(pipe, prompt))


def encode_null(pipe: StableDiffusionPipeline) -> torch.Tensor:
    """The embedding of the empty prompt, (1, N, d).

    Raises:
        TypeError: `pipe` is no pipeline.
    """
    validation.pipeline(pipe, needs_ddim=False)
    return _encode(pipe, "")


def known_words(pipe: StableDiffusionPipeline) -> frozenset[str]:
    """The words of the model's world, from `words.json` in its folder; empty where it has no such list.

    Raises:
        TypeError: `pipe` is no pipeline.
        ValueError: the list is damaged.
    """
    validation.pipeline(pipe, needs_ddim=False)
    return _read_words(pipe.name_or_path)


def prompt_slots(pipe: StableDiffusionPipeline) -> dict[str, tuple[str, ...]]:
    """What can stand in each slot of the prompts that the model was trained on, such as "STYLE a SIZE COLOUR
    THING PLACE": phrases for "style" and "place", words for "size", "colour" and "thing"; from `slots.json`
    in its folder, empty where it has none.

    Raises:
        TypeError: `pipe` is no pipeline.
        ValueError: the file is damaged.
    """
    validation.pipeline(pipe, needs_ddim=False)
    return dict(_read_slots(pipe.name_or_path))


def split_words(pipe: StableDiffusionPipeline, prompt: str) -> tuple[Word, ...]:
    """Check a prompt and split it into words with their token positions. Raises as `encode_prompt`."""
    validation.pipeline(pipe, needs_ddim=False)
    validation.text("The prompt", prompt)
    prompt = _without_full_stop(pipe, prompt)
    texts = _PIECE.findall(prompt.lower())
    if not texts:
        raise ValueError("The prompt is empty; describe the picture in words.")
    _check_vocabulary(pipe, texts)
    words, spelled, start = [], [], 1
    for text in texts:
        ids = _tokens(pipe, text, add_special_tokens=False).input_ids
        if pipe.tokenizer.unk_token_id in ids:
            raise ValueError(f"The model's tokenizer cannot spell {text!r}; use other words.")
        words.append(Word(text, tuple(range(start, start + len(ids)))))
        spelled += ids
        start += len(ids)
    room = pipe.tokenizer.model_max_length - 2  # the start and the end token
    if start - 1 > room:
        raise ValueError(
            f"The prompt has {start - 1} tokens and the model takes {room}; shorten it: {prompt!r}."
        )
    if _tokens(pipe, prompt, add_special_tokens=False).input_ids != spelled:
        raise ValueError(f"The prompt {prompt!r} cannot be split into words; remove unusual signs.")
    return tuple(words)


def word_tokens(pipe: StableDiffusionPipeline, prompt: str, word: str) -> list[int]:
    """Positions of a word's tokens in the padded sequence, every occurrence; `word` may be several words.

    Raises:
        TypeError: the word is no string, or as `encode_prompt`.
        ValueError: the word is not in the prompt (the message says which words are), or as `encode_prompt`.
    """
    return find_word(split_words(pipe, prompt), word)


def find_word(words: tuple[Word, ...], word: str) -> list[int]:
    """As `word_tokens`, for a prompt that has been split."""
    validation.text("A word", word)
    wanted = _PIECE.findall(word.lower())
    texts = [entry.text for entry in words]
    found: list[int] = []
    for start in range(len(texts) - len(wanted) + 1):
        if wanted and texts[start : start + len(wanted)] == wanted:
            found += [p for entry in words[start : start + len(wanted)] for p in entry.positions]
    if not found:
        raise ValueError(f"{word!r} is not in the prompt; its words are: {', '.join(dict.fromkeys(texts))}.")
    return sorted(set(found))


def positions_of(words: tuple[Word, ...], word: str) -> list[int]:
    """As `find_word`; empty where the prompt does not have the word."""
    try:
        return find_word(words, word)
    except ValueError:
        return []


def align(pipe: StableDiffusionPipeline, source: str, target: str) -> Alignment:
    """Align two prompts, as Prompt-to-Prompt does.

    The same number of words: "replace", word by word; the map of a source word is shared out among
    the tokens of its target word. Otherwise "refine": the token sequences are aligned globally
    (Needleman–Wunsch: match 1, mismatch -1, gap 0), and unmatched target tokens keep their own maps.
    """
    source_words, target_words = split_words(pipe, source), split_words(pipe, target)
    length = pipe.tokenizer.model_max_length
    if len(source_words) == len(target_words):
        mapper, mask = _align_by_word(source_words, target_words, length)
        return Alignment("replace", mapper, mask)
    mapper, mask = _align_globally(_token_ids(pipe, source), _token_ids(pipe, target), length)
    return Alignment("refine", mapper, mask)


def _token_ids(pipe: StableDiffusionPipeline, prompt: str) -> list[int]:
    """The tokens of a prompt, without start and end."""
    return _tokens(pipe, _without_full_stop(pipe, prompt), add_special_tokens=False).input_ids


def _tokens(pipe: StableDiffusionPipeline, text: str, **options: Any) -> BatchEncoding:
    """What the pipeline's tokenizer makes of a text.

    A tokenizer that is called keeps the call's padding and truncation for a moment, also for other threads.
    So this is a copy of it, used by one thread at a time; the pipeline's own is left to the stock calls.
    """
    shared = pipe.tokenizer
    with _tokenizing:
        own = _tokenizers.get(shared)
        if own is None or len(own) != len(shared):  # tokens may be added to it
            own = deepcopy(shared)
            _tokenizers[shared] = own
        return own(text, **options)


def kept_words(source: tuple[Word, ...], target: tuple[Word, ...]) -> dict[int, int]:
    """{index of a target word: index of the same word in the source},
    along the longest common sequence of words.
    """
    matches = _matches([word.text for word in source], [word.text for word in target])
    return {j: i for i, j in matches}


def _align_by_word(
    source: tuple[Word, ...], target: tuple[Word, ...], length: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Each source column is shared out over its target word; the tail (end and padding) follows in order."""
    mapper = torch.zeros(length, length)
    mapper[0, 0] = 1
    for old, new in zip(source, target, strict=True):
        if len(old.positions) == len(new.positions):
            mapper[list(old.positions), list(new.positions)] = 1
        else:
            for position in old.positions:
                mapper[position, list(new.positions)] = 1 / len(new.positions)
    _map_tail(mapper, source[-1].positions[-1] + 1, target[-1].positions[-1] + 1)
    return mapper, torch.ones(length)


def _align_globally(source: list[int], target: list[int], length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Columns of matched target tokens are one-hot; new tokens have an empty column and mask 0."""
    mapper = torch.zeros(length, length)
    mapper[0, 0] = 1
    for i, j in _matches(source, target):
        mapper[i + 1, j + 1] = 1
    _map_tail(mapper, len(source) + 1, len(target) + 1)
    return mapper, mapper.sum(0).clamp(max=1)


def _matches(source: Sequence[object], target: Sequence[object]) -> list[tuple[int, int]]:
    """Index pairs of equal entries on the best global path (Needleman–Wunsch)."""
    score = [[0] * (len(target) + 1) for _ in range(len(source) + 1)]
    for i, old in enumerate(source, 1):
        for j, new in enumerate(target, 1):
            step = score[i - 1][j - 1] + (1 if old == new else -1)
            score[i][j] = max(step, score[i - 1][j], score[i][j - 1])
    pairs, i, j = [], len(source), len(target)
    while i and j:
        if source[i - 1] == target[j - 1] and score[i][j] == score[i - 1][j - 1] + 1:
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif score[i][j] == score[i - 1][j]:
            i -= 1
        elif score[i][j] == score[i][j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
    return pairs[::-1]


def _map_tail(mapper: torch.Tensor, source_start: int, target_start: int) -> None:
    """End and padding tokens in order; a longer source tail is gathered in the last target column."""
    last = mapper.shape[1] - 1
    for offset, row in enumerate(range(source_start, mapper.shape[0])):
        mapper[row, min(target_start + offset, last)] = 1


def _encode(pipe: StableDiffusionPipeline, prompt: str) -> torch.Tensor:
    """Embedding without checks, as the stock pipeline computes it."""
    tokens = _tokens(
        pipe,
        prompt,
        padding="max_length",
        max_length=pipe.tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    )
    masked = getattr(pipe.text_encoder.config, "use_attention_mask", False)
    device = pipe.text_encoder.device
    with torch.no_grad():
        return pipe.text_encoder(
            tokens.input_ids.to(device), attention_mask=tokens.attention_mask.to(device) if masked else None
        )[0]


def _without_full_stop(pipe: StableDiffusionPipeline, prompt: str) -> str:
    """A model with a word list knows no signs, and a sentence may still end."""
    return prompt.rstrip().removesuffix(".") if known_words(pipe) else prompt


def _check_vocabulary(pipe: StableDiffusionPipeline, texts: list[str]) -> None:
    """Refuse words that are outside the model's list, each of them by name, and signs."""
    known = known_words(pipe)
    if not known:
        return
    unknown = {text: _instead(pipe, texts, k) for k, text in enumerate(texts) if text not in known}
    for text in unknown:
        if not text[0].isalnum():
            raise ValueError(f"The embedded model knows words and no signs; leave out {text!r}.")
    if len(unknown) == 1:
        ((text, advice),) = unknown.items()
        raise ValueError(f"The word {text!r} is outside the embedded model's vocabulary; {advice}.")
    if unknown:
        by_advice = {
            advice: ", ".join(repr(text) for text in unknown if unknown[text] == advice)
            for advice in unknown.values()
        }
        advices = "; ".join(f"for {names} {advice}" for advice, names in by_advice.items())
        names = ", ".join(map(repr, unknown))
        raise ValueError(f"The words {names} are outside the embedded model's vocabulary; {advices}.")


def _instead(pipe: StableDiffusionPipeline, texts: list[str], k: int) -> str:
    """Words that may stand in the place of an unknown k-th one: spelled like it, or of its kind."""
    known = known_words(pipe)
    near = difflib.get_close_matches(texts[k], known, n=3, cutoff=0.75)
    if near:
        return f"near words: {', '.join(near)}"
    kinds = prompt_slots(pipe)
    if not kinds:
        return f"for example: {', '.join(sorted(known)[:8])}"
    return f"of its kind it knows: {', '.join(kinds[_kind_of_place(kinds, texts, k)])}"


def _kind_of_place(kinds: dict[str, tuple[str, ...]], texts: list[str], k: int) -> str:
    """What stands at a place of "STYLE of a SIZE COLOUR THING PLACE"."""
    if "of" in texts[k + 1 :]:
        return "style"
    before = texts[max(0, k - 2) : k]
    if (before and before[-1] in ("in", "on")) or before[:1] in (["in"], ["on"]):
        return "place"
    after = texts[k + 1] if k + 1 < len(texts) else "in"
    if after in ("in", "on", "and"):
        return "thing"
    return "size" if after in kinds["colour"] else "colour"


@lru_cache(maxsize=8)
def _read_slots(folder: str | None) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The slots of a local model folder."""
    slots = read_table(folder, "slots.json")
    if slots is None:
        return ()
    if not isinstance(slots, dict) or tuple(slots) != SLOTS or not all(map(_are_words, slots.values())):
        raise table_is_damaged(folder, "slots.json", "other slots")
    return tuple((name, tuple(map(str.lower, phrases))) for name, phrases in slots.items())


@lru_cache(maxsize=8)
def _read_words(folder: str | None) -> frozenset[str]:
    """The word list of a local model folder."""
    words = read_table(folder, "words.json")
    if words is None:
        return frozenset()
    if not _are_words(words):
        raise table_is_damaged(folder, "words.json", "it holds no list of words")
    return frozenset(words)


def _are_words(value: object) -> bool:
    """Whether a JSON value is a list of words or phrases."""
    return isinstance(value, list) and bool(value) and all(isinstance(word, str) and word for word in value)
