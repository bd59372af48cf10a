"""From a log to a policy: learn on one part, judge by the other, deploy only what is better."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np

from sandbox.api.data import Dataset
from sandbox.api.errors import InvalidValueError, MisfitError
from sandbox.api.policy import Policy
from sandbox.api.types import Json, Space
from sandbox.datasets.arrays import write_arrays
from sandbox.datasets.fit import require_fit
from sandbox.datasets.read import read_dataset
from sandbox.envs.single import EnvFactory
from sandbox.evaluation.progress import Progress, Silent
from sandbox.evaluation.rollout import RandomPolicy
from sandbox.evaluation.runner import EpisodeRunner
from sandbox.improvement.candidates import decisions_of, split, steps_of
from sandbox.improvement.checks import Reference, columns, require_sound
from sandbox.improvement.estimators import Estimate, log_of
from sandbox.improvement.judge import LEVEL, Judgement, Verdict, judge
from sandbox.records.base import encode_json
from sandbox.registry.discover import registry
from sandbox.registry.policies import load_policy
from sandbox.registry.resolve import resolve
from sandbox.runs.atomic import storage_errors
from sandbox.runs.checksums import add_artifact
from sandbox.runs.directory import Run
from sandbox.scenarios.resolve import ResolvedScenario
from sandbox.training.fit import spaces_of
from sandbox.training.plan import make_plan
from sandbox.training.train import train_plan

Candidates: TypeAlias = Mapping[str, tuple[str, Mapping[str, Any]]]
"""By label: the algorithm, and hyperparameters that differ from the preset."""

CLONE = "bc"
"""What learns the behaviour. Its mode, which leaves out what was done at random, is a candidate; where none
is deployed, it is returned as it was."""

MODE_RATE = 0.003
"""Step size of the mode's fit."""

LSPI_ROUNDS, LSPI_RIDGE = 3, 0.2
"""Of the candidate by least squares: a single round errs more than three, and more gain nothing."""

LSPI_FEATURES = (64, 256)
"""Least and most random features; twice as many as the observation has numbers, in between."""

UPDATES, GAMMA, FEATURES = 3000, 0.97, 24
REFERENCE_STEPS = 600
"""Steps of random play in the scenario that units are compared with."""

DOCUMENT = "improvement.json"


@dataclass(frozen=True)
class Improvement:
    """What came of a log.

    Attributes:
        scenario: Id.
        dataset: The log.
        gamma: Discount factor of all returns.
        level: Of the lower bounds.
        verdict: What the held-out part says.
        runs: Candidates by name.
        run: The run whose policy is to be used: a candidate's, or the behaviour's clone.
        episodes: Learned from, and judged by.
    """

    scenario: str
    dataset: Dataset
    gamma: float
    level: float
    verdict: Verdict
    runs: Mapping[str, Run]
    run: Run
    episodes: tuple[int, int]

    @property
    def statement(self) -> str:
        """What is returned and why, in a sentence."""
        name, level = self.verdict.deployed, f"{100 * self.level:g} %"
        if name is None:
            return (
                f"No candidate's {level} lower bound is above the behaviour's return, so its policy is "
                f"returned, cloned by {CLONE}."
            )
        judged = self.verdict.candidates[name]
        return (
            f"{name} is deployed: its return is at least {judged.lower:.3g} above the behaviour's "
            f"({level} lower bound)."
        )

    def to_json(self) -> Json:
        """The document that ``--json`` prints."""
        verdict = self.verdict
        return {
            "scenario": self.scenario,
            "dataset": str(self.dataset.path),
            "digest": self.dataset.digest,
            "episodes": {"train": self.episodes[0], "held_out": self.episodes[1]},
            "gamma": self.gamma,
            "level": self.level,
            "behaviour": {"agent": self.dataset.facts.get("agent"), **_estimate(verdict.behaviour)},
            "trusted": verdict.trusted,
            "candidates": {
                name: {"run_dir": str(self.runs[name].path), **_judged(judged)}
                for name, judged in verdict.candidates.items()
            },
            "deployed": verdict.deployed,
            "run_dir": str(self.run.path),
            "statement": self.statement,
        }


