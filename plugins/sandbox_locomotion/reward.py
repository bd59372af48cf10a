"""Reward terms of locomotion: pure functions of one control step of a batch of robots.

Each takes a `Transition` and returns an array of shape ``(n,)``. Every preset holds every term, most of
them with weight zero, so that agents trained on different rewards can be compared term by term. The
preset ``gymnasium`` of a robot is the reward of its Gymnasium v5 environment.
"""

from __future__ import annotations

import numpy as np

from sandbox.api import RewardSpec, RewardTerm
from sandbox_locomotion.arrays import Array, row_sums
from sandbox_locomotion.transition import SWING_TIME, Transition

TRACKING_VARIANCE = 0.25
"""σ² of command tracking, (m/s)² and (rad/s)² (Rudin et al. 2022, table of rewards)."""


def forward(step: Transition) -> Array:
    """Forward speed, m/s."""
    return step.forward_speed


def survive(step: Transition) -> Array:
    """1 while the robot is healthy."""
    return step.healthy.astype(float)


def control(step: Transition) -> Array:
    """Σ u² of the clipped action, in the precision of the action as in Gymnasium."""
    return row_sums(np.square(step.action))


def contact(step: Transition) -> Array:
    """Σ f² of the contact forces and torques on all bodies."""
    total: Array = np.minimum(row_sums(np.square(step.contacts.forces)), step.max_contact_cost)
    return total


def track_velocity(step: Transition) -> Array:
    """exp(−|v − v*|²/σ²) of the horizontal velocity."""
    error = row_sums(np.square(step.velocity[:, :2] - step.command[:, :2]))
    value: Array = np.exp(-error / TRACKING_VARIANCE)
    return value


def track_turn(step: Transition) -> Array:
    """exp(−(ω − ω*)²/σ²) of the turn rate."""
    value: Array = np.exp(-np.square(step.velocity[:, 2] - step.command[:, 2]) / TRACKING_VARIANCE)
    return value


def torque(step: Transition) -> Array:
    """Σ τ²."""
    return row_sums(np.square(step.torque))


def energy(step: Transition) -> Array:
    """Σ |τ·ω|."""
    return step.power


def action_rate(step: Transition) -> Array:
    """Σ (a − a₋₁)² of the clipped actions."""
    return row_sums(np.square(step.action_change))


def orientation(step: Transition) -> Array:
    """1 − up², the squared sine of the tilt; 1 for a robot tilted by more than 90°."""
    tilt: Array = np.where(step.up > 0, 1.0 - np.square(step.up), 1.0)
    return tilt


def vertical_speed(step: Transition) -> Array:
    """Squared vertical velocity of the root."""
    value: Array = np.square(step.vertical_speed)
    return value


def height(step: Transition) -> Array:
    """Squared difference of the root's height from the target height."""
    value: Array = np.square(step.height_error)
    return value


def foot_slip(step: Transition) -> Array:
    """Σ of the squared horizontal speed of the feet that touch the ground."""
    contacts = step.contacts
    return row_sums(np.square(contacts.foot_speed) * contacts.touching)


def air_time(step: Transition) -> Array:
    """Σ over landing feet of (time in the air − 0.5 s)."""
    return row_sums(step.contacts.air_time - SWING_TIME)


def imitate_pose(step: Transition) -> Array:
    """exp(−5·Σ squared errors of the joint angles)."""
    return step.gait_errors.similarities["pose"]


def imitate_velocity(step: Transition) -> Array:
    """exp(−0.1·Σ squared errors of the joint velocities)."""
    return step.gait_errors.similarities["velocity"]


def imitate_feet(step: Transition) -> Array:
    """exp(−40·Σ squared errors of the feet's positions relative to the root)."""
    return step.gait_errors.similarities["feet"]


def imitate_root(step: Transition) -> Array:
    """exp(−20·height² − 10·tilt²) of the root's errors."""
    return step.gait_errors.similarities["root"]


def imitate_root_velocity(step: Transition) -> Array:
    """exp(−2·velocity² − 0.2·turn²) of the root's errors."""
    return step.gait_errors.similarities["root_velocity"]


_GYMNASIUM = "Gymnasium v5 (Towers et al. 2024, arXiv 2407.17032)"
_RUDIN = "Rudin et al. 2022, Learning to Walk in Minutes, CoRL, arXiv 2109.11978"
_PENG = "Peng et al. 2020, Learning Agile Robotic Locomotion Skills by Imitating Animals, arXiv 2004.00784"

