"""What people think of words, and of sentences made of them.

VADER's lexicon (Hutto & Gilbert 2014; MIT licence) holds ten ratings a word, from −4 (extremely negative) to
4, by people who were checked for care. A sentence is rated by VADER's rules, which were found by asking
people as well: a word of degree moves the word after it by 0.293 (a second and third word on by 95 and 90 %
of it), and a negation within three words before turns it into −0.74 of its value. What is reported is the
mean over the rated words; VADER sums them and squeezes the sum.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from sandbox.api import MissingExtraError
from sandbox.api.types import Array
from sandbox_language.words import ADJECTIVES, NEGATIONS, VERBS

TRAINING = (0, 1, 2, 3, 4)
"""Ratings that preferences are made of."""

HELD_OUT = (5, 6, 7, 8, 9)
"""Ratings that the true reward is made of; no reward model sees them."""

STEP = 0.293
"""VADER's B_INCR: what a word of degree adds."""

TURNED = -0.74
"""VADER's N_SCALAR: what a negation multiplies with."""

DAMPING = (1.0, 0.95, 0.9)
"""Of a word of degree one, two and three words before."""

INTENSITY = {"very": 1, "really": 1, "extremely": 1, "incredibly": 1, "slightly": -1, "somewhat": -1}


@cache
def ratings() -> dict[str, Array]:
    """Ten ratings, shape ``(10,)``, of every adjective and verb of the corpus.

    Raises:
        MissingExtraError: Without vaderSentiment's wheel, whose file is read (none of its code is run).
    """
    spec = importlib.util.find_spec("vaderSentiment")
    if spec is None or spec.origin is None:
        raise MissingExtraError("The words' ratings", ["vaderSentiment"], "language")
    wanted = {*ADJECTIVES, *VERBS}
    lexicon = Path(spec.origin).parent / "vader_lexicon.txt"
    table: dict[str, Array] = {}
    for line in lexicon.read_text(encoding="utf-8").splitlines():
        word, *_, column = line.split("\t")
        if word in wanted:
            table[word] = np.array(json.loads(column), float)
    return table


def word_rating(word: str, raters: Sequence[int]) -> float | None:
    """Mean rating of a word by some raters; None for words that have none."""
    given = ratings().get(word)
    return None if given is None else float(given[list(raters)].mean())


def valences(words: Sequence[str], raters: Sequence[int]) -> list[float]:
    """VADER's values of the rated words of a text, in order."""
    table = ratings()
    values = []
    for place, word in enumerate(words):
        value = word_rating(word, raters)
        if value is None:
            continue
        for distance, damping in enumerate(DAMPING, start=1):
            before = words[place - distance] if place >= distance else ""
            if before in table:
                continue
            value += np.sign(value) * INTENSITY.get(before, 0) * STEP * damping
            if before in NEGATIONS:
                value *= TURNED
        values.append(float(value))
    return values


def rating(words: Sequence[str], raters: Sequence[int]) -> float:
    """How positive a text is, −4 to 4 (a little more with words of degree): the mean of `valences`, or 0."""
    values = valences(words, raters)
    return float(np.mean(values)) if values else 0.0
