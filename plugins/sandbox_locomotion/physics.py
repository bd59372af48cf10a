"""Many copies of a MuJoCo simulation, stepped in parallel, exactly as each would be stepped alone.

A copy is a row of numbers: MuJoCo's integration state, which includes the solver's warm start. Every
thread owns one `MjData` and plays the rows it is given through it: load the row, step, store the row.
That is bit-identical to keeping an `MjData` for every copy (tested), and faster, since one `MjData`
stays in the processor's cache. `mj_step` releases Python's global lock, so threads run in parallel;
copies that share a model are handed to helper processes once they have been stepped for a while.
"""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from sandbox.api import RunFailedError
from sandbox_locomotion.helpers import POSSIBLE, Helpers, shrinking

Array = NDArray[np.float64]

STATE = int(mujoco.mjtState.mjSTATE_INTEGRATION)
_CHUNKS_PER_THREAD = 4
"""Rows are handed out in this many pieces a thread: copies differ in how many contacts they solve."""
HELP_AFTER = 1.0
"""Seconds of stepping after which helper processes start; starting one costs half a second and more."""
_CONTROLLED = int(mujoco.mjtState.mjSTATE_CTRL)
_PUSHED = _CONTROLLED | int(mujoco.mjtState.mjSTATE_XFRC_APPLIED)
"""What `mujoco.rollout` is given beside the start: controls, and forces where there are any."""
HELP_FROM = 8
"""Copies to a helper process below which a step is too short to be shared."""


class Player:
    """Plays rows through a simulation of its own.

    Args:
        model: Any model of the rows' sizes.
        gathered: Fields of ``MjData`` to store after every step, beside the state.
    """

    least = 1
    """Rows that are worth handing out."""

    def __init__(self, model: mujoco.MjModel, gathered: Sequence[str]) -> None:
        self.data = mujoco.MjData(model)
        self.views = [(name, getattr(self.data, name)) for name in gathered]

    def play(
        self,
        models: Sequence[mujoco.MjModel],
        rows: range,
        frame_skip: int,
        arrays: Mapping[str, Array],
        forces: bool,
    ) -> None:
        """Advance rows: load, step, store. What MuJoCo gives up on becomes NaN."""
        data, state = self.data, arrays["state"]
        set_state, get_state = mujoco.mj_setState, mujoco.mj_getState
        step, after = mujoco.mj_step, mujoco.mj_rnePostConstraint
        outputs = [(arrays[name], view) for name, view in self.views]
        for row in rows:
            model, own = models[row], state[row]
            set_state(model, data, own, STATE)
            try:
                step(model, data, nstep=frame_skip)
                if forces:
                    after(model, data)
            except mujoco.FatalError:  # such as contacts beyond its memory: seen as diverged
                own[:] = np.nan
                continue
            get_state(model, data, own, STATE)
            for output, view in outputs:
                output[row] = view


