"""Checks of what plays: baselines against random actions, algorithms, and policies on disk."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from sandbox.api.algorithm import Algorithm, StopTraining, TrainContext
from sandbox.api.errors import SandboxError
from sandbox.api.policy import Policy
from sandbox.api.processes import one_thread
from sandbox.api.types import Array, Element, Json, Space, VectorEnvironment
from sandbox.envs.make import make_training
from sandbox.envs.models import models_of
from sandbox.evaluation.agents import Agent, bound
from sandbox.evaluation.runner import EpisodeRunner
from sandbox.registry.discover import registry
from sandbox.registry.policies import load_policy
from sandbox.registry.resolve import missing_modules, resolve
from sandbox.runs.provenance import CORE
from sandbox.testing.subjects import Subject
from sandbox.testing.survey import SEEDS, said
from sandbox.testing.verdicts import NotApplicable, Violation, cut
from sandbox.training.fit import agents_of, fitting, spaces_of
from sandbox.training.needs import refuse_environments, uses_many_envs
from sandbox.training.plan import Plan, make_plan

STEPS = 64
"""Training steps of a trial."""

LESS: Mapping[str, Any] = {
    "n_steps": 16,
    "batch_size": 16,
    "n_epochs": 1,
    "learning_starts": 16,
    "buffer_size": 1_000,
    "n_delta": 2,
    "n_top": 1,
    "n_critic_updates": 1,
    "n_quantiles": 5,
    "lstm_hidden_size": 8,
    "net_arch": [16],
    "context": 4,
    "width": 8,
    "random_steps": 64,
    "steps_per_fit": 64,
    "candidates": 8,
    "horizon": 4,
    "max_epochs": 2,
    "rollouts": 64,
    "updates_per_step": 0.25,
    "copies": 4,
    "scenarios": 4,
    "simulations": 4,
    "play_simulations": 4,
    "channels": 8,
    "blocks": 1,
    "moves_per_round": 4,
}
"""Hyperparameters that make a trial short, where an algorithm has them."""


def baseline_beats_random(subject: Subject) -> None:
    """The best baseline is better than random actions by the scenario's metric, on the same seeds."""
    scenario = subject.scenario
    names = scenario.baselines()
    if not names:
        raise NotApplicable("the task has no baselines")
    if not subject.survey.ended:
        raise NotApplicable("no episode ended in the time there was")
    metric = scenario.metric
    sign = 1.0 if metric.better == "higher" else -1.0
    means: dict[str, float] = {}
    with EpisodeRunner(scenario, num_workers=1) as runner:
        random = _metrics(runner, "random", subject.budget.episodes, subject)
        for name in names:
            # Only as far as it takes to know that one of them is better.
            means[name] = float(np.mean(_metrics(runner, name, len(random), subject, clocked=False)))
            if sign * means[name] > sign * np.mean(random):
                return
    best = max(means, key=lambda name: sign * means[name])
    raise Violation(
        f"the best baseline, {best}, has {metric.name} {means[best]:.4g} {metric.unit}, random actions "
        f"{np.mean(random):.4g} ({metric.better} is better; the same {len(random)} episodes)"
    )


def _metrics(
    runner: EpisodeRunner, name: str, episodes: int, subject: Subject, clocked: bool = True
) -> list[float]:
    """The scenario's metric in the first episodes; at least two, however long they take."""
    clock, values = subject.clock(), []
    for seed in range(episodes):
        try:
            (episode,) = runner.play([Agent(name, baseline=name)], [seed])
        except SandboxError as error:
            raise Violation(f"{name} cannot play seed {seed}: {error.message}") from error
        except Exception as error:
            raise Violation(f"{name} playing seed {seed} raised {said(error)}") from error
        values.append(episode.metrics[subject.scenario.metric.name])
        if clocked and clock.over and len(values) >= 2:
            break
    return values


def trains(subject: Subject) -> None:
    """Every algorithm that claims to fit trains a few steps."""
    failed = {name: trial.error for name, trial in _trials(subject) if trial.error}
    for name in [name for name in failed if registry().algorithms.source(name).distribution != CORE]:
        cut(f"{name} failed, which is checked by itself (plugin check {name}): {failed.pop(name)}")
    if failed:
        raise Violation("; ".join(f"{name}: {error}" for name, error in failed.items()))


def policies_survive(subject: Subject) -> None:
    """A policy that is saved and loaded gives identical actions, sampled ones too."""
    failed = {name: trial.changed for name, trial in _trials(subject) if trial.changed}
    if failed:
        raise Violation("; ".join(f"{name}: {error}" for name, error in failed.items()))


class _Trial:
    """What became of training one algorithm for a moment."""

    def __init__(self, subject: Subject, name: str) -> None:
        self.error: str | None = None
        self.changed: str | None = None
        try:
            with one_thread(), tempfile.TemporaryDirectory() as folder:
                plan, policy = _trained(subject, name)
                policy.save(Path(folder))
                with subject.env() as env:
                    env.reset(seed=SEEDS[0])  # a planner looks ahead from the state of an episode
                    inner = getattr(env, "parallel", env)
                    both = (policy, load_policy(Path(folder)))  # some plan in the environment, trained or not
                    trained, loaded = (bound(each, subject.scenario, inner) for each in both)
                    self.changed = _difference(subject, plan, trained, loaded)
        except SandboxError as error:
            self.error = error.message
        except Exception as error:
            self.error = said(error)


