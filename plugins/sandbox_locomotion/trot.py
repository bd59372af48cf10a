"""Trot of a quadruped: diagonal legs step together, feet follow a cycle, inverse kinematics does the rest.

A foot in stance moves backwards under the hip at the commanded speed; in swing it returns in an arc.
Sources: Raibert 1986, Legged Robots That Balance; the open-loop trot of Raffin et al. 2023,
arXiv 2310.05808, section on quadrupeds.
"""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api import InvalidValueError
from sandbox_locomotion import body as bodies

Array = NDArray[np.float64]

LINK = 0.213
"""Length of thigh and calf, m (Go1, Go2)."""
HIPS = np.array([[0.19, 0.13], [0.19, -0.13], [-0.19, 0.13], [-0.19, -0.13]])
"""Places of the feet's neutral points, m forward and to the left: FL, FR, RL, RR."""
PHASES = np.array([0.0, 0.5, 0.5, 0.0])
"""Diagonal legs step together."""


@dataclass(frozen=True)
class Trot:
    """Six parameters.

    Attributes:
        frequency: Steps of a leg, Hz.
        height: Of the hips above the feet, m.
        clearance: Height of the swing's arc, m.
        stride: Stride per commanded stride, 1.
        shift: Neutral point ahead of the hip, m.
        steering: Turn-rate feedback, 1.
    """

    frequency: float = 2.5
    height: float = 0.27
    clearance: float = 0.06
    stride: float = 1.2
    shift: float = -0.01
    steering: float = 0.3

    @property
    def numbers(self) -> Array:
        """As a vector."""
        return np.array(astuple(self))


AHEAD = (1.0, 0.0, 0.0)
"""What the trot follows where nothing is commanded, m/s and rad/s; `Trot.stride` makes it faster."""

LOW = np.array([1.2, 0.2, 0.02, 0.2, -0.12, 0.0])
HIGH = np.array([5.0, 0.32, 0.2, 4.0, 0.06, 1.0])


class TrotPolicy:
    """Trots every copy after its command, or ahead where the task has none.

    Args:
        numbers: `Trot` parameters for all rows, ``(6,)``, or one for each, ``(copies, 6)``.
        simulation: A quadruped's, with joint targets as actions.
    """

    def __init__(self, numbers: Array, simulation: Any) -> None:
        if simulation.targets is None or simulation.config.control != "pd":
            raise InvalidValueError("The trot gives joint targets.", "Use it with config.control=pd.")
        self._numbers = np.broadcast_to(np.atleast_2d(numbers), (simulation.copies, 6))
        self._simulation = simulation
        self._commanded = simulation.config.command_speed is not None
        self._cycle = np.zeros(simulation.copies)

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Begin the cycle anew in every row."""
        self._cycle = np.zeros(num_envs)

    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> NDArray[Any]:
        """Joint targets of every row, ``(num_envs, 12)``, as actions."""
        simulation = self._simulation
        frequency, height, clearance, stride, shift, steering = self._numbers.T
        command = simulation.command if self._commanded else np.tile(AHEAD, (len(simulation.command), 1))
        physics = simulation.physics
        turn = bodies.body_velocity(simulation.body, physics.view("QPOS"), physics.view("QVEL"))[:, 2]
        turning = command[:, 2] + steering * (command[:, 2] - turn)
        ahead = command[:, :1] - turning[:, None] * HIPS[:, 1]
        aside = command[:, 1:2] + turning[:, None] * HIPS[:, 0]
        phase = (self._cycle[:, None] + PHASES) % 1.0
        stance = phase < 0.5
        swing = (phase - 0.5) * 2
        # From +1/2 to −1/2 in stance, back in swing.
        along = np.where(stance, 0.5 - 2 * phase, -0.5 * np.cos(np.pi * swing))
        reach = (stride / (2 * frequency))[:, None] * along
        lift = np.where(stance, 0.0, clearance[:, None] * np.sin(np.pi * swing))
        x = shift[:, None] + ahead * reach
        down = height[:, None] - lift
        length = np.minimum(np.hypot(x, down), 2 * LINK - 1e-3)
        bend = np.arccos(length / (2 * LINK))
        hip = np.arctan2(aside * reach, down)
        targets = np.stack([hip, np.arctan2(-x, down) + bend, -2 * bend], -1).reshape(len(phase), 12)
        self._cycle = self._cycle + frequency * simulation.dt
        middle, half = simulation.targets
        return np.asarray(np.clip((targets - middle) / half, -1.0, 1.0), np.float32)

    def save(self, directory: Path) -> None:
        """A baseline is made from its environment, not from a file.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("a baseline is made from its environment, not from a file")


def trot_file(body: str, commanded: bool) -> str:
    """Name of the file of a trot that was tuned to follow commands, or to be fast."""
    return f"trot-{body}{'' if commanded else '-speed'}.json"


def shipped_trot(body: str, commanded: bool) -> Array:
    """Tuned parameters of a quadruped; the untuned ones where none are shipped."""
    path = files("sandbox_locomotion") / "data" / trot_file(body, commanded)
    if not path.is_file():
        return Trot().numbers
    return np.array(json.loads(path.read_text("utf-8"))["numbers"])


def trot(env: Any) -> TrotPolicy:
    """The tuned trot of the environment's quadruped."""
    config = env.simulation.config
    return TrotPolicy(shipped_trot(config.body, config.command_speed is not None), env.simulation)
