"""A regular grammar of short reviews: it writes the corpus, and knows whether a text is a sentence.

    the hotel | was not very good and we really loved it .
    our train | seemed extremely sad and the staff was nice .

An opening (the prompt) is a determiner and a noun. Words of a class follow Zipf's law in an order of their
own, so that most are rare, as in any language.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from sandbox.api.types import Array
from sandbox_language.words import ADJECTIVES, DEGREES, DETERMINERS, LINKS, NOUNS, VERBS, WHO

CLASSES: dict[str, tuple[str, ...]] = {
    "determiner": DETERMINERS, "noun": NOUNS, "who": WHO, "link": LINKS, "degree": DEGREES,
    "adjective": ADJECTIVES, "verb": VERBS, "not": ("not",), "and": ("and",), "it": ("it",), ".": (".",),
}  # fmt: skip

OPENING = ("determiner", "noun")

START, END = "subject", "end"

_CLAUSE = {
    "subject": (("link", "linked", 1.0),),
    "linked": (("not", "denied", 0.15), ("degree", "graded", 0.35), ("adjective", "said", 0.5)),
    "denied": (("degree", "graded", 0.3), ("adjective", "said", 0.7)),
    "graded": (("adjective", "said", 1.0),),
}

RULES: dict[str, tuple[tuple[str, str, float], ...]] = {
    **_CLAUSE,
    "said": ((".", END, 0.4), ("and", "joined", 0.6)),
    "joined": (("determiner", "second noun", 0.5), ("who", "acting", 0.5)),
    "second noun": (("noun", "second subject", 1.0),),
    **{f"second {state}": tuple((name, f"second {then}", share) for name, then, share in rules)
       for state, rules in _CLAUSE.items()},
    "second said": ((".", END, 1.0),),
    "acting": (("degree", "graded act", 0.3), ("verb", "acted", 0.7)),
    "graded act": (("verb", "acted", 1.0),),
    "acted": (("it", "second said", 1.0),),
}  # fmt: skip
"""By state: classes of the next word, the state after it, and how often."""

ZIPF_OFFSET = 5.0
"""The word of rank k = 0, 1, … is drawn with a weight of 1 / (k + offset)."""


@cache
def shares(name: str) -> Array:
    """How often each word of a class is drawn, shape ``(words,)``; the order of ranks is fixed."""
    count = len(CLASSES[name])
    rank = np.random.default_rng([17, count]).permutation(count)
    weight = 1.0 / (rank + ZIPF_OFFSET)
    return np.asarray(weight / weight.sum())


def draw_opening(rng: np.random.Generator) -> list[str]:
    """A prompt of two words."""
    return [_word(name, rng) for name in OPENING]


def draw_sentence(rng: np.random.Generator) -> list[str]:
    """A sentence, its opening included."""
    words, state = draw_opening(rng), START
    while state != END:
        rules = RULES[state]
        name, state, _ = rules[rng.choice(len(rules), p=[share for *_, share in rules])]
        words.append(_word(name, rng))
    return words


def is_sentence(words: Sequence[str]) -> bool:
    """Whether words, opening included, are a sentence of the grammar."""
    if len(words) < len(OPENING):
        return False
    if any(word not in CLASSES[name] for word, name in zip(words, OPENING, strict=False)):
        return False
    state = START
    for word in words[len(OPENING) :]:
        following = [then for name, then, _ in RULES.get(state, ()) if word in CLASSES[name]]
        if not following:
            return False
        state = following[0]
    return state == END


def _word(name: str, rng: np.random.Generator) -> str:
    words = CLASSES[name]
    return words[int(rng.choice(len(words), p=shares(name)))]
