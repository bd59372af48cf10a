"""Training, stopping, going on, saving and loading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sandbox
from sandbox.api import DamagedRunError, MisfitError, Resume, TrainContext, read_state, write_state
from sandbox.backends.language.policy import load
from sandbox.envs.make import make_training
from sandbox.envs.models import models_of
from sandbox.registry.resolve import resolve
from sandbox.scenarios.resolve import load_scenario
from sandbox.training.plan import Plan, make_plan

SMALL = ["config.texts=8", "config.tokens=5", "evaluation.config={}", "evaluation.validations=0"]
ONLINE = ["grpo", "rlhf-ppo", "rejection-sampling"]
ENVS = dict.fromkeys(ONLINE, 2) | {"dpo": 1}
STEPS = dict.fromkeys(ONLINE, 300) | {"dpo": 6}


def trained(algorithm: str, folder: Path, **settings: Any) -> Any:
    """A finished run."""
    scenario = load_scenario("language/reviews", SMALL)
    steps = STEPS[algorithm]
    return sandbox.train(
        scenario, algorithm, steps=steps, num_envs=ENVS[algorithm], runs_dir=folder, **settings
    )


def test_a_saved_policy_draws_the_same_tokens(tmp_path: Path) -> None:
    run = trained("grpo", tmp_path)
    scenario = load_scenario("language/reviews", SMALL)
    policies = [load(run.policy_folder("final")) for _ in range(2)]
    with pytest.raises(MisfitError, match="call bind"):
        policies[0].act(np.zeros((1, 8), np.int64))
    windows = np.full((5, 8), 320)
    windows[:, :3] = [0, 7, 30]
    drawn = []
    for policy in policies:
        policy.bind(None, models_of(scenario))
        policy.reset(5, seed=3)
        drawn.append(policy.act(windows))
    np.testing.assert_array_equal(*drawn)
    policies[0].stochastic = False
    assert len(set(policies[0].act(windows).tolist())) == 1
    weights = run.policy_folder("final") / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    with pytest.raises(DamagedRunError):
        load(run.policy_folder("final"))


def test_the_first_texts_are_the_pretrained_models_own_and_the_later_ones_earn_more() -> None:
    seen: list[dict[str, float]] = []
    scenario = load_scenario("language/reviews", ["config.texts=16"], ("kl=0",))
    plan = make_plan(scenario, "grpo", steps=8000, num_envs=2, hp={"learning_rate": 3e-3, "batch_size": 16})
    learned(plan, on_values=lambda values: seen.append(dict(values)))
    assert seen[0]["kl"] == pytest.approx(0.0, abs=1e-4)
    assert seen[-1]["kl"] > 0.5
    early, late = (np.mean([values["mean_return"] for values in part]) for part in (seen[:3], seen[-3:]))
    assert late > early + 0.4


def test_a_policy_goes_on_from_another_ones_weights(tmp_path: Path) -> None:
    first = trained("dpo", tmp_path / "a")
    second = trained("rejection-sampling", tmp_path / "b", init_from=first.path)
    assert second.policy_folder("final").exists()


@pytest.mark.parametrize("algorithm", [*ONLINE, "dpo"])
def test_a_stopped_training_goes_on_bit_by_bit(algorithm: str, tmp_path: Path) -> None:
    steps = 400 if algorithm != "dpo" else 6
    plan = make_plan(
        load_scenario("language/reviews", SMALL), algorithm, steps=steps, num_envs=ENVS[algorithm]
    )
    whole = learned(plan)
    with pytest.raises(KeyboardInterrupt):
        learned(plan, stop=tmp_path)
    gone_on = learned(plan, resume=tmp_path)
    for name, tensor in whole.model.network.state_dict().items():
        np.testing.assert_array_equal(gone_on.model.network.state_dict()[name], tensor)


def learned(
    plan: Plan, stop: Path | None = None, resume: Path | None = None, on_values: Any = lambda values: None
) -> Any:
    """Train by a plan: to the end, until a state is written after two rounds, or on from there."""
    made: list[Any] = []
    rounds = 0

    def make_envs(num_envs: int) -> Any:
        made.append(make_training(plan.scenario, num_envs, 0))
        if resume is not None:
            made[0].reset()
            made[0].set_state(read_state(resume, "envs"))
        return made[0]

    def update(steps: int, policy: Any, values: Any = None, state: Any = None) -> None:
        nonlocal rounds
        rounds += 1
        if values is not None:
            on_values(values)
        if stop is not None and rounds == 2:
            state(stop, None)
            if made:
                write_state(stop, "envs", made[0].get_state())
            raise KeyboardInterrupt

    context = TrainContext(
        make_envs=make_envs,
        observation_space=plan.observation_space,
        action_space=plan.action_space,
        config=plan.config,
        steps=plan.steps,
        seed=3,
        num_envs=plan.num_envs,
        update=update,
        models=models_of(plan.scenario),
        resume=None if resume is None else Resume(resume, environments=True),
    )
    return resolve(plan.algorithm.train)(context)


def test_tasks_without_a_language_model_are_refused_before_anything_starts() -> None:
    from sandbox.registry.discover import registry
    from sandbox.training.fit import check_fit, spaces_of

    scenario = load_scenario("gym:CartPole-v1")
    spaces = spaces_of(scenario)
    with pytest.raises(MisfitError):
        check_fit(scenario, registry().algorithm("grpo"), spaces.observation, spaces.action)