def improve(
    scenario: ResolvedScenario,
    data: str | Path,
    *,
    mapping: str | Path | None = None,
    algos: Sequence[str] = (),
    updates: int = UPDATES,
    gamma: float = GAMMA,
    level: float = LEVEL,
    seed: int = 0,
    runs_dir: str | Path = "runs",
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> Improvement:
    """Learn candidates from one half of a log, judge them by the other, return what is to be used.

    The scenario's simulator is played for one thing alone: at random, to compare the log's units with.

    Args:
        scenario: Gives the spaces, and what runs are kept with.
        data: The log.
        mapping: Which columns of a table are which part of a step.
        algos: Offline algorithms; some that fit the actions, if empty.
        updates: Of each.
        gamma: Discount factor of the candidates and of all estimates.
        level: Of the lower bounds.
        seed: Of the split, the candidates and the bootstrap.
        runs_dir: Where run directories are made.
        progress: Receives the progress.
        command: The command line to record.

    Raises:
        SandboxError: If the log says nothing, or an algorithm does not learn from logs.
    """
    progress, root = progress or Silent(), Path(runs_dir)
    if not 0 < gamma < 1 or not 0.5 <= level < 1:
        raise InvalidValueError(
            f"gamma must lie between 0 and 1 and the level in 0.5 to 1; given are {gamma:g} and {level:g}."
        )
    scenario = _without_validation(scenario)
    spaces = spaces_of(scenario)[:2]
    dataset = read_dataset(Path(data).resolve(), None if mapping is None else Path(mapping).resolve())
    require_fit(dataset, *spaces, scenario.spec.id)
    require_sound(dataset, spaces[1], spaces[0], reference_of(scenario, dataset))
    candidates = candidates_of(algos, spaces)
    learned_from, held_out = split(dataset, seed)
    folder = root / scenario.spec.id / "improve" / f"{dataset.digest[:8]}-{secrets.token_hex(4)}"
    part = _written(learned_from, folder)
    runs: dict[str, Run] = {}
    with EpisodeRunner(scenario) as runner:

        def train(name: str, more: Mapping[str, Any]) -> Run:
            plan = make_plan(scenario, name, seed=seed, steps=updates, hp=more, data=part, command=command)
            return train_plan(plan, root, runner, progress)

        for label, (name, settings) in candidates.items():
            runs[label] = train(name, settings_of(name, gamma, settings))
        policies = {name: load_policy(run.path / "policy") for name, run in runs.items()}
        verdict = verdict_of(policies, (learned_from, held_out), spaces[1], gamma, seed, level)
        kept = runs[verdict.deployed] if verdict.deployed else train(CLONE, {"stochastic": True})
    counts = learned_from.num_episodes, held_out.num_episodes
    made = Improvement(scenario.spec.id, dataset, gamma, level, verdict, runs, kept, counts)
    with storage_errors(kept.path):
        add_artifact(kept.path, DOCUMENT, encode_json(made.to_json(), indent=2))
    return made


def reference_of(scenario: ResolvedScenario, dataset: Dataset) -> Reference:
    """Largest sizes in some steps of random play."""
    env = EnvFactory(scenario)()
    try:
        policy = RandomPolicy(env.action_space)
        policy.reset(1, seed=0)
        seen, rewards = [env.reset(seed=scenario.spec.evaluation.seeds.train[0])], []
        observations = [seen[0][0]]
        info = seen[0][1]
        for _ in range(REFERENCE_STEPS):
            mask = info.get("action_mask")
            action = policy.act(_batch(observations[-1]), None if mask is None else np.asarray(mask)[None])[0]
            observation, reward, terminated, truncated, info = env.step(action)
            rewards.append(abs(float(reward)))
            observations.append(observation)
            if terminated or truncated:
                observation, info = env.reset()
                observations.append(observation)
    finally:
        env.close()
    together = _stacked(observations)
    largest = {name: float(np.abs(values).max()) for name, values in columns(dataset, together)}
    return Reference(largest, max(rewards))


def _batch(observation: Any) -> Any:
    if isinstance(observation, Mapping):
        return {key: _batch(part) for key, part in observation.items()}
    return np.asarray(observation)[None]


def _stacked(observations: Sequence[Any]) -> Any:
    if isinstance(observations[0], Mapping):
        return {key: _stacked([each[key] for each in observations]) for key in observations[0]}
    return np.stack([np.asarray(each) for each in observations])


def _without_validation(scenario: ResolvedScenario) -> ResolvedScenario:
    """The scenario, whose simulator chooses no policy."""
    evaluation = scenario.spec.evaluation.model_copy(update={"validations": 0})
    return replace(scenario, spec=scenario.spec.model_copy(update={"evaluation": evaluation}))


def verdict_of(
    policies: Mapping[str, Policy],
    halves: tuple[Dataset, Dataset],
    action_space: Space,
    gamma: float,
    seed: int,
    level: float = LEVEL,
) -> Verdict:
    """Judge policies by the half of a log that they were not learned from.

    Args:
        policies: By name.
        halves: What they were learned from, and what was held out.
        action_space: Of the task.
        gamma: Discount factor.
        seed: Of features and bootstrap.
        level: Of the lower bounds.
    """
    learned_from, held_out = (steps_of(half, action_space) for half in halves)
    log = log_of(held_out, np.asarray(halves[1].probabilities), gamma, FEATURES, seed, learned_from)
    decided = {name: decisions_of(policy, halves[1], action_space) for name, policy in policies.items()}
    return judge(log, decided, seed, level)


def candidates_of(names: Sequence[str], spaces: tuple[Space, Space]) -> Candidates:
    """The candidates that are named, or those that fit a task.

    Args:
        names: Offline algorithms.
        spaces: Of observations and actions.

    Raises:
        MisfitError: For an algorithm that does not learn from logs, or is not judged by them.
    """
    if not names:
        return _usual(*spaces)
    for name in names:
        known = registry().algorithm(name)
        if known.capabilities.data != "offline" or "dataset" not in known.capabilities.needs:
            offline = [
                each.name for each in registry().algorithms.working() if "dataset" in each.capabilities.needs
            ]
            raise MisfitError(f"{name} does not learn from logs alone.", f"These do: {', '.join(offline)}.")
        if name == "decision-transformer":
            raise MisfitError(
                f"{name} acts by what it remembers of an episode, and only policies of what is seen now are "
                "judged from logs."
            )
    return {name: (name, {}) for name in names}


def _usual(observation_space: Space, action_space: Space) -> Candidates:
    """The behaviour's mode, and what learns from few steps."""
    mode: Candidates = {"the behaviour's mode": (CLONE, {"learning_rate": MODE_RATE})}
    if not isinstance(action_space, gym.spaces.Discrete):
        return {**mode, "iql": ("iql", {}), "td3-bc": ("td3-bc", {})}
    least, most = LSPI_FEATURES
    numbers = gym.spaces.flatdim(observation_space)
    settings = {"features": min(max(2 * numbers, least), most), "ridge": LSPI_RIDGE}
    return {**mode, "lspi": ("lspi", {**settings, "iterations": LSPI_ROUNDS})}


def settings_of(name: str, gamma: float, given: Mapping[str, Any]) -> dict[str, Any]:
    """Hyperparameters of a candidate: those given, and the discount factor if it has one."""
    model = resolve(registry().algorithm(name).config)
    discount = {"gamma": gamma} if "gamma" in model.model_fields else {}
    return {**discount, **given}


def _written(dataset: Dataset, folder: Path) -> Path:
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_arrays(folder / "learned-from.npz", dataset)
    return folder / "learned-from.npz"


def _estimate(estimate: Estimate) -> Json:
    interval = [estimate.lower(0.975), estimate.upper(0.975)]
    return {"mean": estimate.mean, "ci95": interval, "effective_episodes": estimate.effective}


def _judged(judged: Judgement) -> Json:
    return {
        "estimates": {name: _estimate(each) for name, each in judged.estimates.items()},
        "horizons": [_estimate(each) for each in judged.horizons],
        "difference": {**_estimate(judged.difference), "lower_bound": judged.lower},
        "unseen": judged.unseen,
        "accepted": judged.accepted,
        "reason": judged.reason,
    }
