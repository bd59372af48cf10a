"""The contract suite finds what it is for: each broken promise is told by the check that is about it."""

from __future__ import annotations

import os

import gymnasium as gym
import numpy as np
import pytest
from pydantic import BaseModel, Field

from sandbox.api import Baseline, Domain, Metric, RewardSpec, RewardTerm, Scenario, Task
from sandbox.scenarios.resolve import ResolvedScenario
from sandbox.testing.names import CHECK_NAMES
from sandbox.testing.subjects import Subject
from sandbox.testing.suite import CHECKS, run_check, run_subject

TOYS_EXPECTED = {("toy/corridor", "no-constant-observation"), ("toy/corridor", "seeds-matter")}


def test_every_check_can_be_named() -> None:
    assert tuple(CHECKS) == CHECK_NAMES


def test_the_toys_keep_every_promise_or_say_why_not(toys: None) -> None:
    from sandbox.testing.suite import _subjects_of

    _subjects_of.cache_clear()
    results = [result for subject in _subjects_of("toy", "quick") for result in run_subject(subject)]
    assert [result for result in results if result.status in ("failed", "stale")] == []
    assert {(one.task, one.check) for one in results if one.status == "expected"} == TOYS_EXPECTED
    checked = {one.check for one in results if one.status == "passed"}
    assert checked == set(CHECKS) - {
        "game-rules",
        "by-hand",
        "redraws-future",
        "observation-fields",
    }  # of the shipped domains


