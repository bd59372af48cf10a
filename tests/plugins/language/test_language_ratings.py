"""What people think of words and sentences, against VADER's own code and numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sandbox_language.grammar import CLASSES, draw_sentence, is_sentence, shares
from sandbox_language.preferences import rated_comparisons
from sandbox_language.ratings import HELD_OUT, TRAINING, rating, ratings, valences, word_rating
from sandbox_language.words import ADJECTIVES, VERBS, WORDS

ALL = range(10)


def words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


def test_every_adjective_and_verb_has_ten_ratings_and_no_other_word_has() -> None:
    assert set(ratings()) == {*ADJECTIVES, *VERBS}
    assert {len(given) for given in ratings().values()} == {10}
    assert len(set(WORDS)) == len(WORDS)
    assert not {*HELD_OUT} & {*TRAINING}


def test_a_words_rating_is_the_mean_of_the_lexicon() -> None:
    # vader_lexicon.txt: great 3.1 [2, 4, 4, 4, 3, 2, 4, 2, 3, 3]
    assert word_rating("great", ALL) == pytest.approx(3.1)
    assert word_rating("great", TRAINING) == pytest.approx(3.4)
    assert word_rating("great", HELD_OUT) == pytest.approx(2.8)
    assert word_rating("hotel", ALL) is None


def test_degrees_and_negations_move_ratings_as_vader_has_it() -> None:
    assert valences(words("the hotel was great ."), ALL) == pytest.approx([3.1])
    assert valences(words("the hotel was very great ."), ALL) == pytest.approx([3.1 + 0.293])
    assert valences(words("the hotel was slightly great ."), ALL) == pytest.approx([3.1 - 0.293])
    assert valences(words("the hotel was not great ."), ALL) == pytest.approx([-0.74 * 3.1])
    assert valences(words("the hotel was not very great ."), ALL) == pytest.approx([-0.74 * 3.393])
    assert rating(words("the hotel was great and we hated it ."), ALL) == pytest.approx((3.1 - 3.2) / 2)
    assert rating(words("the hotel ."), ALL) == 0.0


def test_sentences_are_rated_as_by_vaders_own_code() -> None:
    analyser = pytest.importorskip("vaderSentiment.vaderSentiment").SentimentIntensityAnalyzer()
    rng = np.random.default_rng(0)
    for _ in range(300):
        drawn = draw_sentence(rng)
        total = sum(valences(drawn, ALL))
        squeezed = total / np.sqrt(total**2 + 15)
        # The lexicon's means are rounded to one digit.
        assert analyser.polarity_scores(" ".join(drawn))["compound"] == pytest.approx(squeezed, abs=2e-3)


def test_what_the_grammar_writes_is_a_sentence_and_no_part_of_it_is() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        drawn = draw_sentence(rng)
        assert is_sentence(drawn)
        assert len(drawn) <= 16
        assert not any(is_sentence(drawn[:count]) for count in range(len(drawn)))
        assert not is_sentence([*drawn, "."])
    assert not is_sentence(words("the hotel was great great ."))
    assert not is_sentence(words("great hotel was nice ."))


def test_words_of_a_class_follow_zipfs_law() -> None:
    share = np.sort(shares("adjective"))[::-1]
    assert share.sum() == pytest.approx(1.0)
    assert share[0] / share[5] == pytest.approx(2.0)  # 1/5 against 1/10
    assert len(share) == len(CLASSES["adjective"])


def test_comparisons_share_a_prompt_and_held_out_ones_are_others() -> None:
    pairs, held_out = rated_comparisons(50, seed=0), rated_comparisons(50, seed=0, held_out=True)
    assert pairs == rated_comparisons(80, seed=0)[:50]
    assert not {*pairs} & {*held_out}
    for pair in pairs:
        assert is_sentence(f"{pair.prompt} {pair.chosen}".split())
        assert is_sentence(f"{pair.prompt} {pair.rejected}".split())
    # People disagree with the mean of the others now and then, but mostly they do not.
    means = [
        rating(f"{pair.prompt} {pair.chosen}".split(), HELD_OUT)
        > rating(f"{pair.prompt} {pair.rejected}".split(), HELD_OUT)
        for pair in rated_comparisons(400, seed=1)
    ]
    assert 0.8 < np.mean(means) < 0.95
