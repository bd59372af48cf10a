"""A batch of robots under the rules of a task: what its environments, planners and searches step.

Row i of a batch with seed s plays exactly the episode of a batch of one with seed s.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np

from sandbox.api import InvalidValueError
from sandbox_locomotion import conditions, dynamics
from sandbox_locomotion.arrays import Array, Flags, Floats, any_true
from sandbox_locomotion.config import LocomotionConfig
from sandbox_locomotion.imitation import ReferenceGait, errors_between, pose_of
from sandbox_locomotion.metrics import add_step, episode_metrics, zero_sums
from sandbox_locomotion.models.limits import MAX_BATCH_BYTES
from sandbox_locomotion.models.randomization import clone_model
from sandbox_locomotion.models.robot_model import RobotModel, build_robot_model
from sandbox_locomotion.models.terrain import uses_height_field
from sandbox_locomotion.physics.batch import Physics
from sandbox_locomotion.physics.rollout import RolloutPhysics
from sandbox_locomotion.state import EpisodeState
from sandbox_locomotion.transition import Contacts, GaitErrors, Transition


@dataclass(frozen=True)
class Snapshot:
    """The state of one environment, as far as physics and reward depend on it."""

    physics: Floats
    fields: dict[str, Floats]
    state: dict[str, Array]


class Simulation:
    """A batch of robots.

    Args:
        config: The task's parameters.
        num_envs: Number of environments.
        threads: Threads or processes that step them; 0 for one per processor.
        visible: Whether it will be drawn.
        fast: Whether it is stepped by ``mujoco.rollout``, which is faster and not exact.
        reference: The gait to imitate, if any.
        robot: The constants of the task, if they have been built; from the config if absent.

    Attributes:
        robot: The constants of the task.
        physics: The batch of MuJoCo simulations.
        state: The state of the episodes apart from the physics.
        sums: Sums over the episodes, from which metrics follow.
        rngs: One generator per environment.
        terminated, truncated, failed: Whether the last step has ended each episode in an unhealthy state or
            a failure, at the horizon, and in a failure: diverged physics or an action that is not finite;
            shape ``(num_envs,)`` each.
    """

    def __init__(
        self,
        config: LocomotionConfig,
        num_envs: int,
        threads: int = 0,
        visible: bool = False,
        fast: bool = False,
        reference: ReferenceGait | None = None,
        robot: RobotModel | None = None,
    ) -> None:
        self.num_envs, self.reference = num_envs, reference
        self.threads, self.fast = threads, fast
        self.robot = build_robot_model(config, visible, fast) if robot is None else robot
        self.physics = _make_physics(self.robot, num_envs, threads, fast)
        self.state = EpisodeState.create(self.robot, num_envs)
        self.sums = zero_sums(num_envs)
        self.rngs = [np.random.default_rng() for _ in range(num_envs)]
        self._no_contacts = Contacts.unknown(num_envs, len(self.robot.anatomy.feet))
        self._no_errors = GaitErrors.zero(num_envs)
        self._warned = False
        self._bad_actions = np.zeros(num_envs, np.bool_)
        self.terminated, self.truncated, self.failed = (np.zeros(num_envs, np.bool_) for _ in range(3))

    @property
    def config(self) -> LocomotionConfig:
        """The task's parameters."""
        return self.robot.config

    @property
    def dt(self) -> float:
        """Length of a control step, s."""
        return self.robot.dt

    @property
    def action_space(self) -> gym.spaces.Box:
        """The action space of one environment."""
        return self.robot.action_space

    def ground(self) -> Floats:
        """Height of the ground below every root, m, ``(num_envs,)``."""
        return dynamics.ground_height(self.robot, self.state.heights, self.physics.qpos)

    # ---- episodes ---------------------------------------------------------------------------------

    def seed(self, row: int, seed: int) -> None:
        """Restart the generator of an environment, as Gymnasium does."""
        self.rngs[row] = gym.utils.seeding.np_random(seed)[0]

    def reset(self, rows: Sequence[int]) -> None:
        """Start an episode in these environments."""
        for row in rows:
            self._place(row, self.rngs[row])
        chosen = np.asarray(rows, np.int64)
        self.state.clear(chosen)
        for flags in (self.terminated, self.truncated, self.failed):
            flags[chosen] = False
        for values in self.sums.values():
            values[chosen] = 0.0
        tracked = dynamics.tracked_position(self.robot, self.physics, self.state)
        self.state.tracked[chosen] = tracked[chosen]
        self.state.feet_before[chosen] = dynamics.feet_position(self.robot, self.physics)[chosen]

    def _place(self, row: int, rng: np.random.Generator) -> None:
        """Draw the initial state and the conditions of an episode."""
        robot, start = self.robot, self.robot.start
        anatomy, rules, noise = robot.anatomy, robot.rules, robot.rules.noise
        qpos, qvel = start.qpos.copy(), start.qvel.copy()
        own_qpos, own_qvel = qpos[anatomy.qpos], qvel[anatomy.dofs]
        # Gymnasium's draws, in its order, come first: the same seed gives the same initial state.
        own_qpos += rules.noise_shares * rng.uniform(-noise, noise, len(own_qpos))
        if rules.robot.normal_velocities:
            own_qvel += noise * rng.standard_normal(len(own_qvel))
        else:
            own_qvel += rng.uniform(-noise, noise, len(own_qvel))
        conditions.draw_conditions(robot, self.physics, self.state, row, rng)
        height = anatomy.root.height_column
        if height is not None and uses_height_field(self.config):
            heights = self.state.heights[row : row + 1]
            rise = dynamics.ground_height(robot, heights, qpos[None])[0] - anatomy.ground
            qpos[height] += anatomy.root.height_sign * rise
        self.physics.place(row, qpos, qvel, start.act, start.ctrl, start.keyframe)

    # ---- a step -----------------------------------------------------------------------------------

    def step(self, actions: Array) -> Transition:
        """Advance every environment by one control step; what it did, for reward terms.

        Args:
            actions: Shape ``(num_envs, motors)``; clipped to the action space first. One that is not finite
                ends its episode as a failure.
        """
        robot, state, physics = self.robot, self.state, self.physics
        action = dynamics.clip_action(actions, robot.action_space)
        bad = self._bad_actions = dynamics.not_finite(np.asarray(actions))
        if any_true(bad):
            action[bad] = robot.rest
        physics.view("CTRL")[:] = dynamics.motor_control(robot, state, action)
        conditions.update_pushes(robot, physics, state, self.rngs)
        before = physics.state.copy()
        physics.step(robot.frame_skip)
        state.elapsed[:] += 1
        failed = dynamics.diverged(physics.motion) | bad
        if any_true(failed):
            self._undo(failed, before)
        step = self._measure(action)
        state.previous[:] = action
        state.speed[:] = step.forward_speed
        add_step(self.sums, step, commanded=self.config.command_speed is not None)
        self._judge(step, failed)
        conditions.renew_commands(robot, state, self.rngs)
        return step

    def _measure(self, action: Array) -> Transition:
        robot, state, physics = self.robot, self.state, self.physics
        contacts, errors = self._no_contacts, self._no_errors
        if physics.computes_contacts:
            contacts = dynamics.measure_contacts(robot, physics, state)
        if self.reference is not None:
            pose = pose_of(robot.anatomy, physics, self.ground())
            errors = errors_between(pose, self.reference.at(state.elapsed))
        return dynamics.measure_transition(robot, physics, state, action, contacts, errors)

    def _judge(self, step: Transition, failed: Flags) -> None:
        """Note which episodes end with a step."""
        rules = self.robot.rules
        self.failed, self.terminated = failed, failed.copy()
        if rules.terminates:
            self.terminated |= ~step.healthy
        self.truncated = (self.state.elapsed >= self.config.horizon) & ~failed
        self.state.fallen[:] = (
            failed | (step.up < 0) | (~step.healthy if rules.unhealthy_is_fallen else False)
        )

    def _undo(self, failed: Flags, before: Floats) -> None:
        """Put environments whose physics diverged back to their state before the step."""
        rows = np.flatnonzero(failed).tolist()
        for row in rows:
            self.physics.restore(row, before[row])
        if not self._warned:
            self._warned = True
            warnings.warn(self.failure_message(rows[0]), stacklevel=3)

    def failure_message(self, row: int) -> str:
        """Why the episode of an environment failed."""
        name = Path(self.config.model).name or self.robot.rules.robot.name
        if self._bad_actions[row]:
            return (
                f"The action of step {int(self.state.elapsed[row])} is not finite: it holds NaN or infinity. "
                f"The {name} did not move; the episode ends and is counted as a failure."
            )
        return (
            f"The physics of the {name} diverged in step {int(self.state.elapsed[row])}: a "
            f"position or velocity became infinite, not a number, or larger than {dynamics.MAX_MOTION:g}. "
            "The episode ends and is counted as a failure; a smaller timestep or weaker motors may help."
        )

    def metrics(self) -> dict[str, Floats]:
        """Metrics of the current episode of every environment, ``(num_envs,)`` each."""
        return episode_metrics(self.sums, self.dt, self.state.weight, self.state.fallen, self.failed)

    # ---- saving and restoring -----------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        """Everything that the next steps depend on but the generators, as plain data."""
        return {
            "physics": self.physics.state.copy(),
            "fields": {name: self.physics.fields[name].copy() for name in self.physics.gathered},
            "arrays": {name: values.copy() for name, values in self.state.saved().items()},
            "tally": {name: values.copy() for name, values in self.sums.items()},
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from what `get_state` returned, bit for bit."""
        self.physics.state[:] = state["physics"]
        for name in self.physics.gathered:
            self.physics.fields[name][:] = state["fields"][name]
        for name, values in self.state.saved().items():
            values[:] = state["arrays"][name]
        for name, values in self.sums.items():
            values[:] = state["tally"][name]
        if self.robot.varies:
            for row in range(self.num_envs):
                conditions.apply_conditions(self.robot, self.physics, self.state, row)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles play on exactly; threads and worker processes are their own."""
        arguments = (self.robot, self.num_envs, self.threads, self.fast, self.reference)
        # The generators themselves: whoever shares them shares them in the copy.
        return _rebuild, arguments, self.get_state() | {"rngs": self.rngs}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.rngs = state["rngs"]
        self.set_state(state)

    def snapshot(self, row: int) -> Snapshot:
        """A copy of the state of one environment."""
        return Snapshot(
            self.physics.state[row].copy(),
            {name: self.physics.fields[name][row].copy() for name in self.physics.gathered},
            {name: values[row].copy() for name, values in self.state.saved().items()},
        )

    def load_snapshot(self, snapshot: Snapshot) -> None:
        """Put every environment into the state of one in another simulation with the same physics."""
        self.physics.state[:] = snapshot.physics
        for name in self.physics.gathered:
            self.physics.fields[name][:] = snapshot.fields[name]
        for name, values in self.state.saved().items():
            values[:] = snapshot.state[name]

    def close(self) -> None:
        """Stop threads and worker processes."""
        self.physics.close()


def _rebuild(
    robot: RobotModel, num_envs: int, threads: int, fast: bool, reference: ReferenceGait | None
) -> Simulation:
    """A simulation of the same robots, not yet in any state."""
    return Simulation(robot.config, num_envs, threads, fast=fast, reference=reference, robot=robot)


def _check_size(robot: RobotModel, num_envs: int) -> None:
    """Refuse a batch whose models, one for each environment, would take too much memory.

    Raises:
        InvalidValueError: With the limit.
    """
    size = mujoco.mj_sizeModel(robot.mj_model) * num_envs
    if size > MAX_BATCH_BYTES:
        raise InvalidValueError(
            f"The models of {num_envs} environments would take {size / 2**30:.1f} GB; at most "
            f"{MAX_BATCH_BYTES >> 30} GB are allowed.",
            "Make fewer (--num-envs), or leave physics and terrain fixed: then they share one model.",
        )


def _make_physics(robot: RobotModel, num_envs: int, threads: int, fast: bool) -> Physics:
    models = [robot.mj_model]
    if robot.varies:
        _check_size(robot, num_envs)
        models = [clone_model(robot.mj_model) for _ in range(num_envs)]
    if fast:
        return RolloutPhysics(models, num_envs, threads, robot.anatomy, robot.dt / robot.frame_skip)
    observed = robot.rules.robot.observed_fields
    fields = dict.fromkeys(("xpos", "xipos", "qfrc_actuator", "cfrc_ext", *observed))
    return Physics(models, num_envs, tuple(fields), threads)
