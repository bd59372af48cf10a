"""The checks that need a core, several environments or scenario files: each finds what it is for."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest
from pydantic import BaseModel, Field
from test_suite import Config, Walk, broken, subject_of

from sandbox.api import RewardSpec, RewardTerm, batched
from sandbox.api.errors import InvalidValueError
from sandbox.testing import causes, declaration
from sandbox.testing.subjects import Subject
from sandbox.testing.suite import run_check
from sandbox.testing.verdicts import Violation


class Rows:
    """The walk as a core."""

    def __init__(self, config, num_envs):
        self.config = config
        self.observation_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.action_space = gym.spaces.Discrete(3)
        self.place, self.moved = np.zeros(num_envs), np.zeros(num_envs)
        self.steps = np.zeros(num_envs, np.int64)

    def begin(self, row, rng):
        self.place[row], self.moved[row], self.steps[row] = rng.uniform(-0.5, 0.5), 0.0, 0

    def step(self, actions):
        self.moved = (actions - 1) * 0.1
        noise = np.array([rng.normal(0, 0.05) for rng in self.rngs])
        self.place = np.clip(self.place + self.moved + noise, -1, 1)
        self.steps += 1
        return {"place": self.place.copy(), "moved": self.moved.copy()}

    def observe(self):
        return np.stack([self.place, self.moved], 1).astype(np.float32)

    def ends(self):
        return False, self.steps >= self.config.horizon

    def metrics(self, row):
        return {"place": float(self.place[row])}


SPEC = RewardSpec(
    (
        RewardTerm("place", lambda step: step["place"], 1.0, "1"),
        RewardTerm("moved", lambda step: step["moved"], -0.1, "1"),
    )
)


def subject_of_core(core, **changes):
    make, make_vec = batched(core)
    subject = subject_of(make, make_vec=make_vec, resume="state", **changes)
    subject.scenario.__dict__["reward"] = SPEC
    return subject


class SharedBuffer(Rows):
    """Gives away the array that it writes into."""

    def observe(self):
        self.seen = getattr(self, "seen", np.zeros((len(self.place), 2), np.float32))
        self.seen[:] = super().observe()
        return self.seen


class Neighbours(Rows):
    """Every row is pushed by the row before."""

    def step(self, actions):
        return super().step(np.roll(actions, 1))


class Forgetful(Rows):
    """Does not say how many steps it has taken."""

    def get_state(self):
        return {"place": self.place.copy(), "moved": self.moved.copy()}

    def set_state(self, state):
        self.place, self.moved = state["place"].copy(), state["moved"].copy()


VECTOR = ("vector-agrees", "vector-memory", "restores-state", "restores-vector-state", "independent-copies")


def test_a_core_without_fault_passes():
    subject = subject_of_core(Rows)
    results = {name: run_check(subject, name) for name in VECTOR}
    assert {name: result.message for name, result in results.items() if result.status != "passed"} == {}


@pytest.mark.parametrize(
    ("core", "check", "message"),
    [
        (SharedBuffer, "vector-memory", "changes the observation given before"),
        (Neighbours, "vector-agrees", "differ"),
        (Forgetful, "restores-vector-state", "differ"),
    ],
)
def test_a_fault_of_a_core_is_told(core, check, message):
    told = run_check(subject_of_core(core), check)
    assert told.status == "failed"
    assert message in told.message


def test_environments_that_share_something_are_told():
    shared = {"steps": 0}

    def observe(self):
        shared["steps"] += 1
        return np.array([self.place, (shared["steps"] % 7) / 7], np.float32)

    told = run_check(subject_of(broken(observe=observe)), "independent-copies")
    assert told.status == "failed"
    assert "the two share something that should be each one's own" in told.message


def test_what_the_checker_of_gymnasium_finds_is_told():
    def reset(self, *, seed=None):
        return Walk.reset(self, seed=seed)

    told = run_check(subject_of(broken(reset=reset)), "gymnasium")
    assert told.status == "failed"
    assert "check_env" in told.message
    assert "options" in told.message


def test_what_the_tests_of_pettingzoo_find_is_told():
    from pettingzoo import ParallelEnv

    class Pair(ParallelEnv):
        metadata = {"name": "pair"}  # noqa: RUF012
        possible_agents = ["a", "b"]  # noqa: RUF012

        def __init__(self, config, reward, render_mode=None):
            self.render_mode = render_mode

        def observation_space(self, agent):
            return gym.spaces.Box(0, 1, (1,), np.float32)  # another one each time

        def action_space(self, agent):
            return gym.spaces.Discrete(2)

    with pytest.raises(Violation, match=r"pettingzoo\.test: "):
        declaration.pettingzoo_checker(subject_of(Pair, agents="parallel"))


class Unbounded(Config):
    """Parameters of a careless author."""

    speed: float = Field(1.0, ge=0.0, description="cells a step")


class Untold(Config):
    """Parameters of another."""

    speed: float = Field(1.0, ge=0.0, le=2.0)


@pytest.mark.parametrize(
    ("config", "message"),
    [(Unbounded, "config field speed has no lower and upper bound"), (Untold, "speed has no description")],
)
def test_parameters_without_bounds_or_description_are_told(config: type[BaseModel], message):
    subject = subject_of(Walk)
    told = run_check(Subject(subject.domain, replace(subject.task, config=config)), "parameters")
    assert told.status == "failed"
    assert message in told.message


def entry(error=None):
    return SimpleNamespace(id="walk/uphill", task="walk/line", path=None, error=error)


@pytest.mark.parametrize("kind", ["unreadable", "invalid"])
def test_a_scenario_that_cannot_be_loaded_is_told(monkeypatch, kind):
    def load(name):
        raise InvalidValueError("the hill is too steep")

    error = "the hill is too steep" if kind == "unreadable" else None
    monkeypatch.setattr(declaration, "entries", lambda: [entry(error)])
    monkeypatch.setattr(declaration, "load_scenario", load)
    told = run_check(subject_of(Walk), "scenarios")
    assert (told.status, told.message) == ("failed", "walk/uphill: the hill is too steep")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("make", "the environment of walk/uphill cannot be made"),
        ("observe", "in walk/uphill"),
        ("step", "playing walk/uphill raised"),
    ],
)
def test_a_scenario_beside_the_default_that_cannot_be_played_is_told(monkeypatch, fault, message):
    subject = subject_of(Walk)

    def raised(*arguments):
        raise ZeroDivisionError("uphill")

    def far_away(self):
        return np.array([5.0, 0.0], np.float32)

    def made(scenario):
        if fault == "make":
            raised()
        methods = {"observe": far_away} if fault == "observe" else {"step": raised}
        return broken(**methods)(scenario.config, scenario.reward)

    monkeypatch.setattr(causes, "entries", lambda: [entry()])
    monkeypatch.setattr(causes, "load_scenario", lambda name: subject.scenario)
    monkeypatch.setattr(causes, "resolve_env", made)
    with pytest.raises(Violation, match=message):
        causes.played_scenarios(subject)