@lru_cache(maxsize=64)
def _tried(subject: Subject, name: str) -> _Trial:
    return _Trial(subject, name)


def _trials(subject: Subject) -> Iterator[tuple[str, _Trial]]:
    observation_space, action_space, _ = spaces_of(subject.scenario)
    names = fitting(subject.scenario, observation_space, action_space)
    installed = [name for name in names if not missing_modules(registry().algorithm(name).requires)]
    if not names:
        raise NotApplicable("no algorithm fits its spaces")
    if not installed:
        raise NotApplicable(f"none of the algorithms that fit is installed ({', '.join(names)})")
    order = sorted(installed, key=lambda name: _generality(registry().algorithm(name)), reverse=True)
    for name in order[: subject.budget.algorithms]:
        yield name, _tried(subject, name)


def _generality(algorithm: Algorithm) -> tuple[int, bool]:
    """How much an algorithm can be trained on; the most general one is tried where only one is."""
    can = algorithm.capabilities
    return len(can.observation_spaces) + len(can.action_spaces), can.masks or algorithm.masked_by is not None


def _trained(subject: Subject, name: str) -> tuple[Plan, Policy]:
    """An algorithm after a few steps on the subject."""
    algorithm: Algorithm = registry().algorithm(name)
    scenario = subject.scenario
    plan = make_plan(
        scenario, name, steps=STEPS, hp=less_of(algorithm, LESS), num_envs=_num_envs(subject, algorithm)
    )
    made: list[VectorEnvironment] = []

    def make_envs(num_envs: int) -> VectorEnvironment:
        made.append(make_training(scenario, num_envs, 0))
        return made[-1]

    last: list[Callable[[], Policy]] = []

    def update(steps: int, policy: Callable[[], Policy], *more: object, **named: object) -> None:
        last[:] = [policy]

    offline = plan.algorithm.capabilities.data == "offline"
    context = TrainContext(
        make_envs=refuse_environments(plan.algorithm) if offline else make_envs,
        observation_space=plan.observation_space,
        action_space=plan.action_space,
        config=plan.config,
        steps=plan.steps,
        seed=0,
        num_envs=plan.num_envs,
        update=update,
        masks=plan.masks,
        agents=agents_of(scenario, plan.algorithm),
        models=models_of(scenario),
    )
    with _closing(made):
        try:
            policy: Policy = resolve(plan.algorithm.train)(context)
        except StopTraining:
            policy = last[0]()
    return plan, policy


def less_of(algorithm: Algorithm, small: Mapping[str, Any]) -> Json:
    """Those of the small hyperparameters that the algorithm has and takes, and that are less than its own.

    ``n_steps`` is the length of a rollout to one and that of a return to another, whose default of 1 stays.
    """
    model = resolve(algorithm.config)
    chosen: Json = {}
    for name, value in small.items():
        if name in model.model_fields:
            default = model.model_fields[name].default
            if isinstance(value, int) and isinstance(default, int) and default <= value:
                continue
            try:
                model.model_validate({**chosen, name: value})
            except ValueError:
                continue
            chosen[name] = value
    return chosen


def _num_envs(subject: Subject, algorithm: Algorithm) -> int:
    return 2 if uses_many_envs(algorithm) and (subject.task.cheap or subject.task.make_vec) else 1


def _difference(subject: Subject, plan: Plan, policy: Policy, loaded: Policy) -> str | None:
    """Where two policies act differently on what the survey saw."""
    samples = subject.survey.samples
    joint = subject.task.agents == "parallel"
    for deterministic in (True, False):
        for each in (policy, loaded):
            rows = len(samples[0][0]) if joint else 1
            each.reset(rows, seed=3)
        for observation, mask in samples:
            batch = observation if joint else _batched(observation)
            masks = None if mask is None or not plan.masks else (mask if joint else np.asarray(mask)[None])
            first, second = (each.act(batch, masks, deterministic) for each in (policy, loaded))
            if not np.array_equal(first, second):
                kind = "its mode" if deterministic else "a sampled action"
                return f"saved and loaded, {kind} is {second.tolist()} instead of {first.tolist()}"
            if not joint and not plan.action_space.contains(_only(first, plan.action_space)):
                return f"the action {first[0]} is not in {plan.action_space}"
    return None


def _batched(observation: Element) -> Element:
    if isinstance(observation, Mapping):
        return {key: _batched(part) for key, part in observation.items()}
    return np.asarray(observation)[None]


def _only(actions: Array, space: Space) -> Element:
    return int(actions[0]) if hasattr(space, "start") and not space.shape else actions[0]


@contextmanager
def _closing(made: list[VectorEnvironment]) -> Iterator[None]:
    import warnings

    try:
        yield
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # closing twice is what Gymnasium warns of
            for envs in made:
                if not getattr(envs, "closed", False):
                    envs.close()