class Physics:
    """A batch of simulations.

    Args:
        models: One model for all copies, or one for each; all of the same sizes.
        copies: Number of copies.
        gathered: Fields of ``MjData`` to have after every step, beside the state.
        threads: Threads, and later processes, to step with; 0 for as many as there are processors.
        forces: Whether contact forces (``cfrc_ext``) are computed after each step.

    Attributes:
        state: MuJoCo's integration state of every copy, shape ``(copies, size)``.
        feels: Whether contact forces and the feet's places are known.
        fields: The gathered fields, each of shape ``(copies, …)``.
    """

    feels = True
    player: type[Player] = Player
    """Who plays rows."""

    def __init__(
        self,
        models: Sequence[mujoco.MjModel],
        copies: int,
        gathered: Sequence[str],
        threads: int = 0,
        forces: bool = True,
    ) -> None:
        self.models = list(models) if len(models) > 1 else [models[0]] * copies
        self.copies, self.forces = copies, forces
        self.gathered = tuple(gathered)
        self._stepped = self.gathered if self.feels else ()
        model = self.model = self.models[0]
        self.state = np.zeros((copies, mujoco.mj_stateSize(model, STATE)))
        self._slices = {name: _slice(model, getattr(mujoco.mjtState, f"mjSTATE_{name}")) for name in _PARTS}
        wanted = threads or len(os.sched_getaffinity(0))
        self._threads = max(1, min(wanted, copies))
        self._local = threading.local()
        self._pool: ThreadPoolExecutor | None = None
        self._helpers: Helpers | None = None
        self._helped = False
        self._helpable = POSSIBLE and len(models) == 1 and copies >= HELP_FROM * self._threads > HELP_FROM
        self._spent = 0.0
        self.fields: dict[str, Array] = {
            name: np.zeros((copies, *view.shape)) for name, view in self._own().views
        }
        pieces = min(copies, self._threads * _CHUNKS_PER_THREAD)
        bounds = np.linspace(0, copies, pieces + 1).astype(int).tolist()
        self._pieces = [range(low, high) for low, high in pairwise(bounds)]

    def view(self, part: str) -> Array:
        """A writable view of one part of the state: ``QPOS``, ``QVEL``, ``CTRL``, ``XFRC_APPLIED``, …."""
        return self.state[:, self._slices[part]]

    @property
    def motion(self) -> Array:
        """A writable view of all positions and velocities, which lie side by side in the state."""
        return self.state[:, self._slices["QPOS"].start : self._slices["QVEL"].stop]

    def scratch(self) -> mujoco.MjData:
        """This thread's simulation; what it holds is overwritten by the next step."""
        return self._own().data

    def load(self, copy: int) -> mujoco.MjData:
        """This thread's simulation, with the state of a copy and all that follows from its positions."""
        data = self.scratch()
        mujoco.mj_setState(self.models[copy], data, self.state[copy], STATE)
        mujoco.mj_forward(self.models[copy], data)
        return data

    def place(self, copy: int, qpos: Array, qvel: Array) -> None:
        """Start a copy anew from positions and velocities."""
        data, model = self.scratch(), self.models[copy]
        mujoco.mj_resetData(model, data)
        data.qpos[:], data.qvel[:] = qpos, qvel
        mujoco.mj_forward(model, data)
        mujoco.mj_getState(model, data, self.state[copy], STATE)
        for name, view in self._own().views:
            self.fields[name][copy] = view

    def restore(self, copy: int, state: Array) -> None:
        """Put a copy into an earlier state, and the gathered fields to what follows from it."""
        self.state[copy] = state
        self.load(copy)
        for name, view in self._own().views:
            self.fields[name][copy] = view

    def step(self, frame_skip: int) -> None:
        """Advance every copy by ``frame_skip`` simulation steps under its control."""
        if self._threads == 1:
            self._play(range(self.copies), frame_skip)
        elif self._has_help():
            self._step_with_help(frame_skip)
        else:
            begun = time.perf_counter()
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._threads, "physics")
            for done in [self._pool.submit(self._play, piece, frame_skip) for piece in self._pieces]:
                done.result()
            self._spent += time.perf_counter() - begun

    def close(self) -> None:
        """Stop the threads and end the helpers."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        self._dismiss()

    def _step_with_help(self, frame_skip: int) -> None:
        assert self._helpers is not None
        try:
            self._helpers.begin(frame_skip)
            for rows in self._helpers.mine():
                self._play(rows, frame_skip)
            self._helpers.wait()
        except BaseException:  # such as an interrupt: what is under way must not be taken for the next step
            self._dismiss()
            raise

    def _play(self, rows: range, frame_skip: int) -> None:
        self._own().play(self.models, rows, frame_skip, self._arrays(), self.forces)

    def _arrays(self) -> dict[str, Array]:
        return {"state": self.state, **{name: self.fields[name] for name in self._stepped}}

    def _move(self, arrays: Mapping[str, Array]) -> None:
        """Keep the rows in these arrays from now on."""
        for name, values in self._arrays().items():
            arrays[name][:] = values
        self.state = arrays["state"]
        self.fields |= {name: arrays[name] for name in self._stepped}

    def _has_help(self) -> bool:
        """Whether helper processes step with this one; starts them when it is time."""
        if self._helpers is not None and self._helped:
            return True
        try:
            if self._helpers is not None:
                self._helped = self._helpers.ready
            elif self._helpable and self._spent >= HELP_AFTER:
                pieces = shrinking(self.copies, self._threads, self.player.least)
                play = (self.player, self.model, self.forces)
                self._helpers = Helpers(self._threads - 1, pieces, play, self._arrays())
                self._move(self._helpers.shared.arrays)
        except (OSError, RunFailedError) as error:
            self._dismiss()
            self._helpable = False
            warnings.warn(f"Robots go on in threads: {error}", stacklevel=4)
        return self._helped

    def _dismiss(self) -> None:
        """End the helpers; the rows go back to memory of our own."""
        if self._helpers is not None:
            self._move({name: np.empty_like(values) for name, values in self._arrays().items()})
            self._helpers.close()
            self._helpers, self._helped = None, False

    def _own(self) -> Player:
        player: Player | None = getattr(self._local, "player", None)
        if player is None:
            player = self._local.player = self.player(self.model, self.gathered)
        return player


_PARTS = ("TIME", "QPOS", "QVEL", "ACT", "WARMSTART", "CTRL", "QFRC_APPLIED", "XFRC_APPLIED")


def _slice(model: mujoco.MjModel, part: Any) -> slice:
    """Where a part lies within the integration state: parts follow each other in the order of bits."""
    start = mujoco.mj_stateSize(model, STATE & (int(part) - 1))
    return slice(start, start + mujoco.mj_stateSize(model, int(part)))


class RolloutPlayer(Player):
    """Plays rows by ``mujoco.rollout``, all at once; only their state is stored."""

    least = 8

    def __init__(self, model: mujoco.MjModel, gathered: Sequence[str]) -> None:
        super().__init__(model, gathered)
        from mujoco.rollout import Rollout

        self._rollout = Rollout(nthread=0)  # in the calling thread
        self._columns = _columns(model, int(mujoco.mjtState.mjSTATE_FULLPHYSICS))
        self._controlled = _columns(model, _CONTROLLED)
        self._pushed = _columns(model, _PUSHED)
        self._forces = _slice(model, mujoco.mjtState.mjSTATE_XFRC_APPLIED)

    def play(
        self,
        models: Sequence[mujoco.MjModel],
        rows: range,
        frame_skip: int,
        arrays: Mapping[str, Array],
        forces: bool,
    ) -> None:
        """Advance rows. What MuJoCo gives up on becomes NaN."""
        own = arrays["state"][rows.start : rows.stop]
        start = np.ascontiguousarray(own[:, self._columns])
        pushed = bool(own[:, self._forces].any())
        given = own[:, self._pushed if pushed else self._controlled]
        ends = np.empty((len(rows), frame_skip, start.shape[1]))
        try:
            # Shapes and types are right: checking them would take as long as a row.
            self._rollout.rollout(
                models[rows.start : rows.stop],
                [self.data],
                start,
                np.repeat(given[:, None], frame_skip, 1),
                control_spec=_PUSHED if pushed else _CONTROLLED,
                skip_checks=True,
                nstep=frame_skip,
                state=ends,
                sensordata=np.empty((len(rows), frame_skip, models[0].nsensordata)),
            )
        except mujoco.FatalError:
            if len(rows) == 1:
                own[:] = np.nan
            else:
                for row in rows:
                    self.play(models, range(row, row + 1), frame_skip, arrays, forces)
            return
        own[:, self._columns] = ends[:, -1]


class RolloutPhysics(Physics):
    """As `Physics`, stepped by ``mujoco.rollout``; faster, and not exact.

    ``mujoco.rollout`` does not hand back what MuJoCo starts the constraint solver of the next step from,
    so here it starts every step from the motion without constraints, and trajectories part after some
    hundred steps. Models that ask for the Runge-Kutta integrator, which computes the forces of a step
    four times, are stepped by MuJoCo's ``implicitfast``, which does it once; their trajectories part
    sooner. So do those of models that are stepped by longer steps than they ask for. Only positions and
    velocities are known: contact forces and the feet's places stay zero, motor torques are control times
    gear, and the torso's place is the root's.

    Args:
        models: As for `Physics`; their integrator and time step are changed.
        copies: Number of copies.
        threads: As for `Physics`.
        torso: Body whose place is the root's.
        timestep: Length of a simulation step, s.
    """

    feels = False
    player = RolloutPlayer

    def __init__(
        self, models: Sequence[mujoco.MjModel], copies: int, threads: int, torso: int, timestep: float
    ) -> None:
        names = ("xpos", "xipos", "qfrc_actuator", "cfrc_ext")
        for model in {id(model): model for model in models}.values():
            model.opt.timestep = timestep
            # It starts from nothing after each control step; weighing that as a start costs 3 to 5 %.
            model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_WARMSTART)
            if model.opt.integrator == mujoco.mjtIntegrator.mjINT_RK4:
                model.opt.integrator = int(mujoco.mjtIntegrator.mjINT_IMPLICITFAST)
        super().__init__(models, copies, names, threads)
        self._torso = torso
        self._speeds = self.model.jnt_dofadr[self.model.actuator_trnid[:, 0]]
        self._gear = self.model.actuator_gear[:, 0]

    def step(self, frame_skip: int) -> None:
        """Advance every copy by ``frame_skip`` simulation steps under its control."""
        super().step(frame_skip)
        self.fields["xpos"][:, self._torso, :2] = self.view("QPOS")[:, :2]
        self.fields["qfrc_actuator"][:, self._speeds] = self._gear * self.view("CTRL")


def _columns(model: mujoco.MjModel, parts: int) -> slice | NDArray[np.int64]:
    """Columns of the integration state that belong to some of its parts; a slice where they adjoin."""
    found = [
        np.arange(mujoco.mj_stateSize(model, STATE))[_slice(model, 1 << bit)]
        for bit in range(STATE.bit_length())
        if parts & STATE & (1 << bit)
    ]
    columns = np.concatenate(found)
    adjoin = columns[-1] - columns[0] == len(columns) - 1
    return slice(int(columns[0]), int(columns[-1]) + 1) if adjoin else columns