TERMS = (
    RewardTerm("forward", forward, 0.0, "m/s", _GYMNASIUM, "forward speed"),
    RewardTerm("survive", survive, 0.0, "1", _GYMNASIUM, "1 while healthy"),
    RewardTerm("control", control, 0.0, "1", _GYMNASIUM, "sum of squared actions"),
    RewardTerm("contact", contact, 0.0, "N²", _GYMNASIUM, "sum of squared contact forces"),
    RewardTerm("track_velocity", track_velocity, 0.0, "1", _RUDIN, "exp(-|v - command|²/0.25)"),
    RewardTerm("track_turn", track_turn, 0.0, "1", _RUDIN, "exp(-(turn - command)²/0.25)"),
    RewardTerm("torque", torque, 0.0, "N²m²", _RUDIN, "sum of squared motor torques"),
    RewardTerm("energy", energy, 0.0, "W", _RUDIN, "mechanical power of the motors"),
    RewardTerm("action_rate", action_rate, 0.0, "1", _RUDIN, "sum of squared changes of the action"),
    RewardTerm("orientation", orientation, 0.0, "1", _RUDIN, "squared sine of the tilt"),
    RewardTerm("vertical_speed", vertical_speed, 0.0, "m²/s²", _RUDIN, "squared vertical velocity"),
    RewardTerm("height", height, 0.0, "m²", _RUDIN, "squared deviation from config.target_height"),
    RewardTerm(
        "foot_slip",
        foot_slip,
        0.0,
        "m²/s²",
        "MuJoCo Playground, joystick tasks",
        "squared speed of feet on the ground",
    ),
    RewardTerm("air_time", air_time, 0.0, "s", _RUDIN, "time in the air of landing feet minus 0.5 s"),
    RewardTerm("imitate_pose", imitate_pose, 0.0, "1", _PENG, "similarity of the joint angles to the gait's"),
    RewardTerm("imitate_velocity", imitate_velocity, 0.0, "1", _PENG, "similarity of the joint velocities"),
    RewardTerm("imitate_feet", imitate_feet, 0.0, "1", _PENG, "similarity of the feet's positions"),
    RewardTerm("imitate_root", imitate_root, 0.0, "1", _PENG, "similarity of the root's height and tilt"),
    RewardTerm("imitate_root_velocity", imitate_root_velocity, 0.0, "1", _PENG, "similarity of its velocity"),
)


def _spec(**weights: float) -> RewardSpec:
    return RewardSpec(TERMS).reweighted(weights)


_IMITATION = _spec(
    imitate_pose=0.5,
    imitate_velocity=0.05,
    imitate_feet=0.2,
    imitate_root=0.15,
    imitate_root_velocity=0.1,
)


def _presets(command: RewardSpec, **gymnasium: float) -> dict[str, RewardSpec]:
    return {"gymnasium": _spec(**gymnasium), "command": command, "imitation": _IMITATION}


def _command(control_cost: float, survive: float = 0.0) -> RewardSpec:
    return _spec(track_velocity=1.0, track_turn=0.5, survive=survive, control=-control_cost)


ANT = _presets(_command(0.02, 0.1), forward=1.0, survive=1.0, control=-0.5, contact=-5e-4)
HALF_CHEETAH = _presets(_command(0.02), forward=1.0, control=-0.1)
HOPPER = _presets(_command(1e-3, 0.5), forward=1.0, survive=1.0, control=-1e-3)
WALKER2D = _presets(_command(1e-3, 0.5), forward=1.0, survive=1.0, control=-1e-3)
HUMANOID = _presets(_command(0.02, 1.0), forward=1.25, survive=5.0, control=-0.1, contact=-5e-7)
SWIMMER = _presets(_command(1e-4), forward=1.0, control=-1e-4)
QUADRUPED = {
    "command": _spec(
        track_velocity=1.0,
        track_turn=0.5,
        orientation=-1.0,
        vertical_speed=-0.5,
        torque=-2e-4,
        action_rate=-0.01,
        foot_slip=-0.05,
    ),
    "speed": _spec(forward=1.0, survive=0.5, orientation=-0.5, torque=-2e-4, action_rate=-0.01),
    "imitation": _IMITATION,
}
