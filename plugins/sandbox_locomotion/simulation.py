"""The task on a batch of robots: what every environment of this domain adapts, whatever its interface.

One control step: clip the action, delay it, push the robot, let physics pass, read off a `Transition`,
score it, and observe. Everything is an array over copies; a single environment is a batch of one, so
copy i with seed s plays exactly the episode of the single environment.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
from numpy.typing import NDArray

from sandbox.api import RewardSpec
from sandbox_locomotion import body as bodies
from sandbox_locomotion import conditions, terrain
from sandbox_locomotion.config import LocomotionConfig, QuadrupedConfig
from sandbox_locomotion.metrics import Tally
from sandbox_locomotion.models import STAND, compile_model, make_spec
from sandbox_locomotion.observe import Observer
from sandbox_locomotion.physics import Physics, RolloutPhysics
from sandbox_locomotion.reward import SWING, Transition
from sandbox_locomotion.robots import ROBOTS

Array = NDArray[Any]
Flags = NDArray[np.bool_]

DIVERGED = 1e6
"""Positions and velocities beyond this, m, rad, m/s, rad/s, count as diverged physics."""


@dataclass(frozen=True)
class Outcome:
    """What one control step brought, shape ``(copies, …)`` each; observations are made apart."""

    reward: Array
    terms: dict[str, Array]
    terminated: Flags
    truncated: Flags
    failed: Flags


class Simulation:
    """A batch of robots.

    Args:
        config: The task's parameters.
        reward: Its reward.
        copies: Robots.
        threads: Threads to step with; 0 for one a processor.
        visible: Whether it will be drawn.
        batched: Whether it may be stepped by ``mujoco.rollout`` where the config asks for that.
    """

    def __init__(
        self,
        config: LocomotionConfig,
        reward: RewardSpec,
        copies: int,
        threads: int = 0,
        visible: bool = False,
        batched: bool = True,
    ) -> None:
        self.config, self.reward, self.copies = config, reward, copies
        robot = self.robot = ROBOTS[config.robot]
        spec = make_spec(config, visible or config.observation == "camera")
        if config.terrain != "flat":
            terrain.add_terrain(spec, config)
        self.base = compile_model(spec, config)
        if config.terrain == "slope":
            terrain.tilt_gravity(self.base, config.terrain_slope)
        self.body = bodies.anatomy(self.base, robot.root)
        self.frame_skip = config.frame_skip or robot.frame_skip
        self.dt = float(self.base.opt.timestep) * self.frame_skip
        self.layout = conditions.Layout(self.base.nbody - 1, self.base.nu)
        self.own_models = conditions.varies(config)
        fast = config.fast and batched
        if fast and robot.fast_steps and not (config.frame_skip or config.model):
            self.frame_skip = robot.fast_steps
        self.physics = self._make_physics(threads, fast)
        if conditions.shifted(config) and not self.own_models:
            row = conditions.draw_physics(config, self.layout, np.random.default_rng(0))
            source = conditions.own_model(self.base)
            conditions.apply_physics(source, self.base, self.physics.scratch(), row, self.body.torso)
        self.start = self._start_pose()
        self._prepare_actions()
        self.observer = Observer(self)
        self.rngs = [np.random.default_rng() for _ in range(copies)]
        motors = self.base.nu
        self.elapsed = np.zeros(copies, np.int64)
        self.previous = np.zeros((copies, motors))
        self.history = np.zeros((copies, config.latency[1] + 1, motors))
        self.delay = np.zeros(copies, np.int64)
        self.command = np.zeros((copies, 3))
        self.push = np.zeros((copies, 3))
        self.physics_rows = np.ones((copies, self.layout.size))
        self.uneven = config.terrain in ("steps", "rough")
        side = terrain.POINTS if self.uneven else 1
        self.heights = np.zeros((copies, side, side))
        self.terrain_seeds = np.zeros(copies, np.int64)
        self.air = np.zeros((copies, len(self.body.feet)))
        shape = self.air.shape
        self._unfelt = (
            np.zeros(shape, np.bool_),
            np.zeros(shape),
            np.full(shape, SWING),
            np.zeros((copies, 1)),
        )
        self.tracked = np.zeros((copies, 2))
        self.feet_before = np.zeros((copies, len(self.body.feet), 2))
        self.tally = Tally(copies, config.command_speed is not None)
        self.fallen = np.zeros(copies, np.bool_)
        self.speed = np.zeros(copies)
        self._told = False

    # ---- episodes ---------------------------------------------------------------------------------

    def seed(self, copy: int, seed: int) -> None:
        """Restart a copy's generator, as Gymnasium does with an environment's."""
        self.rngs[copy] = gym.utils.seeding.np_random(seed)[0]

    def reset(self, rows: Sequence[int]) -> None:
        """Begin an episode in these copies."""
        config, robot = self.config, self.robot
        noise = robot.reset_noise if config.reset_noise is None else config.reset_noise
        for copy in rows:
            rng = self.rngs[copy]
            # The first draws are Gymnasium's, in its order, so that the same seed starts the same way.
            qpos = self.start + rng.uniform(-noise, noise, self.base.nq)
            if robot.normal_velocities:
                qvel = noise * rng.standard_normal(self.base.nv)
            else:
                qvel = rng.uniform(-noise, noise, self.base.nv)
            self._draw_conditions(copy, rng)
            if self.body.vertical is not None and self.uneven:
                qpos[self.body.vertical] += self._ground(qpos[None], np.array([copy]))[0]
            self.physics.place(copy, qpos, qvel)
        chosen = np.asarray(rows, np.int64)
        self.elapsed[chosen] = 0
        self.previous[chosen] = 0.0
        self.history[chosen] = 0.0
        self.air[chosen] = 0.0
        self.push[chosen] = 0.0
        self.fallen[chosen] = False
        self.speed[chosen] = 0.0
        self.tally.clear(chosen)
        self.tracked[chosen] = self._track()[chosen]
        self.feet_before[chosen] = self._feet()[chosen]
        self.observer.begin(chosen)

    def _draw_conditions(self, copy: int, rng: np.random.Generator) -> None:
        config = self.config
        if self.own_models:
            self.physics_rows[copy] = conditions.draw_physics(config, self.layout, rng)
            if self.uneven:
                self.terrain_seeds[copy] = rng.integers(2**31)
            self._apply(copy)
        if config.latency[1]:
            self.delay[copy] = rng.integers(config.latency[0], config.latency[1] + 1)
        self.command[copy] = conditions.draw_command(config, rng)

    def _apply(self, copy: int) -> None:
        """Give a copy's model the physics and the ground that were drawn for it."""
        model, row = self.physics.models[copy], self.physics_rows[copy]
        conditions.apply_physics(self.base, model, self.physics.scratch(), row, self.body.torso)
        if self.uneven:
            rng = np.random.default_rng(self.terrain_seeds[copy])
            self.heights[copy] = terrain.draw_heights(self.config, rng)
            terrain.set_heights(model, self.heights[copy], self.config)

    # ---- a step -----------------------------------------------------------------------------------

    def step(self, actions: Array) -> Outcome:
        """Let one control step pass in every copy.

        Args:
            actions: Shape ``(copies, motors)``; clipped to the action space first.
        """
        given = np.asarray(actions)
        if given.dtype.kind != "f":
            given = given.astype(np.float32)
        # What np.clip computes, in half of its time.
        action = np.minimum(np.maximum(given, self.action_space.low), self.action_space.high)
        self.physics.view("CTRL")[:] = self._control(action)
        self._disturb()
        before = self.physics.state.copy()
        self.physics.step(self.frame_skip)
        failed = self._undo_divergence(before)
        self.elapsed += 1
        step = self._transition(action)
        self.previous[:] = action
        self.speed[:] = step.forward
        self.tally.add(step)
        breakdown = self.reward(step)
        terminated = failed.copy()
        if self.robot.terminates and self.config.terminate:
            terminated |= ~step.healthy
        truncated = (self.elapsed >= self.config.horizon) & ~failed
        self.fallen[:] = failed | (step.up < 0) | (~step.healthy if self.robot.terminates else False)
        self._renew_commands()
        return Outcome(
            np.asarray(breakdown.total, np.float64), breakdown.terms, terminated, truncated, failed
        )

    def metrics(self, failed: Flags) -> dict[str, Array]:
        """Metrics of the current episode of every copy."""
        return self.tally.metrics(self.dt, self.body.weight, self.fallen, failed)

    def _control(self, action: Array) -> Array:
        applied = action
        if self.config.latency[1]:
            self.history[:, 1:] = self.history[:, :-1]
            self.history[:, 0] = action
            applied = self.history[np.arange(self.copies), self.delay]
        if self.targets is None:
            return np.asarray(applied)
        middle, half = self.targets
        low, high = self.base.actuator_ctrlrange.T
        return np.asarray(np.clip(middle + half * applied, low, high))

    def _disturb(self) -> None:
        """Begin and end pushes that are due."""
        config = self.config
        if not config.push_speed:
            return
        every = max(1, round(config.push_interval / self.dt))
        lasts = max(1, round(conditions.PUSH_TIME / self.dt))
        phase = self.elapsed % every
        for copy in np.flatnonzero((phase == 0) & (self.elapsed > 0)):
            planar = self.body.root == "sagittal"
            self.push[copy] = conditions.draw_push(config, self.body.mass, planar, self.rngs[copy])
        self.push[phase >= lasts] = 0.0
        start = 6 * self.body.torso
        self.physics.view("XFRC_APPLIED")[:, start : start + 3] = self.push

    def _renew_commands(self) -> None:
        config = self.config
        if config.command_speed is None or not config.command_interval:
            return
        every = max(1, round(config.command_interval / self.dt))
        for copy in np.flatnonzero(self.elapsed % every == 0):
            self.command[copy] = conditions.draw_command(config, self.rngs[copy])

    def _undo_divergence(self, before: Array) -> Flags:
        """Put copies whose physics diverged back to where they were; their episode ends."""
        size = np.abs(self.physics.motion)
        if size.max() < DIVERGED:  # of NaN this is false
            return np.zeros(self.copies, np.bool_)
        failed: Flags = np.any(~(size < DIVERGED), 1)
        for copy in np.flatnonzero(failed):
            self.physics.restore(int(copy), before[copy])
        if failed.any() and not self._told:
            self._told = True
            warnings.warn(self.failure(int(np.flatnonzero(failed)[0]), 1), stacklevel=3)
        return failed

    def failure(self, copy: int, ahead: int = 0) -> str:
        """Why the episode of a copy failed, in a sentence."""
        return (
            f"The physics of the {self.robot.name} diverged in step {int(self.elapsed[copy]) + ahead}: a "
            f"position or velocity became infinite, not a number, or larger than {DIVERGED:g}. The episode "
            "ends and is counted as a failure; a smaller timestep or weaker motors may help."
        )

    # ---- what happened ----------------------------------------------------------------------------

    def _transition(self, action: Array) -> Transition:
        qpos, qvel = self.physics.view("QPOS"), self.physics.view("QVEL")
        body = self.body
        moved = self._track()
        forward = (moved[:, 0] - self.tracked[:, 0]) / self.dt
        self.tracked = moved
        touching, foot_speed, landed, contact = self._contacts() if self.physics.feels else self._unfelt
        control = self.physics.view("CTRL")
        errors = self.observer.gait_errors()
        return Transition(
            dt=self.dt,
            forward=forward,
            healthy=self._healthy(qpos, qvel),
            action=control if self.robot.applied_control else action,
            control=control,
            change=action - self.previous,
            contact=contact,
            contact_limit=self.robot.contact_cost,
            torque=self.physics.fields["qfrc_actuator"],
            joint_velocity=qvel,
            velocity=bodies.body_velocity(body, qpos, qvel),
            vertical=qvel[:, body.vertical] if body.vertical is not None else np.zeros(self.copies),
            command=self.command,
            up=bodies.upright(body, qpos),
            foot_contact=touching,
            foot_speed=foot_speed,
            landed=landed,
            **errors,
        )

    def _contacts(self) -> tuple[Flags, Array, Array, Array]:
        """Which feet touch, how fast they are, how long those that land were in the air, and all forces."""
        feet = self._feet()
        foot_speed = np.sqrt(np.square(feet - self.feet_before).sum(2)) / self.dt
        self.feet_before = feet
        forces = self.physics.fields["cfrc_ext"]
        touching = np.square(forces.take(self.body.feet, 1)).sum(-1) > 1e-12
        landed = np.where(touching & (self.air > 0), self.air, SWING)
        self.air = np.where(touching, 0.0, self.air + self.dt)
        if self.robot.observed_clip is not None:
            forces = np.clip(forces, *self.robot.observed_clip)
        return touching, foot_speed, landed, forces.reshape(self.copies, -1)

    def _healthy(self, qpos: Array, qvel: Array) -> Flags:
        robot, body = self.robot, self.body
        healthy = np.ones(self.copies, np.bool_)
        low, high = self.config.healthy_height or robot.height
        if body.vertical is not None and (low, high) != (-np.inf, np.inf):
            height = qpos[:, body.vertical]
            if self.uneven:
                height = height - self._ground(qpos, np.arange(self.copies))
            if robot.height_inclusive:
                healthy &= (low <= height) & (height <= high)
            else:
                healthy &= (low < height) & (height < high)
        if body.root == "sagittal" and robot.angle[1] < np.inf:
            healthy &= (robot.angle[0] < qpos[:, 2]) & (qpos[:, 2] < robot.angle[1])
        if robot.state_limit < np.inf:
            rest = np.concatenate([qpos[:, 2:], qvel], 1)
            healthy &= (np.abs(rest) < robot.state_limit).all(1)
        return healthy

    def _track(self) -> Array:
        """Horizontal place from which forward speed is measured, m, ``(copies, 2)``."""
        forward = self.robot.forward
        if forward == "body":
            return self.physics.fields["xpos"][:, self.body.torso, :2].copy()
        if forward == "mass":
            masses = self.body.masses
            total = np.einsum("b,nbj->nj", masses, self.physics.fields["xipos"])
            return np.asarray((total / masses.sum())[:, :2])
        place = self.physics.view("QPOS")[:, :2].copy()
        if self.body.root == "sagittal":
            place[:, 1] = 0.0
        return place

    def _feet(self) -> Array:
        return self.physics.fields["xipos"].take(self.body.feet, 1)[..., :2]

    def _ground(self, qpos: Array, rows: NDArray[np.int64]) -> Array:
        """Height of the ground below the roots, m."""
        if not self.uneven:
            return np.zeros(len(rows))
        y = qpos[:, 1] if self.body.root == "free" else np.zeros(len(rows))
        return np.array(
            [
                terrain.height_at(self.heights[row], x, across)
                for row, x, across in zip(rows, qpos[:, 0], y, strict=True)
            ]
        )

    def ground(self) -> Array:
        """Height of the ground below every root, m, ``(copies,)``."""
        return self._ground(self.physics.view("QPOS"), np.arange(self.copies))

    # ---- state ------------------------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        """All that the next steps depend on."""
        return {
            "physics": self.physics.state.copy(),
            "fields": {name: values.copy() for name, values in self.physics.fields.items()},
            "generators": [rng.bit_generator.state for rng in self.rngs],
            "arrays": {name: getattr(self, name).copy() for name in _KEPT},
            "tally": {name: values.copy() for name, values in self.tally.sums.items()},
            "observer": self.observer.get_state(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` gave; every step from here is bit-identical."""
        self.physics.state[:] = state["physics"]
        for name, values in self.physics.fields.items():
            values[:] = state["fields"][name]
        for copy, generator in enumerate(state["generators"]):
            rng, _ = gym.utils.seeding.np_random(0)
            rng.bit_generator.state = generator
            self.rngs[copy] = rng
        for name in _KEPT:
            getattr(self, name)[:] = state["arrays"][name]
        for name, values in self.tally.sums.items():
            values[:] = state["tally"][name]
        if self.own_models:
            for copy in range(self.copies):
                self._apply(copy)
        self.observer.set_state(state["observer"])

    def moment(self, copy: int) -> dict[str, Array]:
        """What the physics and the reward of one copy depend on from here, for `imagine`."""
        kept = {name: getattr(self, name)[copy].copy() for name in _KEPT}
        fields = {f"field {name}": values[copy].copy() for name, values in self.physics.fields.items()}
        return {"physics": self.physics.state[copy].copy(), **kept, **fields}

    def imagine(self, moment: dict[str, Array]) -> None:
        """Put every copy into the `moment` of another simulation with the same physics."""
        self.physics.state[:] = moment["physics"]
        for name in _KEPT:
            getattr(self, name)[:] = moment[name]
        for name, values in self.physics.fields.items():
            values[:] = moment[f"field {name}"]

    def close(self) -> None:
        """Stop the threads and free the renderer."""
        self.physics.close()
        self.observer.close()

    # ---- set-up -----------------------------------------------------------------------------------

    def _make_physics(self, threads: int, fast: bool) -> Physics:
        models = [self.base]
        if self.own_models:
            models = [conditions.own_model(self.base) for _ in range(self.copies)]
        if fast:
            return RolloutPhysics(models, self.copies, threads, self.body.torso, self.dt / self.frame_skip)
        gathered = dict.fromkeys(("xpos", "xipos", "qfrc_actuator", "cfrc_ext", *self.robot.observed))
        return Physics(models, self.copies, tuple(gathered), threads)

    def _start_pose(self) -> Array:
        model = self.base
        qpos: Array = model.qpos0.copy()
        if not isinstance(self.config, QuadrupedConfig) or self.config.model:
            return qpos
        qpos[self.body.joints] = np.tile(STAND, model.nu // 3)
        data = self.physics.scratch()
        mujoco.mj_resetData(model, data)
        data.qpos[:] = qpos
        mujoco.mj_forward(model, data)
        lowest = min(
            float(data.geom_xpos[geom][2] - model.geom_rbound[geom])
            for body in self.body.feet
            for geom in range(model.ngeom)
            if model.geom_bodyid[geom] == body and model.geom_contype[geom]
        )
        qpos[2] -= lowest - 0.005
        return qpos

    def _prepare_actions(self) -> None:
        """Action space, and what action 0 and 1 mean where actions are not the motors' own control."""
        low, high = self.base.actuator_ctrlrange.T
        self.targets: tuple[Array, Array] | None = None
        config = self.config
        if isinstance(config, QuadrupedConfig) and not config.model:
            ones = np.ones(self.base.nu, np.float32)
            self.action_space = gym.spaces.Box(-ones, ones)
            stand = self.start[self.body.joints]
            self.targets = (
                (stand, np.full(self.base.nu, config.action_scale))
                if config.control == "pd"
                else ((low + high) / 2, (high - low) / 2)
            )
        else:
            self.action_space = gym.spaces.Box(low.astype(np.float32), high.astype(np.float32))


_KEPT = (
    *("elapsed", "previous", "history", "delay", "command", "push", "physics_rows", "terrain_seeds", "air"),
    *("tracked", "feet_before", "fallen", "speed"),
)
