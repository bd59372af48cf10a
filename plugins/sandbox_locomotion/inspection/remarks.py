"""Remarks on a robot: what in its model or its start is probably not meant."""

from __future__ import annotations

from collections.abc import Iterator

import mujoco
import numpy as np

from sandbox_locomotion.inspection.trial import (
    SECONDS,
    Trial,
    body_name,
    joint_range,
    moving_joints,
    start_data,
)
from sandbox_locomotion.models.anatomy import FOOT_WORDS
from sandbox_locomotion.models.shape import lowest_point, touchable_geoms

MAX_DEPTH = 0.005
"""Depth from which bodies count as stuck in each other, m."""
MAX_GAP = 0.05
"""Distance from the ground from which a robot counts as dropped, m."""
OUTSIDE = 1e-3
"""Distance from its range from which a joint counts as outside, rad or m."""
MASSES = (0.02, 1000.0)
"""Masses of a robot between which nothing is remarked, kg."""
NARROW = 0.1
"""Width of a hinge's range below which it was probably meant in radians, rad."""
SHOWN = 8
"""Names that a remark shows."""
SIZES = (0.03, 10.0)
"""Sizes of a robot between which nothing is remarked, m."""


Remark = tuple[str, str]
"""What it is about, and a sentence."""


def remarks_on(trial: Trial) -> list[Remark]:
    """Remarks for the author of a model; none if nothing was noticed."""
    return [*_start(trial), *_ground(trial), *_amounts(trial), *_parts(trial)]


def _start(trial: Trial) -> Iterator[Remark]:
    robot, start = trial.robot, trial.robot.start.qpos
    model, outside = robot.mj_model, []
    for joint in moving_joints(robot):
        bounds, value = joint_range(model, joint), float(start[model.jnt_qposadr[joint]])
        if bounds and not bounds[0] - OUTSIDE <= value <= bounds[1] + OUTSIDE:
            name = model.joint(joint).name or f"#{joint}"
            outside.append(f"{name} at {value:.2f}, range [{bounds[0]:.2f}, {bounds[1]:.2f}]")
    if outside:
        yield (
            "start",
            f"Joints begin outside their range and are thrown back: {_some(outside)}. A keyframe called "
            "home gives the start.",
        )
    if not trial.healthy:
        yield (
            "start",
            f"The start is not healthy: the root is at {robot.rules.height:.3f} m, healthy is "
            f"{robot.rules.healthy_height[0]:.3f} to {robot.rules.healthy_height[1]:.3f} m. "
            "Set config.healthy_height.",
        )
    elif trial.ended:
        yield (
            "start",
            f"With the action of the baseline zero the episode ends after {trial.lasted:.2f} s, at a height "
            f"of {trial.height:.3f} m. If the robot should stand, look at the keyframe and the stiffness of "
            "its servos.",
        )


def _ground(trial: Trial) -> Iterator[Remark]:
    robot = trial.robot
    model, anatomy = robot.mj_model, robot.anatomy
    deep = [
        f"{' and '.join(contact.bodies)} by {1000 * contact.depth:.0f} mm"
        for contact in trial.contacts
        if contact.depth > MAX_DEPTH
    ]
    if deep:
        yield (
            "contacts",
            f"Bodies begin inside each other and are pushed apart in the first steps: {_some(deep)}.",
        )
    geoms = touchable_geoms(model, anatomy)
    touchable = (model.geom_contype[geoms] != 0) | (model.geom_conaffinity[geoms] != 0)
    paired = {*model.pair_geom1.tolist(), *model.pair_geom2.tolist()}
    if not touchable.any() and not paired & set(geoms.tolist()):
        yield "contacts", "No geom of the robot can touch anything: it will fall through the ground."
    elif anatomy.root.kind != "planar":
        gap = lowest_point(model, start_data(robot), geoms) - anatomy.ground
        if gap > MAX_GAP:
            yield "start", f"The robot begins {gap:.2f} m above the ground, and falls."
        elif gap < -MAX_GAP:
            yield "start", f"The robot begins {-gap:.2f} m below the ground."


def _amounts(trial: Trial) -> Iterator[Remark]:
    mass, size = trial.robot.anatomy.mass, trial.robot.size
    if not MASSES[0] <= mass <= MASSES[1]:
        yield "mass", f"The robot has a mass of {mass:.3g} kg. Masses are in kg, densities in kg/m³."
    if not SIZES[0] <= size <= SIZES[1]:
        yield "size", f"The robot has a size of {size:.3g} m. Meshes drawn in millimetres need scale=0.001."


def _parts(trial: Trial) -> Iterator[Remark]:
    robot = trial.robot
    model, anatomy = robot.mj_model, robot.anatomy
    driven = {joint for motor in anatomy.motors for joint in motor.joints}
    passive = [joint for joint in moving_joints(robot) if joint not in driven]
    spatial = any(motor.target.startswith("tendon") and not motor.joints for motor in anatomy.motors)
    if passive and not spatial:
        names = [model.joint(joint).name or f"#{joint}" for joint in passive]
        yield "joints", f"No actuator moves {_some(names)}."
    narrow = [
        model.joint(joint).name or f"#{joint}"
        for joint in moving_joints(robot)
        if _is_narrow_hinge(model, joint)
    ]
    if narrow:
        yield (
            "joints",
            f"These hinges can turn by less than {NARROW} rad: {_some(narrow)}. Ranges are in degrees unless "
            'the file says <compiler angle="radian"/>.',
        )
    for motor in anatomy.motors:
        if not set(motor.bodies) & set(anatomy.bodies.tolist()):
            yield (
                "actuators",
                f"The actuator {motor.name} acts on {motor.target}, which is not part of the robot.",
            )
    called = [body_name(model, foot).lower() for foot in anatomy.feet.tolist()]
    geoms = np.isin(model.geom_bodyid, anatomy.feet)
    called += [model.geom(geom).name.lower() for geom in np.flatnonzero(geoms).tolist()]
    if not any(word in name for word in FOOT_WORDS for name in called):
        yield (
            "feet",
            "No body at the end of a limb is called a foot, so all of them count as feet; only the reward "
            "terms foot_slip and air_time and imitation depend on it.",
        )


def _is_narrow_hinge(model: mujoco.MjModel, joint: int) -> bool:
    bounds = joint_range(model, joint)
    hinge = int(model.jnt_type[joint]) == int(mujoco.mjtJoint.mjJNT_HINGE)
    return hinge and bounds is not None and bounds[1] - bounds[0] < NARROW


def _some(names: list[str]) -> str:
    """The first of them, and how many more there are."""
    left = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {left} more" if left > 0 else "")


def length_of_trial() -> str:
    """How long a robot is left alone, in words."""
    return f"{SECONDS:.0f} s"


def sensor_kind(model: mujoco.MjModel, sensor: int) -> str:
    """The element of MJCF that makes such a sensor."""
    name = str(mujoco.mjtSensor(int(model.sensor_type[sensor])).name)
    return name.removeprefix("mjSENS_").lower()
