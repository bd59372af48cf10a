"""The token environment: what a token does, earns, and says of the KL."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from language_support import play, several_env, several_envs, text_env, text_envs, tokens_of

from sandbox.api import InvalidValueError
from sandbox_language.baselines import BestOf, best_of_8, pretrained
from sandbox_language.networks.reward_model import reward_model
from sandbox_language.quality import distinct
from sandbox_language.ratings import HELD_OUT, rating

ENDING = "was great and we loved it . <eos>"


def written(env, text: str, declared: float | None = None):
    """Write a text after the prompt; the sum of rewards and the last step's outcome."""
    total = 0.0
    for token in tokens_of(env, text):
        if declared is not None:
            env.core.declare(np.array([declared]))
        observation, reward, terminated, truncated, info = env.step(token)
        total += reward
    return total, observation, terminated, truncated, info


def test_a_token_is_written_at_the_end_of_the_text() -> None:
    env = text_env()
    first, _ = env.reset(seed=3)
    blank = env.core.process.blank
    assert (first != blank).sum() == 3  # <bos>, a determiner, a noun
    _, second, terminated, truncated, _ = written(env, "was")
    assert second[3] == tokens_of(env, "was")[0]
    assert (second[4:] == blank).all()
    assert (terminated, truncated) == (False, False)


def test_the_last_token_earns_the_reward_models_value_and_the_others_nothing() -> None:
    env = text_env()
    env.reset(seed=0)
    total, observation, terminated, _, info = written(env, ENDING)
    assert terminated
    value = reward_model(env.config).values(observation[None])[0]
    assert total == pytest.approx(value)
    words = env.core.process.text(0).split()
    assert words[2:] == ENDING.split()[:-1]
    assert info["metrics"]["true_reward"] == pytest.approx(rating(words, HELD_OUT))
    assert info["metrics"]["sentences"] == 1.0
    assert info["metrics"]["length"] == 8.0


def test_a_text_that_is_no_sentence_is_worth_nothing_however_nice_its_words() -> None:
    env = text_env()
    env.reset(seed=0)
    *_, info = written(env, "great great great . <eos>")
    assert info["metrics"]["rating"] == pytest.approx(2.8)
    assert info["metrics"]["true_reward"] == 0.0
    assert info["metrics"]["sentences"] == 0.0


def test_a_text_without_end_terminates_after_the_most_tokens() -> None:
    env = text_env(tokens=5)
    env.reset(seed=0)
    _, _, terminated, truncated, info = written(env, "was great and we loved")
    assert (terminated, truncated) == (True, False)
    assert info["metrics"]["sentences"] == 0.0


def test_the_kl_of_who_declares_nothing_is_the_surprisal_of_the_reference() -> None:
    env = text_env("near")
    observation, _ = env.reset(seed=0)
    model = env.core.process.reference.model
    known = 0.0
    for token in tokens_of(env, ENDING):
        known += float(model.next_log_probs(torch.from_numpy(observation[None]))[0, token])
        observation, reward, _, _, info = env.step(token)
    assert info["metrics"]["kl"] == pytest.approx(-known, rel=1e-5)
    assert info["metrics"]["perplexity"] == pytest.approx(math.exp(-known / 8), rel=1e-5)
    assert reward == pytest.approx(info["reward_terms"]["score"] - 0.4 * info["reward_terms"]["kl"])


def test_a_declared_probability_counts_for_the_coming_step_alone() -> None:
    env = text_env()
    env.reset(seed=0)
    token = tokens_of(env, "was")[0]
    env.core.declare(np.array([math.log(0.5)]))
    *_, info = env.step(token)
    env.reset(seed=0)
    *_, silent = env.step(token)
    assert info["reward_terms"]["kl"] == pytest.approx(silent["reward_terms"]["kl"] + math.log(0.5))
    with pytest.raises(InvalidValueError, match="shape"):
        env.core.declare(np.zeros(2))


def test_the_pretrained_model_has_no_divergence_from_itself_and_writes_sentences() -> None:
    envs = several_envs(2, texts=64)
    metrics = play(envs, pretrained(envs))
    assert metrics["kl"] == pytest.approx([0.0, 0.0], abs=1e-5)
    assert metrics["sentences"].mean() > 0.9
    assert abs(metrics["true_reward"].mean()) < 0.6
    # Values are scaled to mean 0 and standard deviation 1 over its texts: 128 of them, four standard errors.
    assert abs(metrics["score"].mean()) < 4 / math.sqrt(128)


def test_the_best_of_eight_earns_more_at_its_known_divergence() -> None:
    envs = several_envs(2, texts=32)
    before, after = play(envs, pretrained(envs)), play(envs, best_of_8(envs))
    # log 8 − 7/8, beside which the chosen texts' ratios are those of the model itself.
    assert after["kl"] == pytest.approx([math.log(8) - 7 / 8] * 2, abs=1e-5)
    assert after["score"].mean() > before["score"].mean() + 0.7
    assert after["true_reward"].mean() > before["true_reward"].mean() + 0.7


def test_the_best_of_one_is_the_model_itself() -> None:
    envs = text_envs(6)
    metrics = play(envs, BestOf(envs, 1))
    assert metrics["kl"] == pytest.approx([0.0] * 6, abs=1e-5)


def test_texts_of_an_episode_share_the_prompt_and_are_measured_together() -> None:
    env = several_env(texts=3)
    observations, _ = env.reset(seed=0)
    seen = list(observations.values())
    assert all((other == seen[0]).all() for other in seen)
    for tokens in zip(
        tokens_of(env, "was great . <eos>"),
        tokens_of(env, "was great . <eos>"),
        tokens_of(env, "felt sad . <eos>"),
        strict=True,
    ):
        *_, infos = env.step(dict(zip(env.possible_agents, tokens, strict=True)))
    metrics = infos["text_0"]["metrics"]
    assert metrics["distinct_1"] == pytest.approx(6 / 12)  # was great . <eos> felt sad
    # "was great", "great .", ". <eos>", "felt sad", "sad ."
    assert metrics["distinct_2"] == pytest.approx(5 / 9)
    assert metrics["sentences"] == 1.0


def test_an_agent_leaves_when_its_text_ends() -> None:
    env = several_env(texts=2)
    env.reset(seed=0)
    end, was = tokens_of(env, "<eos>")[0], tokens_of(env, "was")[0]
    _, _, terminated, _, _ = env.step({"text_0": end, "text_1": was})
    assert terminated == {"text_0": True, "text_1": False}
    assert env.agents == ["text_1"]


def test_distinct_n_by_hand() -> None:
    assert distinct([[1, 2, 1, 2]], 1) == 0.5
    assert distinct([[1, 2, 1, 2]], 2) == pytest.approx(2 / 3)
    assert distinct([[1, 2], [1, 2]], 2) == 0.5
    assert distinct([[1]], 2) == 0.0
