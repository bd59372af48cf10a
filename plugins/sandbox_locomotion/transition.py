"""One control step of a batch of robots, as reward terms and metrics see it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sandbox_locomotion.arrays import Array, Flags, Floats, row_sums

SWING_TIME = 0.5
"""Time in the air beyond which a foot that lands is rewarded, s (Rudin et al. 2022)."""


@dataclass(frozen=True)
class Contacts:
    """Contacts with the ground after the step, n robots.

    Attributes:
        touching: Whether each foot touches something, shape ``(n, feet)``.
        foot_speed: Horizontal speed of each foot, m/s, ``(n, feet)``.
        air_time: Time for which each foot that has just landed was in the air, s; `SWING_TIME` for all
            others, ``(n, feet)``.
        forces: Contact force and torque on every body, N and N·m, ``(n, 6·bodies)``; clipped where
            Gymnasium clips them.
    """

    touching: Flags
    foot_speed: Floats
    air_time: Floats
    forces: Floats

    @classmethod
    def unknown(cls, num_envs: int, feet: int) -> Contacts:
        """Contacts where they are not computed: no forces, no foot on the ground."""
        shape = (num_envs, feet)
        return cls(
            np.zeros(shape, np.bool_), np.zeros(shape), np.full(shape, SWING_TIME), np.zeros((num_envs, 1))
        )


@dataclass(frozen=True)
class GaitErrors:
    """Squared errors against the reference gait, shape ``(n,)`` each, summed over joints and axes.

    Attributes:
        joints: Of joint angles, rad².
        joint_velocity: Of joint velocities, (rad/s)².
        feet: Of the feet's positions relative to the torso, m².
        root: Of the root's height and tilt, weighted 20 and 10.
        root_velocity: Of the root's horizontal velocity and turn rate, weighted 2 and 0.2.
    """

    joints: Floats
    joint_velocity: Floats
    feet: Floats
    root: Floats
    root_velocity: Floats

    @classmethod
    def zero(cls, num_envs: int) -> GaitErrors:
        """The errors where no gait is imitated."""
        return cls(*(np.zeros(num_envs) for _ in range(5)))

    @cached_property
    def similarities(self) -> dict[str, Floats]:
        """What terms reward, from 0 to 1, ``(n,)`` each (Peng et al. 2020).

        Kept, for where no gait is imitated the errors are the same in every step.
        """
        return {
            "pose": np.exp(-5.0 * self.joints),
            "velocity": np.exp(-0.1 * self.joint_velocity),
            "feet": np.exp(-40.0 * self.feet),
            "root": np.exp(-self.root),
            "root_velocity": np.exp(-self.root_velocity),
        }


@dataclass(frozen=True)
class Transition:
    """One control step of n robots.

    Attributes:
        dt: Length of the step, s.
        forward_speed: Mean forward speed over the step, m/s, shape ``(n,)``.
        healthy: Whether the state after the step is healthy, ``(n,)``.
        action: The action that is charged for, clipped, ``(n, motors)``, in the precision it was given in.
        action_change: Action minus the previous action, ``(n, motors)``.
        torque: Motor torque about every degree of freedom, ``(n, nv)``, N·m.
        joint_velocity: Velocity of every degree of freedom, ``(n, nv)``, rad/s and m/s.
        velocity: Forward and leftward velocity along the robot's heading, m/s, and turn rate, rad/s,
            ``(n, 3)``.
        vertical_speed: Vertical velocity of the root, m/s, ``(n,)``.
        height_error: Height of the root above the ground minus the target height, m, ``(n,)``.
        command: Commanded ``velocity``, ``(n, 3)``.
        up: Vertical component of the root's up axis, 1 upright, −1 upside down, ``(n,)``.
        contacts: Feet and contact forces.
        max_contact_cost: Upper bound of the contact cost, N².
        gait_errors: Against the reference gait.
    """

    dt: float
    forward_speed: Floats
    healthy: Flags
    action: Array
    action_change: Floats
    torque: Floats
    joint_velocity: Floats
    velocity: Floats
    vertical_speed: Floats
    height_error: Floats
    command: Floats
    up: Floats
    contacts: Contacts
    max_contact_cost: float
    gait_errors: GaitErrors

    @cached_property
    def power(self) -> Floats:
        """Mechanical power of all motors, with braking counted as consumption, W, ``(n,)``."""
        return row_sums(np.abs(self.torque * self.joint_velocity))
