"""Steppers: each steps rows of a batch through an `MjData`. Every thread and process has its own stepper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import mujoco
import numpy as np

from sandbox_locomotion.arrays import Floats
from sandbox_locomotion.physics.layout import PARTS, STATE, part_columns, part_slice

CONTROLLED = PARTS["CTRL"]
PUSHED = CONTROLLED | PARTS["XFRC_APPLIED"]
"""Input of `mujoco.rollout` in addition to the initial state: controls, and forces where there are any."""


class Stepper:
    """Steps rows exactly: load the row into `MjData`, step, store it.

    Args:
        model: Any model of the batch; all have the same sizes.
        gathered: Fields of ``MjData`` to store after every step, in addition to the state.

    Attributes:
        data: This stepper's simulation.
        views: The gathered fields of ``data`` by name.
    """

    min_rows = 1
    """Number of rows below which a call does not pay."""

    def __init__(self, model: mujoco.MjModel, gathered: Sequence[str]) -> None:
        self.data = mujoco.MjData(model)
        self.views = [(name, getattr(self.data, name)) for name in gathered]

    def step(
        self,
        models: Sequence[mujoco.MjModel],
        rows: range,
        frame_skip: int,
        arrays: Mapping[str, Floats],
        forces: bool,
    ) -> None:
        """Advance rows in place; a row that MuJoCo gives up on becomes NaN.

        Args:
            models: The model of each row of the batch.
            rows: The rows to step.
            frame_skip: Simulation steps to take.
            arrays: ``state`` and the gathered fields of the batch, first axis rows.
            forces: Whether contact forces (``cfrc_ext``) are computed after the last step.
        """
        data, states = self.data, arrays["state"]
        set_state, get_state = mujoco.mj_setState, mujoco.mj_getState
        mj_step, compute_forces = mujoco.mj_step, mujoco.mj_rnePostConstraint
        outputs = [(arrays[name], view) for name, view in self.views]
        for row in rows:
            model, state = models[row], states[row]
            set_state(model, data, state, STATE)
            try:
                mj_step(model, data, nstep=frame_skip)
                if forces:
                    compute_forces(model, data)
            except mujoco.FatalError:  # such as running out of memory for contacts: counts as diverged
                state[:] = np.nan
                continue
            get_state(model, data, state, STATE)
            for output, view in outputs:
                output[row] = view


class RolloutStepper(Stepper):
    """Steps rows by ``mujoco.rollout``, all in one call; only their state is stored."""

    min_rows = 8

    def __init__(self, model: mujoco.MjModel, gathered: Sequence[str]) -> None:
        super().__init__(model, gathered)
        from mujoco.rollout import Rollout

        self._rollout = Rollout(nthread=0)  # in the calling thread
        self._physics = part_columns(model, int(mujoco.mjtState.mjSTATE_FULLPHYSICS))
        self._controlled = part_columns(model, CONTROLLED)
        self._pushed = part_columns(model, PUSHED)
        self._forces = part_slice(model, PARTS["XFRC_APPLIED"])

    def step(
        self,
        models: Sequence[mujoco.MjModel],
        rows: range,
        frame_skip: int,
        arrays: Mapping[str, Floats],
        forces: bool,
    ) -> None:
        """As `Stepper.step`; contact forces are not computed."""
        states = arrays["state"][rows.start : rows.stop]
        initial = np.ascontiguousarray(states[:, self._physics])
        pushed = bool(states[:, self._forces].any())
        control = states[:, self._pushed if pushed else self._controlled]
        results = np.empty((len(rows), frame_skip, initial.shape[1]))
        try:
            # Shapes and types are right; checking them would take as long as stepping a row.
            self._rollout.rollout(
                models[rows.start : rows.stop],
                [self.data],
                initial,
                np.repeat(control[:, None], frame_skip, 1),
                control_spec=PUSHED if pushed else CONTROLLED,
                skip_checks=True,
                nstep=frame_skip,
                state=results,
                sensordata=np.empty((len(rows), frame_skip, models[0].nsensordata)),
            )
        except mujoco.FatalError:
            if len(rows) == 1:
                states[:] = np.nan
            else:
                for row in rows:
                    self.step(models, range(row, row + 1), frame_skip, arrays, forces)
            return
        states[:, self._physics] = results[:, -1]
