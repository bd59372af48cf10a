"""Pairs of texts of which people prefer one: made of VADER's ratings, or read from a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sandbox.api import BrokenFileError
from sandbox.api.files import read_regular
from sandbox_language.grammar import OPENING, draw_sentence
from sandbox_language.ratings import HELD_OUT, TRAINING, rating

MAX_BYTES = 256 * 2**20
KEYS = ("prompt", "chosen", "rejected")


@dataclass(frozen=True)
class Comparison:
    """Two ways to go on from a prompt, of which somebody preferred one."""

    prompt: str
    chosen: str
    rejected: str


@dataclass(frozen=True)
class Pairs:
    """Comparisons as windows of tokens.

    Attributes:
        chosen: Prompt and text, shape ``(m, W)``.
        rejected: The same, shape ``(m, W)``.
        starts: Tokens of the prompt, shape ``(m,)``.
    """

    chosen: NDArray[np.int64]
    rejected: NDArray[np.int64]
    starts: NDArray[np.int64]


def rated_comparisons(count: int, seed: int, held_out: bool = False) -> list[Comparison]:
    """Pairs of sentences with the same opening, compared by one rating of each of their words.

    A comparison takes one of the five ratings of every word that are meant for training (or one of the five
    that are held out), so that people disagree about as much as they did. Pairs that are rated alike are
    drawn again.
    """
    rng = np.random.default_rng([seed, int(held_out)])
    raters = HELD_OUT if held_out else TRAINING
    pairs: list[Comparison] = []
    while len(pairs) < count:
        first, second = draw_sentence(rng), draw_sentence(rng)
        second = first[: len(OPENING)] + second[len(OPENING) :]
        rater = int(rng.choice(raters))
        values = rating(first, [rater]), rating(second, [rater])
        if values[0] != values[1]:
            better, worse = (first, second) if values[0] > values[1] else (second, first)
            pairs.append(Comparison(*(" ".join(words) for words in _split(better, worse))))
    return pairs


def _split(better: list[str], worse: list[str]) -> Iterator[list[str]]:
    size = len(OPENING)
    yield from (better[:size], better[size:], worse[size:])


def read_comparisons(path: Path) -> list[Comparison]:
    """Comparisons from a file of JSON lines.

    Raises:
        BrokenFileError: Names the line that is none.
    """
    try:
        lines = read_regular(path, MAX_BYTES).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BrokenFileError(path, f"cannot be read: {error}") from error
    pairs = [_comparison(path, number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if len(pairs) < 4:
        raise BrokenFileError(path, f"holds {len(pairs)} comparisons; at least 4 are needed")
    return pairs


def _comparison(path: Path, number: int, line: str) -> Comparison:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BrokenFileError(path, f"it is no JSON: {error}", number) from error
    values = [content.get(key) for key in KEYS] if isinstance(content, dict) else [None]
    if not all(isinstance(value, str) for value in values) or not (values[1] and values[2]):
        reason = "it needs the texts prompt, chosen and rejected, the last two not empty"
        raise BrokenFileError(path, reason, number)
    return Comparison(*(str(value) for value in values))
