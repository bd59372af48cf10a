"""Preferences improve the language model: comparisons, a reward model, GRPO."""

from __future__ import annotations

import os
from typing import Any
from unittest.mock import patch

from sandbox.api import Claim, Measured, Plot, Trial

claim = Claim(
    id="language-preferences",
    sentence="People's comparisons improve the language model: by held-out ratings, which take no part in "
    "the reward, its texts are better than before, and still sentences.",
    idea="7 · Systems",
    switch="The labels of the comparisons that the reward model is fitted to are drawn by a coin.",
    measure=f"{__name__}:measure",
    requires=("torch", "transformers", "vaderSentiment"),
    extra="language",
)

SCENARIO = "language/reviews"
PAIRS = 1999
"""Not the number of the reward model that ships, so that one is fitted here."""


def measure(trial: Trial) -> Measured:
    """Held-out ratings, sentences and KL of the model before and after."""
    import numpy as np

    from sandbox_course.learning import first_name, learn, mean_of, played
    from sandbox_language import preferences
    from sandbox_language.networks import load

    rng = np.random.default_rng(trial.seed)

    def by_coin(count: int, seed: int, held_out: bool = False) -> list[Any]:
        """The same pairs; who is preferred is a coin's word."""
        pairs = preferences.rated_comparisons(count, seed, held_out)
        swapped = rng.random(len(pairs)) < 0.5
        return [
            preferences.Comparison(pair.prompt, pair.rejected, pair.chosen) if swap else pair
            for pair, swap in zip(pairs, swapped, strict=True)
        ]

    compared = by_coin if trial.sabotaged else preferences.rated_comparisons
    # Another number of pairs, so that nothing that a process keeps is taken for the other's.
    changes = [f"config.pairs={PAIRS - trial.sabotaged}"]
    kept = {"SANDBOX_CACHE": str(trial.scratch)}
    with patch.object(load, "rated_comparisons", compared), patch.dict(os.environ, kept):
        policy = learn(
            SCENARIO,
            "grpo",
            seed=trial.seed,
            steps=trial.settings["tokens"],
            changes=changes,
            reward=("kl=-0.4",),
        )
        table = played(
            [policy, "pretrained"],
            SCENARIO,
            seed=trial.seed,
            episodes=4,
            changes=changes,
            reward=("kl=-0.4",),
        )
    name = first_name(table)
    before, after = mean_of(table, "pretrained", "true_reward"), mean_of(table, name, "true_reward")
    plot = Plot(
        "Held-out ratings of what is written",
        bars={"before": before, "fine-tuned by preferences": after},
    )
    figures = {
        "gain": after - before,
        "sentences": mean_of(table, name, "sentences"),
        "kl": mean_of(table, name, "kl"),
        "true_reward": after,
    }
    return Measured(figures, plot)
