"""How good texts are, by figures that take no part in the reward."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from sandbox.api.types import Array
from sandbox_language.grammar import is_sentence
from sandbox_language.process import Writing
from sandbox_language.ratings import HELD_OUT, rating


def held_out_ratings(writing: Writing, rows: Array) -> tuple[Array, Array]:
    """Of finished texts: their held-out rating, and whether each is a sentence; both ``(n,)``.

    With a model or preferences of the user's own, ratings are those of a second reward model, fitted to the
    comparisons that the first has not seen, and a sentence is a text that ends by itself.
    """
    if writing.config.ships:
        texts = [writing.text(row).split() for row in rows.tolist()]
        rated = [rating(words, HELD_OUT) for words in texts]
        return np.array(rated), np.array([float(is_sentence(words)) for words in texts])
    from sandbox_language.networks.reward_model import judge_model

    windows = writing.windows[rows]
    last = windows[np.arange(len(rows)), writing.lengths[rows] - 1]
    end = writing.reference.model.end
    ended = (last == (-1 if end is None else end)).astype(float)
    return judge_model(writing.config).values(windows), ended


def measures(writing: Writing, rows: Array) -> dict[str, float]:
    """Means over finished texts; see `sandbox_language.plugin`."""
    rated, sentence = held_out_ratings(writing, rows)
    tokens = writing.lengths[rows] - writing.starts[rows]
    pieces = [writing.windows[row, writing.starts[row] : writing.lengths[row]].tolist() for row in rows]
    # What is no sentence of the corpus is nothing that people have rated, however nice its words.
    true = rated * sentence if writing.config.ships else rated
    return {
        "true_reward": float(true.mean()),
        "rating": float(rated.mean()),
        "score": float(writing.score[rows].mean()),
        "kl": float(writing.kl[rows].mean()),
        "sentences": float(sentence.mean()),
        "perplexity": float(np.exp(min(writing.surprisal[rows].sum() / max(tokens.sum(), 1), 50.0))),
        "distinct_1": distinct(pieces, 1),
        "distinct_2": distinct(pieces, 2),
        "length": float(tokens.mean()),
    }


def distinct(texts: Iterable[Sequence[int]], n: int) -> float:
    """distinct-n (Li et al. 2016): different n-grams of some texts as a share of all of them; 0 if none."""
    grams = [tuple(text[place : place + n]) for text in texts for place in range(len(text) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 0.0
