"""A learner is driven to the end, checkpointed at every iteration, and goes on exactly where it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sandbox.api import DamagedRunError, Interaction, PluginError, Resume, StopTraining, TrainContext, driven
from sandbox.envs.make import make_training
from sandbox.envs.training_state import capture, restore
from sandbox.scenarios.given import as_scenario


class Fixed:
    """A policy that is one number."""

    def __init__(self, value: float) -> None:
        self.value = value


class Averaging:
    """Plays at random and keeps a running mean of what it earned: a learner of one number."""

    LENGTH = 5

    def __init__(self, context: TrainContext) -> None:
        self.rng = np.random.default_rng(context.seed)
        self.play = Interaction(context)
        self.mean, self.iterations = 0.0, 0

    def iterate(self):
        total = 0.0
        for _ in range(self.LENGTH):
            total += float(self.play.step(self.draw()).reward.sum())
        self.iterations += 1
        self.mean += (total - self.mean) / self.iterations
        return self.LENGTH * self.play.rows, {"mean": self.mean}

    def draw(self):
        space = self.play.envs.single_action_space
        if space.shape:
            return self.rng.uniform(-1, 1, (self.play.rows, *space.shape)).astype(np.float32)
        return self.rng.integers(space.n, size=self.play.rows)

    def policy(self):
        return Fixed(self.mean)

    def get_state(self):
        return {
            "rng": self.rng.bit_generator.state,
            "play": self.play.get_state(),
            "mean": self.mean,
            "iterations": self.iterations,
        }

    def set_state(self, state):
        self.rng.bit_generator.state = state["rng"]
        self.play.set_state(state["play"])
        self.mean, self.iterations = state["mean"], state["iterations"]


class Run:
    """What stands around a training: it keeps environments, reports and states."""

    def __init__(self, scenario: str, steps: int = 200, num_envs: int = 4) -> None:
        self.scenario = as_scenario(scenario)
        self.steps, self.num_envs = steps, num_envs
        self.reports: list[tuple[int, float, bool]] = []
        self.envs = []

    def context(self, update, resume=None, envs_state=None) -> TrainContext:
        def make_envs(num_envs):
            self.envs.append(make_training(self.scenario, num_envs, 0))
            if envs_state is not None:
                restore(self.envs[-1], envs_state, pytest.fail)
            return self.envs[-1]

        return TrainContext(
            make_envs=make_envs,
            observation_space=None,
            action_space=None,
            config=None,
            steps=self.steps,
            seed=0,
            num_envs=self.num_envs,
            update=update,
            resume=resume,
        )

    def report(self, steps, policy, values=None, state=None):
        self.reports.append((steps, policy().value, state is not None))


@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize("scenario", ["toy/regulator-plane", "toy/corridor", "toy/forage"])
@pytest.mark.parametrize("stop", [20, 100, 180])
def test_a_learner_that_was_stopped_anywhere_ends_where_it_would_have_ended(scenario, stop, tmp_path):
    whole = Run(scenario)
    final = driven(Averaging)(whole.context(whole.report))

    first, kept = Run(scenario), {}

    def stopping(steps, policy, values=None, state=None):
        if steps == stop:
            state(tmp_path, None)
            kept["envs"] = capture(first.envs[0])
            raise StopTraining

    with pytest.raises(StopTraining):
        driven(Averaging)(first.context(stopping))
    second = Run(scenario)
    resumed = driven(Averaging)(
        second.context(second.report, resume=Resume(tmp_path, environments=True), envs_state=kept["envs"])
    )
    assert resumed.value == final.value
    assert second.reports[0][0] == stop  # the moment of the state is reported first
    assert second.reports[1:] == [report for report in whole.reports if report[0] > stop]
    assert first.envs[0].closed
    assert second.envs[0].closed


@pytest.mark.usefixtures("toys")
def test_every_iteration_is_a_safe_point_and_the_last_needs_none():
    run = Run("toy/regulator", steps=50)
    driven(Averaging)(run.context(run.report))
    assert [(steps, safe) for steps, _, safe in run.reports] == [(20, True), (40, True), (60, False)]


@pytest.mark.usefixtures("toys")
def test_new_environments_are_reset_when_old_ones_cannot_be_had(tmp_path):
    run = Run("toy/regulator")

    def stopping(steps, policy, values=None, state=None):
        state(tmp_path, None)
        raise StopTraining

    with pytest.raises(StopTraining):
        driven(Averaging)(run.context(stopping))
    again = Run("toy/regulator")
    driven(Averaging)(again.context(again.report, resume=Resume(tmp_path, environments=False)))
    assert again.reports[-1][0] == 200


@pytest.mark.usefixtures("toys")
def test_a_state_of_another_learner_and_an_iteration_without_steps_are_refused(tmp_path):
    class Idle(Averaging):
        def iterate(self):
            return 0, {}

        def set_state(self, state):
            state["something else"]

    run = Run("toy/regulator")
    with pytest.raises(PluginError, match="reports 0 steps"):
        driven(Idle)(run.context(run.report))
    with pytest.raises(StopTraining):
        driven(Averaging)(run.context(lambda steps, policy, values, state: write_and_stop(state, tmp_path)))
    with pytest.raises(DamagedRunError, match="does not fit"):
        driven(Idle)(run.context(run.report, resume=Resume(tmp_path, environments=False)))


def write_and_stop(state, folder: Path) -> None:
    state(folder, None)
    raise StopTraining


@pytest.mark.usefixtures("toys")
def test_transitions_end_with_the_episode_and_carry_masks():
    run = Run("toy/shelf", num_envs=2)
    run.scenario = as_scenario("toy/shelf", ["config.horizon=3"])
    play = Interaction(run.context(run.report))
    steps = [play.step(np.zeros(2, int)) for _ in range(4)]
    assert [step.truncated.tolist() for step in steps] == [[False] * 2, [False] * 2, [True] * 2, [False] * 2]
    # Without orders stock only falls, so the true last observation is never above the one before.
    assert (steps[2].next_observation <= steps[2].observation).all()
    for step in steps:
        room = np.rint(5 * (1 - step.observation[:, 0])).astype(int)
        assert step.mask.sum(axis=1).tolist() == (room + 1).tolist()
    for envs in run.envs:
        envs.close()
