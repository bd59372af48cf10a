"""Checks of causes: each finds one thing that acts and should not, or has no effect and should have one."""

from __future__ import annotations

import itertools
import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest
from test_suite import Walk, broken, subject_of, with_step

from sandbox.api import Baseline
from sandbox.api.errors import InvalidValueError
from sandbox.testing import play
from sandbox.testing.lock import episode
from sandbox.testing.suite import run_check
from sandbox.testing.verdicts import take_cuts

TOYS = Path(__file__).parents[2] / "toys"


def result(subject, check):
    return run_check(subject, check)


def test_coverage_tells_what_was_seen():
    message = result(subject_of(Walk), "coverage").message
    assert message.startswith("600 steps, 20 episodes to their end; 0 terminated, 20 truncated")


class Nudge:
    """A baseline that helps itself to the simulator."""

    def __init__(self, env):
        self.env = env

    def reset(self, num_envs, seed=None):
        pass

    def act(self, observation, mask=None, deterministic=True):
        self.env.place = 0.0
        return np.ones(1, np.int64)


class Draw(Nudge):
    """A baseline that draws from the environment's generator."""

    def act(self, observation, mask=None, deterministic=True):
        self.env.np_random.random()
        return np.ones(1, np.int64)


@pytest.mark.parametrize("policy", [Nudge, Draw])
def test_a_baseline_that_edits_the_simulation_is_found(policy):
    subject = subject_of(Walk, baselines=(Baseline("nudge", policy, "pushes the walker itself"),))
    told = result(subject, "baselines-only-look")
    assert told.status == "failed"
    assert "the actions of nudge without nudge do not give its episode" in told.message


def test_a_baseline_that_refuses_is_at_fault_where_the_scenario_names_it(monkeypatch):
    def refuse(env):
        raise InvalidValueError("It needs cells.")

    subject = subject_of(Walk, baselines=(Baseline("refuses", refuse, "for other scenarios"),))
    told = result(subject, "baselines-only-look")
    assert (told.status, told.message) == ("failed", "refuses cannot play: It needs cells.")
    monkeypatch.setattr(type(subject.scenario), "baselines", lambda scenario: [])
    told = result(subject, "baselines-only-look")
    assert told.status == "passed"
    assert told.message == "refuses is not for this scenario, which does not name it: It needs cells."
    assert result(subject, "reward-varies").status == "passed"


def test_a_constant_reward_is_found():
    def constant(self, observation, reward, terminated, truncated, info):
        info["reward_terms"] = {"place": 1.0, "moved": 0.0}
        return observation, 1.0, terminated, truncated, info

    told = result(subject_of(with_step(constant)), "reward-varies")
    assert told.status == "failed"
    assert "the reward was the same in all of 600 random steps" in told.message


def test_a_term_that_stayed_nought_is_not_ok_but_unseen():
    def still(self, observation, reward, terminated, truncated, info):
        info["reward_terms"] = {**info["reward_terms"], "moved": 0.0}
        return observation, info["reward_terms"]["place"], terminated, truncated, info

    told = result(subject_of(with_step(still)), "reward-varies")
    assert (told.status, "nothing was seen of moved" in told.message) == ("skipped", True)


def demand(depends):
    """A walk whose outer events depend on the actions, or not."""

    def step(self, observation, reward, terminated, truncated, info):
        info["exogenous"] = {"wind": float(self.place) if depends else 0.5}
        return observation, reward, terminated, truncated, info

    return subject_of(with_step(step))


def test_outer_events_that_depend_on_actions_are_found():
    told = result(demand(depends=True), "outer-events")
    assert told.status == "failed"
    assert "with other actions info['exogenous'] of step" in told.message
    assert result(demand(depends=False), "outer-events").status == "passed"
    assert result(subject_of(Walk), "outer-events").status == "skipped", "it says nothing of outer events"


def played_with(space, action_of):
    """A walk that is told ``action_of(action)`` instead of the action."""

    class Told(Walk):
        def __init__(self, config, reward, render_mode=None):
            super().__init__(config, reward, render_mode)
            self.action_space = space

        def step(self, action):
            return super().step(action_of(action))

    subject = subject_of(Told)
    subject.budget = replace(subject.budget, seconds=60.0)  # no part is left out on a busy machine
    return subject


def test_actions_that_are_not_passed_on_are_found():
    told = result(played_with(gym.spaces.Discrete(3), lambda action: 1), "actions-matter")
    assert told.status == "failed"
    assert "unlike sequences of actions after reset(seed=" in told.message
    assert result(subject_of(Walk), "actions-matter").status == "passed"


def test_a_part_of_an_action_without_effect_is_named():
    two = gym.spaces.MultiDiscrete([3, 3])
    told = result(played_with(two, lambda action: action[0]), "actions-matter")
    assert (told.status, told.message) == ("passed", "no effect seen of action[1] of 2")
    told = result(played_with(two, lambda action: (action[0] + action[1]) % 3), "actions-matter")
    assert (told.status, told.message) == ("passed", "")