def test_plugins_that_are_named_later_are_known_to_the_spawned_process(
    toys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sandbox.testing.suite import _subjects_of

    _subjects_of.cache_clear()
    subject = _subjects_of("toy", "quick")[0]
    named = os.environ["SANDBOX_PLUGINS"]
    monkeypatch.setenv("SANDBOX_PLUGINS", "")
    assert run_check(subject, "spawned-process").status == "failed"
    monkeypatch.setenv("SANDBOX_PLUGINS", named)
    assert run_check(subject, "spawned-process").status == "passed"


class Config(BaseModel):
    """Parameters of a walk on a line."""

    horizon: int = Field(30, ge=1, le=1000, description="steps until truncation")


SPEC = RewardSpec(
    (
        RewardTerm("place", lambda walk: walk.place, 1.0, "1"),
        RewardTerm("moved", lambda walk: walk.moved, -0.1, "1"),
    )
)


class Walk(gym.Env):
    """A random walk with a push: a task without fault, of which each test breaks one thing."""

    def __init__(self, config, reward, render_mode=None):
        self.config, self.reward, self.render_mode = config, reward, render_mode
        self.observation_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.action_space = gym.spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.moved, self.steps = float(self.np_random.uniform(-0.5, 0.5)), 0.0, 0
        return self.observe(), self.info()

    def info(self):
        return {}

    def noise(self):
        return float(self.np_random.normal(0, 0.05))

    def step(self, action):
        self.moved = (int(action) - 1) * 0.1
        self.place = float(np.clip(self.place + self.moved + self.noise(), -1, 1))
        self.steps += 1
        breakdown = self.reward(self)
        truncated = self.steps >= self.config.horizon
        info = {**self.info(), "reward_terms": breakdown.terms}
        if truncated:
            info["metrics"] = {"place": self.place}
        return self.observe(), float(breakdown.total), False, truncated, info

    def observe(self):
        return np.array([self.place, self.moved], np.float32)


class PushRight:
    """Always to the right, which is where the metric wants it."""

    def reset(self, num_envs, seed=None):
        pass

    def act(self, observation, mask=None, deterministic=True):
        return np.full(len(observation), 2)

    def save(self, directory):
        raise NotImplementedError


def subject_of(make, **changes):
    """A subject for a task made in this file, without a registry."""
    task = Task(
        name="line",
        version=1,
        title="A walk on a line",
        config=Config,
        make=make,
        rewards={"place": SPEC},
        default_reward="place",
        metrics=(Metric("place", "1", "higher"),),
        baselines=changes.pop("baselines", (Baseline("right", lambda env: PushRight()),)),
        cheap=True,
        **changes,
    )
    domain = Domain("walk", "Walks", (task,), "walk/line")
    scenario = Scenario(id="walk/line", title="A walk", task="walk/line", metric="place")
    from pathlib import Path

    resolved = ResolvedScenario(scenario, Path.cwd())
    for name, value in {"domain": domain, "task": task, "hash": "0" * 64}.items():
        resolved.__dict__[name] = value
    subject = Subject(domain, task)
    subject.__dict__["scenario"] = resolved
    return subject


NEEDS_REGISTRY = {"declaration", "scenarios", "cheap-import", "spawned-process", "trains", "policies-survive"}
WITHOUT_REGISTRY = [name for name in CHECKS if name not in {*NEEDS_REGISTRY, "truncation"}]


def failures(subject):
    """What the suite says of a subject, by check."""
    results = [run_check(subject, name) for name in WITHOUT_REGISTRY]
    return {one.check: one.message for one in results if one.status == "failed"}


def test_a_task_without_fault_fails_nothing():
    assert failures(subject_of(Walk)) == {}


def broken(**methods):
    """The walk with some methods replaced."""
    return type("Broken", (Walk,), methods)


def with_step(change):
    def step(self, action):
        return change(self, *Walk.step(self, action))

    return broken(step=step)


class Crash(Walk):
    def reset(self, *, seed=None, options=None):
        raise RuntimeError("no line to walk on")


class Shared(Walk):
    """One generator for all environments."""

    common = np.random.default_rng(0)

    def noise(self):
        return float(self.common.normal(0, 0.05))


class Global(Walk):
    def noise(self):
        return float(np.random.normal(0, 0.05))


class OwnBuffer(Walk):
    def observe(self):
        if not hasattr(self, "buffer"):
            self.buffer = np.zeros(2, np.float32)
        self.buffer[:] = self.place, self.moved
        return self.buffer


class Remembers(Walk):
    """The noise grows with every episode that was played before."""

    episodes = 0

    def reset(self, *, seed=None, options=None):
        self.episodes += 1
        return Walk.reset(self, seed=seed, options=options)

    def noise(self):
        return Walk.noise(self) * self.episodes


class Unseeded(Walk):
    def reset(self, *, seed=None, options=None):
        return Walk.reset(self, seed=0, options=options)


class Endless(Walk):
    def step(self, action):
        observation, reward, terminated, _, info = Walk.step(self, action)
        return observation, reward, terminated, False, {"reward_terms": info["reward_terms"]}


class RewardActs(Walk):
    """The weights of the reward move the walker."""

    def noise(self):
        return Walk.noise(self) + 0.01 * self.reward.weights["moved"]


def lying(self):
    return {"action_mask": np.array([True, True, True])}


def refuses(self, action):
    if action == 2:
        raise ValueError("2 is not allowed here")
    return Walk.step(self, action)


def told(self, action):
    observation, reward, terminated, truncated, info = Walk.step(self, action)
    return observation, reward, terminated, truncated, {**info, "forbidden": action == 0}


BROKEN = {
    "crash": (Crash, "plays", "reset(seed=11) raised RuntimeError: no line to walk on"),
    "nan": (
        with_step(lambda self, o, r, end, cut, i: (o, np.nan, end, cut, i)),
        "reward",
        "the reward is nan",
    ),
    "terms": (
        with_step(lambda self, o, r, end, cut, i: (o, r + 0.5, end, cut, i)),
        "terms",
        "but weight · term sums to",
    ),
    "no metrics": (
        with_step(lambda self, o, r, end, cut, i: (o, r, end, cut, {"reward_terms": i["reward_terms"]})),
        "metrics",
        "info holds no metrics",
    ),
    "flags": (
        with_step(lambda self, o, r, end, cut, i: (o, r, 0, cut, i)),
        "ends",
        "terminated is 0, not True or False",
    ),
    "endless": (Endless, "ends", "did not end within 10,000 random steps"),
    "outside": (
        broken(observe=lambda self: np.array([2.0, self.moved], np.float32)),
        "observations",
        "observation[0] is 2, outside [-1, 1]",
    ),
    "dtype": (
        broken(observe=lambda self: np.array([self.place, self.moved])),
        "observations",
        "of float64, not float32",
    ),
    "constant": (
        broken(observe=lambda self: np.array([self.place, 0.5], np.float32)),
        "no-constant-observation",
        "observation[1] of 2 never changed",
    ),
    "buffer": (OwnBuffer, "memory", "return a copy"),
    "history": (Remembers, "history", "reset(seed=…) must forget everything"),
    "unseeded": (Unseeded, "seeds-matter", "give the same episode"),
    "global": (Global, "global-generators", "global generator of numpy.random"),
    "shared generator": (Shared, "deterministic", "did not give the same episode"),
}


@pytest.mark.parametrize(("make", "check", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_promise_is_told_by_its_check(make, check, message):
    found = failures(subject_of(make))
    assert check in found
    assert message in found[check]


@pytest.mark.parametrize(
    ("step", "message"),
    [(refuses, "though the mask allows the action"), (told, "the mask before it allowed it")],
)
def test_a_mask_that_lies_is_told(step, message):
    found = failures(subject_of(broken(info=lying, step=step), masks=True))
    assert message in found["masks"]


def test_a_mask_of_another_shape_or_that_is_not_declared_is_told():
    narrow = broken(info=lambda self: {"action_mask": np.array([True, True])})
    honest = broken(info=lying)
    assert "has shape (2,), not (3,)" in failures(subject_of(narrow, masks=True))["masks"]
    assert "masks=False" in failures(subject_of(honest))["masks"]
    assert "info holds no action_mask" in failures(subject_of(Walk, masks=True))["masks"]


def test_a_reward_preset_that_acts_on_the_course_is_told():
    subject = subject_of(RewardActs)
    other = SPEC.reweighted({"moved": -5.0})
    task = Task(
        **{
            name: getattr(subject.task, name)
            for name in subject.task.__dataclass_fields__
            if name not in ("rewards",)
        },
        rewards={"place": SPEC, "still": other},
    )
    subject.task = task
    result = run_check(subject, "presets")
    assert (result.status, "the reward must not act" in result.message) == ("failed", True)


def test_a_worse_baseline_than_random_is_told():
    subject = subject_of(Walk)
    subject.scenario.__dict__["metric"] = Metric("place", "1", "lower")
    assert "lower is better" in failures(subject)["baseline-beats-random"]


class Restorable(Walk):
    def get_state(self):
        return {"place": self.place, "moved": self.moved, "steps": self.steps, "generator": self.generator()}

    def generator(self):
        return self.np_random.bit_generator.state

    def set_state(self, state):
        self.place, self.moved, self.steps = state["place"], state["moved"], state["steps"]
        self.np_random.bit_generator.state = state["generator"]


class ForgetsGenerator(Restorable):
    def set_state(self, state):
        self.place, self.moved, self.steps = state["place"], state["moved"], state["steps"]


class OddState(Restorable):
    def get_state(self):
        return {"env": self}


def test_a_survey_that_time_has_cut_short_still_begins_with_a_reset():
    subject = subject_of(Restorable, resume="state")
    subject.survey.first = 2
    assert run_check(subject, "restores-state").status == "passed"


def test_a_state_that_restores_everything_passes_and_others_are_told():
    assert run_check(subject_of(Restorable, resume="state"), "restores-state").status == "passed"
    assert (
        "the state is incomplete" in failures(subject_of(ForgetsGenerator, resume="state"))["restores-state"]
    )
    assert "state['env'] is a OddState" in failures(subject_of(OddState, resume="state"))["restores-state"]


def test_an_expected_failure_needs_its_reason_and_a_passed_one_is_stale():
    reason = {"no-constant-observation": "the second number is for later"}
    make = broken(observe=lambda self: np.array([self.place, 0.5], np.float32))
    result = run_check(subject_of(make, expected_failures=reason), "no-constant-observation")
    assert (result.status, result.message) == ("expected", reason["no-constant-observation"])
    assert run_check(subject_of(Walk, expected_failures=reason), "no-constant-observation").status == "stale"
    empty = subject_of(make, expected_failures={"no-constant-observation": " "})
    assert run_check(empty, "no-constant-observation").status == "failed"


class RedrawsGenerator(Restorable):
    def redraw(self, seed):
        self.np_random.bit_generator.state = np.random.default_rng(seed).bit_generator.state


class RemembersBranches(Restorable):
    """A count that set_state leaves as it is shows up in what is observed."""

    steps_of_all_branches = 0

    def step(self, action):
        self.steps_of_all_branches += 1
        observation, *rest = super().step(action)
        return observation + np.float32(1e-6 * self.steps_of_all_branches), *rest


class RedrawsOtherwise(RedrawsGenerator):
    draws = 0

    def redraw(self, seed):
        self.draws += 1
        super().redraw(seed + self.draws)


def test_branches_that_differ_are_told():
    assert run_check(subject_of(Restorable, resume="state"), "branches-exactly").status == "passed"
    result = run_check(subject_of(RemembersBranches, resume="state"), "branches-exactly")
    assert (result.status, "two branches from one state" in result.message) == ("failed", True)


def test_a_future_that_its_seed_does_not_decide_is_told():
    assert run_check(subject_of(RedrawsGenerator, resume="state"), "redraws-future").status == "passed"
    result = run_check(subject_of(RedrawsOtherwise, resume="state"), "redraws-future")
    assert (result.status, "gave two futures" in result.message) == ("failed", True)


@pytest.mark.parametrize("task", ["newsvendor", "lost-sales"])  # the latter has a state once it was reset
def test_a_policy_that_plans_is_compared_where_it_can_plan(task: str) -> None:
    from sandbox.registry.discover import registry
    from sandbox.testing.agents import _tried
    from sandbox.testing.subjects import subjects

    (subject,) = [each for each in subjects(registry().domain("inventory")) if each.task.name == task]
    trial = _tried(subject, "planning")
    assert (trial.error, trial.changed) == (None, None)
