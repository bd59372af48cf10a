"""Training: plans are checked first, the best policy is chosen on validation seeds, runs repeat."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sandbox.api.errors import InvalidValueError, MisfitError, RunFailedError, UnknownNameError
from sandbox.evaluation.progress import Phase, Silent
from sandbox.runs.directory import Run, progress
from sandbox.scenarios.resolve import load_scenario
from sandbox.training.monitor import Monitor
from sandbox.training.plan import make_plan
from sandbox.training.train import train
from sandbox.workflow import run


def test_a_misfit_is_refused_before_anything_is_written_and_names_what_fits(
    toys: None, tmp_path: Path
) -> None:
    with pytest.raises(MisfitError) as caught:
        train("toy/regulator", "dqn", runs_dir=tmp_path)
    assert "action space Box" in caught.value.message
    assert "sac" in caught.value.hint
    assert "ppo" in caught.value.hint
    assert "dqn" not in caught.value.hint.replace("qr-dqn", "")
    assert not list(tmp_path.iterdir())


def test_a_task_with_masks_is_trained_by_the_masked_variant_under_the_name_asked_for(
    toys: None, tmp_path: Path
) -> None:
    plan = make_plan(load_scenario("toy/forage"), "ppo")
    assert (plan.asked, plan.algorithm.name) == ("ppo", "maskable-ppo")
    assert make_plan(load_scenario("toy/stall"), "ppo").algorithm.name == "ppo"


def test_hyperparameters_come_from_defaults_then_preset_then_command(toys: None, tmp_path: Path) -> None:
    file = tmp_path / "tuned.yaml"
    file.write_text(
        "title: tuned\ntask: toy/stall\nmetric: cost\n"
        "presets:\n  a2c:\n    steps: 640\n    num_envs: 3\n    hyperparameters: {n_steps: 7, gamma: 0.5}\n"
    )
    plan = make_plan(load_scenario(str(file)), "a2c", hp=["gamma=0.25"])
    assert (plan.steps, plan.num_envs) == (640, 3)
    assert (plan.config.n_steps, plan.config.gamma) == (7, 0.25)
    assert plan.config.learning_rate == 7e-4, "SB3's default"


@pytest.mark.parametrize(
    ("hp", "error", "words"),
    [
        (["gama=0.9"], UnknownNameError, "gama"),
        (["gamma=2"], InvalidValueError, "gamma"),
        (["gamma=abc"], InvalidValueError, "gamma"),
        (["gamma"], InvalidValueError, "name=value"),
    ],
)
def test_wrong_hyperparameters_are_refused(toys: None, hp: list[str], error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        make_plan(load_scenario("toy/stall"), "ppo", hp=hp)


def test_a_run_holds_what_the_contract_says(toys: None, tmp_path: Path) -> None:
    trained, table = run("toy/regulator", "ppo", steps=4096, num_envs=16, runs_dir=tmp_path, episodes=4)
    assert trained.status == "done"
    names = {str(path.relative_to(trained.path)) for path in trained.path.rglob("*") if path.is_file()}
    assert {
        "run.json",
        "progress.jsonl",
        "episodes.parquet",
        "evaluation.json",
        "result.png",
        "policy/policy.json",
        "policy/weights.safetensors",
        "policy/best/policy.json",
        "policy/best/weights.safetensors",
    } <= names
    assert any(name.startswith("tensorboard/") for name in names)
    assert not any(name.endswith(".tmp") for name in names)
    record = json.loads((trained.path / "run.json").read_text())
    for key in ("scenario_hash", "task_version", "packages", "platform", "command", "train_seconds"):
        assert key in record
    assert [agent.name for agent in table.agents] == ["ppo", "ppo-best", "optimal", "idle", "random"]


def test_a_metric_called_steps_does_not_take_the_place_of_the_steps_of_training(
    toys: None, tmp_path: Path
) -> None:
    trained = train("toy/corridor", "reinforce", steps=3000, runs_dir=tmp_path)
    rows = progress(trained)
    assert max(row["steps"] for row in rows) == trained.record.steps_done
    in_training = [row["metric/steps"] for row in rows if "metric/steps" in row]
    assert in_training
    assert max(in_training) <= 2000, "steps of an episode, which ends after 2,000"


def test_the_best_policy_is_the_one_with_the_best_validation(toys: None, tmp_path: Path) -> None:
    trained = train("toy/regulator", "a2c", steps=2000, num_envs=4, runs_dir=tmp_path)
    validated = {
        one["steps"]: one["validation/metric/cost"]
        for one in progress(trained)
        if "validation/metric/cost" in one
    }
    assert len(validated) == 8, "as many validations as the scenario asks for"
    best = trained.record.best
    assert best.metric == min(validated.values())
    assert validated[best.steps] == best.metric


def test_the_same_command_gives_the_same_policy_and_another_seed_another(toys: None, tmp_path: Path) -> None:
    def weights(seed: int) -> bytes:
        trained = train("toy/forage", "ppo", seed=seed, steps=1024, num_envs=2, runs_dir=tmp_path)
        return (trained.policy_folder() / "weights.safetensors").read_bytes()

    assert weights(1) == weights(1)
    assert weights(1) != weights(2)


def test_validation_does_not_disturb_training(toys: None, tmp_path: Path) -> None:
    def weights(validations: int) -> bytes:
        changes = [f"evaluation.validations={validations}"]
        trained = train("toy/forage", "ppo", steps=1024, num_envs=2, changes=changes, runs_dir=tmp_path)
        return (trained.policy_folder() / "weights.safetensors").read_bytes()

    assert weights(0) == weights(5)


def test_fine_tuning_starts_from_the_saved_policy(toys: None, tmp_path: Path) -> None:
    first = train("toy/regulator", "ppo", steps=4096, num_envs=16, runs_dir=tmp_path)
    frozen = {"learning_rate": 1e-12, "n_steps": 16, "batch_size": 64}
    second = train(
        "toy/regulator", "ppo", steps=256, num_envs=16, hp=frozen, init_from=first.path, runs_dir=tmp_path
    )
    assert second.record.init_from == str(first.policy_folder().resolve())
    shape = make_plan(load_scenario("toy/regulator"), "ppo").observation_space.shape
    observation = np.random.default_rng(0).normal(size=(32, *shape)).astype(np.float32)
    np.testing.assert_allclose(
        _act(first, observation), _act(second, observation), atol=1e-5, err_msg="a tiny step changes nothing"
    )


def test_fine_tuning_from_other_shapes_names_the_layers(toys: None, tmp_path: Path) -> None:
    first = train("toy/regulator", "ppo", steps=256, num_envs=4, runs_dir=tmp_path)
    with pytest.raises(MisfitError) as caught:
        train("toy/stall", "ppo", steps=256, init_from=first.path, runs_dir=tmp_path)
    assert "action_net" in caught.value.message + caught.value.hint
    assert not (tmp_path / "toy" / "stall").exists(), "an impossible request leaves nothing behind"
    assert first.path.exists()


def test_an_interrupt_ends_training_at_a_safe_point_with_a_checkpoint(toys: None, tmp_path: Path) -> None:
    class CtrlC(Silent):
        def advance(self, phase: Phase, done: int, values: Mapping[str, float]) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train("toy/forage", "ppo", steps=10_000_000, runs_dir=tmp_path, hp={"n_steps": 64}, progress=CtrlC())
    (folder,) = tmp_path.glob("toy/forage/ppo/*")
    interrupted = Run.open(folder)
    assert interrupted.status == "interrupted"
    (checkpoint,) = (folder / "checkpoints").iterdir()
    assert int(checkpoint.name) == interrupted.record.steps_done > 0
    from sandbox.registry.policies import load_policy

    load_policy(checkpoint)


def test_a_loss_that_is_not_finite_ends_the_run_as_failed(
    toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Monitor.update

    def poisoned(self: Monitor, steps: int, policy: Any, values: Any = None, state: Any = None) -> None:
        real(self, steps, policy, {"policy_loss": float("nan")}, state)

    monkeypatch.setattr(Monitor, "update", poisoned)
    with pytest.raises(RunFailedError, match="diverged"):
        train("toy/stall", "a2c", steps=500, runs_dir=tmp_path)
    (folder,) = tmp_path.glob("toy/stall/a2c/*")
    failed = Run.open(folder)
    assert failed.status == "failed"
    assert "diverged" in str(failed.record.error)


def test_progress_speaks_of_the_scenarios_metric(toys: None, tmp_path: Path) -> None:
    heard: list[dict[str, float]] = []

    class Listener(Silent):
        def advance(self, phase: Phase, done: int, values: Mapping[str, float]) -> None:
            if phase == "train":
                heard.append(dict(values))

    train("toy/forage", "a2c", steps=2000, runs_dir=tmp_path, progress=Listener())
    assert {"steps_per_second", "return", "metric/duration"} <= set(heard[-1])


def _act(trained: Run, observation: Any) -> Any:
    policy = trained.policy
    policy.reset(len(observation))
    return policy.act(observation)


@pytest.mark.parametrize("name", ["corridor", "regulator", "forage", "tag", "stall"])
def test_recorded_reward_terms_sum_to_the_recorded_return(toys: None, tmp_path: Path, name: str) -> None:
    run = train(f"toy/{name}", "reinforce", steps=3000, runs_dir=tmp_path)
    weights = run.record.reward
    told = {"": 0, "validation/": 0}
    for record in progress(run):
        for group in told:
            if f"{group}return" in record:
                total = sum(weight * record[f"{group}term/{term}"] for term, weight in weights.items())
                assert total == pytest.approx(record[f"{group}return"], rel=1e-5, abs=1e-5)
                told[group] += 1
    assert all(told.values())