def test_a_task_with_one_action_has_no_unlike_ones():
    told = result(played_with(gym.spaces.Discrete(1), lambda action: 2), "actions-matter")
    assert (told.status, told.message) == ("skipped", "no two unlike actions were allowed")


def test_a_metric_that_leaves_out_the_unfinished_is_found():
    def step(self, observation, reward, terminated, truncated, info):
        if truncated:
            info["denominators"] = {"mean": int(self.place > 0)}
        return observation, reward, terminated, truncated, info

    assert result(subject_of(with_step(step)), "outer-events").status == "failed"


def test_nothing_seen_is_a_skip():
    def never(self, observation, reward, terminated, truncated, info):
        return observation, reward, terminated, truncated, {**info, "action_mask": np.ones(3, bool)}

    def reset(self, *, seed=None, options=None):
        observation, info = Walk.reset(self, seed=seed, options=options)
        return observation, {**info, "action_mask": np.ones(self.action_space.n, bool)}

    def step(self, action):
        *answer, info = Walk.step(self, action)
        return (*answer, {**info, "action_mask": np.ones(self.action_space.n, bool)})

    subject = subject_of(broken(reset=reset, step=step), masks=True)
    told = result(subject, "masks")
    assert told.status == "skipped"
    assert told.message.startswith("no mask forbade anything in 600 random steps")


def test_what_was_cut_short_is_said(monkeypatch):
    from sandbox.testing import verdicts

    subject = subject_of(Walk)
    assert result(subject, "deterministic").message == ""
    short = verdicts.Budget(600, 0.0, 0.0, 2, 1)
    monkeypatch.setattr(subject, "budget", short)
    told = result(subject, "deterministic")
    assert told.status == "passed"
    assert told.message.startswith("cut short after 1 of ")
    assert take_cuts() == []


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """The regulator's plugin in a folder of its own, to be edited."""
    folder = tmp_path / "toys"
    shutil.copytree(TOYS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def checked(folder, *more):
    import subprocess
    import sys

    command = [sys.executable, "-m", "sandbox.cli.main", "plugin", "check", str(folder / "plugin.py")]
    done = subprocess.run(
        [*command, "--quick", "--json", *more], capture_output=True, text=True, check=False, timeout=300
    )
    document = json.loads(done.stdout)
    return {(each["task"], each["check"]): each for each in document["checks"]}


def test_a_parameter_that_loses_its_effect_breaks_the_lock_though_the_episode_is_the_same(copied):
    code = copied / "toy_regulator.py"
    before = code.read_text()
    after = before.replace("rng.uniform(-config.spread, config.spread,", "rng.uniform(-1.0, 1.0,")
    assert after != before
    code.write_text(after)
    told = checked(copied, "--only", "locked")["toy/regulator", "locked"]
    assert told["status"] == "failed"
    assert "config.spread has no effect any more" in told["message"]
    assert "raise Task.version" in told["message"]


def test_what_is_locked_of_an_episode_does_not_depend_on_how_fast_it_is_played(monkeypatch):
    subject = subject_of(Walk)
    expected = episode(subject)
    hours = itertools.count()
    monkeypatch.setattr(play, "time", SimpleNamespace(perf_counter=lambda: 3600.0 * next(hours)))
    assert episode(subject) == expected


def test_a_lock_file_of_another_instance_is_no_excuse(copied):
    code = copied / "toy_regulator.py"
    code.write_text(code.read_text().replace("spread: float = Field(1.0,", "spread: float = Field(1.1,"))
    told = checked(copied, "--only", "locked")["toy/regulator", "locked"]
    assert told["status"] == "failed"
    assert "is of another small instance" in told["message"]
    assert checked(copied, "--only", "locked", "--lock")["toy/regulator", "locked"]["status"] == "passed"


def test_a_change_without_another_version_breaks_the_lock(copied):
    only = ("--only", "locked", "--only", "parameters-matter")
    code = copied / "toy_regulator.py"
    code.write_text(code.read_text().replace("config.gain * push", "0.9 * config.gain * push"))
    told = checked(copied, *only)
    assert told["toy/regulator", "locked"]["status"] == "failed"
    assert "raise Task.version, or take the change back" in told["toy/regulator", "locked"]["message"]
    assert told["toy/forage", "locked"]["status"] == "passed"

    code.write_text(
        code.read_text().replace(
            "    axes: int",
            '    paintwork: int = Field(3, ge=0, le=9, description="of nothing")\n    axes: int',
        )
    )
    plugin = copied / "plugin.py"
    raised = plugin.read_text().replace('"regulator",\n    version=1', '"regulator",\n    version=2')
    plugin.write_text(raised)
    told = checked(copied, *only)
    assert "is of version 1, the task of 2" in told["toy/regulator", "locked"]["message"]
    assert told["toy/regulator", "parameters-matter"]["status"] == "failed"
    assert "config.paintwork has no effect" in told["toy/regulator", "parameters-matter"]["message"]
    told = checked(copied, *only, "--lock")
    assert told["toy/regulator", "locked"]["status"] == "passed"
