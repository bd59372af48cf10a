"""A batch stepped by ``mujoco.rollout``: faster, and not exact."""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np

from sandbox_locomotion.arrays import Floats
from sandbox_locomotion.models.anatomy import Anatomy
from sandbox_locomotion.physics.batch import Physics
from sandbox_locomotion.physics.stepper import RolloutStepper

FIELDS = ("xpos", "xipos", "qfrc_actuator", "cfrc_ext")


class RolloutPhysics(Physics):
    """As `Physics`, stepped by ``mujoco.rollout``.

    ``mujoco.rollout`` does not return the warm start of the constraint solver, so every control step
    starts from the unconstrained motion, and trajectories diverge from the exact ones after some hundred
    steps. Models that ask for the Runge-Kutta integrator, which computes the forces of a step four times,
    are stepped by ``implicitfast``, which computes them once; their trajectories diverge sooner, and so do
    those of models stepped with a longer time step than their own. Only positions and velocities are
    known: contact forces and the positions of the feet stay zero, motor torque is control times gain and
    gear, and the torso's position is the root's.

    Args:
        models: As for `Physics`; their integrator and time step are changed.
        num_envs: Number of rows.
        threads: As for `Physics`.
        anatomy: Of the robot, all of whose motors are plain ones on joints.
        timestep: Length of a simulation step, s.
    """

    computes_contacts = False
    stepper = RolloutStepper

    def __init__(
        self,
        models: Sequence[mujoco.MjModel],
        num_envs: int,
        threads: int,
        anatomy: Anatomy,
        timestep: float,
    ) -> None:
        for model in {id(model): model for model in models}.values():
            model.opt.timestep = timestep
            # There is no warm start after each control step; evaluating it as a candidate costs 3 to 5 %.
            model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_WARMSTART)
            if model.opt.integrator == mujoco.mjtIntegrator.mjINT_RK4:
                model.opt.integrator = int(mujoco.mjtIntegrator.mjINT_IMPLICITFAST)
        super().__init__(models, num_envs, FIELDS, threads)
        self._anatomy = anatomy
        self._shared_gain = self._gains(self.models[:1]) if len(models) == 1 else None
        model = self.models[0]
        self._dof_of_motor = np.zeros((model.nu, model.nv))
        self._dof_of_motor[np.arange(model.nu), model.jnt_dofadr[model.actuator_trnid[:, 0]]] = 1.0

    def step(self, frame_skip: int) -> None:
        """Advance every row by ``frame_skip`` simulation steps under its control."""
        super().step(frame_skip)
        root = self._anatomy.root
        self.fields["xpos"][:, root.body, :2] = root.position(self.qpos)[:, :2]
        gain = self._gains(self.models) if self._shared_gain is None else self._shared_gain
        self.fields["qfrc_actuator"][:] = (gain * self.view("CTRL")) @ self._dof_of_motor

    @staticmethod
    def _gains(models: Sequence[mujoco.MjModel]) -> Floats:
        """Torque per control of every motor, ``(models, motors)``; drawn strengths differ between models."""
        return np.array([model.actuator_gear[:, 0] * model.actuator_gainprm[:, 0] for model in models])
