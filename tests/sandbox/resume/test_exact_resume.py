"""A training that stopped and went on has learned, bit by bit, what it would have without the stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stopping import go_on, interrupted, require_same, uninterrupted

from sandbox.store import Run

SHORT = ["evaluation.validations=3", "evaluation.validation_episodes=1"]
SMALL = {"learning_starts": 8, "batch_size": 8, "net_arch": [16]}
ROLLOUT = {"n_steps": 16, "batch_size": 16, "n_epochs": 2}

CASES: dict[str, tuple[str, int, int, dict[str, Any]]] = {
    "ppo": (
        "toy/regulator", 4, 320,
        {**ROLLOUT, "normalize_observation": True, "normalize_reward": True,
         "learning_rate_schedule": "linear", "clip_range_schedule": "linear"},
    ),
    "a2c": ("toy/corridor", 3, 120, {"normalize_observation": True, "learning_rate_schedule": "linear"}),
    "dqn": ("toy/stall", 2, 120, {**SMALL, "buffer_size": 64, "exploration_fraction": 0.9}),
    "qr-dqn": ("toy/corridor", 2, 120, {**SMALL, "n_quantiles": 5, "n_steps": 3}),
    "sac": ("toy/regulator", 2, 80, {**SMALL, "normalize_observation": True}),
    "td3": ("toy/regulator", 2, 80, {**SMALL, "action_noise_std": 0.1, "buffer_size": 50}),
    "tqc": ("toy/regulator", 1, 60, {**SMALL, "n_quantiles": 5}),
    "crossq": ("toy/regulator", 1, 60, SMALL),
    "trpo": ("toy/regulator", 4, 320, {"n_steps": 16, "batch_size": 16}),
    "recurrent-ppo": ("toy/forage", 2, 200, {**ROLLOUT, "lstm_hidden_size": 8}),
    "maskable-ppo": ("toy/tag", 2, 300, ROLLOUT),
    "reinforce": (
        "toy/forage", 2, 900,
        {"episodes_per_update": 4, "gae": True, "baseline": True, "normalize_observation": True,
         "schedule": "linear"},
    ),
}  # fmt: skip
"""Scenario, copies, steps and hyperparameters: every kind of space, buffer and normaliser is in one.

`regulator` and `corridor` give their state, natively batched; `forage`, `stall` and `tag` are replayed.
"""


@pytest.mark.parametrize("algo", CASES)
def test_going_on_gives_what_an_uninterrupted_training_gives(algo: str, toys: None, tmp_path: Path) -> None:
    scenario, copies, steps, hp = CASES[algo]
    arguments: dict[str, Any] = {"num_envs": copies, "steps": steps, "hp": hp, "changes": SHORT}
    whole = uninterrupted(tmp_path, scenario, algo, **arguments)
    path = interrupted(tmp_path, scenario, algo, at=2, **arguments)
    assert Run.open(path).status != "done"
    resumed = go_on(path)
    require_same(whole, resumed)
    (told,) = resumed.record["resumed"]
    assert told["exact"]
    assert 0 < told["steps"] < steps
