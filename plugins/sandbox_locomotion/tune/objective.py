"""What the search optimises: the parameters of a gait, and their score in the simulation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sandbox.api import Policy, RewardSpec
from sandbox_locomotion.arrays import Floats
from sandbox_locomotion.baselines.oscillators import DrivenJoints
from sandbox_locomotion.baselines.trot import HIGH, LOW, Trot
from sandbox_locomotion.simulation import Simulation
from sandbox_locomotion.tune.search import Space

OBJECTIVES = ("return", "speed", "tracking")
FALLEN_ERROR = 2.0
"""Velocity error of a robot whose episode has terminated, m/s."""
TUNING_SEEDS = 200_000
"""First of the seeds that scenarios set apart for tuning."""
SEED_STRIDE = 97
"""Difference of the first seeds of successive generations."""


def oscillator_space(simulation: Simulation) -> Space:
    """Bounds from the ranges of the joints, or of the action; frequencies from 0.2 to 6 Hz."""
    ranges, standing = _ranges(simulation)
    half, middle = np.diff(ranges, axis=1)[:, 0] / 2, ranges.mean(1)
    turn = 2 * np.pi
    standing = np.clip(standing, ranges[:, 0], ranges[:, 1])
    phase, offset = np.full(len(half), np.pi), 0.5 * (standing + middle)
    start = [*(0.3 * half), *phase, *offset, turn, turn, 1.0, 0.05]
    spread = [*(0.4 * half), *phase, *(0.3 * half), turn, turn, 1.5, 0.05]
    low = [*(0 * half), *np.full(len(half), -np.inf), *ranges[:, 0], 0.2 * turn, 0.2 * turn, 0.02, 0.0]
    high = [*(1.2 * half), *np.full(len(half), np.inf), *ranges[:, 1], 6 * turn, 6 * turn, 20.0, 1.0]
    return Space(np.array(low), np.array(high), np.array(start), np.array(spread))


def _ranges(simulation: Simulation) -> tuple[Floats, Floats]:
    """Range of what each oscillator sets, ``(controls, 2)``, and its value while the robot stands.

    That is a joint's angle, rad, where the control is the torque of a single joint, else the action.
    """
    robot = simulation.robot
    driven = DrivenJoints.of(robot)
    ranges, standing = np.tile([-1.0, 1.0], (robot.mj_model.nu, 1)), robot.rest.copy()
    joints = robot.mj_model.jnt_range[driven.joints].copy()
    joints[joints[:, 0] == joints[:, 1]] = (-1.5, 1.5)
    ranges[driven.controls], standing[driven.controls] = joints, robot.start.qpos[driven.qpos]
    return ranges, standing


def trot_space() -> Space:
    """Bounds of the trot's six parameters."""
    return Space(LOW, HIGH, Trot().numbers, (HIGH - LOW) / 4)


def make_score(
    simulation: Simulation,
    reward: RewardSpec,
    make_policy: Callable[[Floats], Policy],
    episodes: int,
    objective: str,
    horizon: Callable[[int], int],
) -> Callable[[Floats, int], Floats]:
    """The function that scores candidates by their mean over episodes, with the same seeds for all.

    Args:
        simulation: With ``episodes`` environments for each candidate.
        reward: What the return is the sum of.
        make_policy: From parameters ``(num_envs, parameters)`` to a policy for the simulation.
        episodes: Episodes of each candidate.
        objective: One of `OBJECTIVES`.
        horizon: Control steps of an episode, by generation.
    """

    def score(candidates: Floats, generation: int) -> Floats:
        policy = make_policy(np.repeat(candidates, episodes, 0))
        seeds = TUNING_SEEDS + generation * SEED_STRIDE + np.tile(np.arange(episodes), len(candidates))
        totals = play(simulation, reward, policy, seeds.tolist(), horizon(generation), objective)
        return np.asarray(totals.reshape(len(candidates), episodes).mean(1))

    return score


def play(
    simulation: Simulation,
    reward: RewardSpec,
    policy: Policy,
    seeds: list[int],
    steps: int,
    objective: str,
) -> Floats:
    """Play one episode, or its first ``steps``, in every environment.

    Returns:
        Shape ``(num_envs,)``, by objective: the return; the forward distance divided by the time of all
        ``steps``, m/s; or the negative mean error of the velocity plus half that of the turn rate.
    """
    for row, seed in enumerate(seeds):
        simulation.seed(row, seed)
    simulation.reset(range(simulation.num_envs))
    policy.reset(simulation.num_envs)
    running, totals = np.ones(simulation.num_envs, np.bool_), np.zeros(simulation.num_envs)
    sums = simulation.sums
    before = np.zeros(simulation.num_envs)
    for _ in range(steps):
        step = simulation.step(policy.act(None))
        error = sums["velocity_error"] + 0.5 * sums["turn_error"]
        gain = {
            "return": reward(step).total,
            "speed": step.forward_speed,
            "tracking": before - error,
        }[objective]
        before = error.copy()
        totals += np.where(running, gain, -FALLEN_ERROR if objective == "tracking" else 0.0)
        running &= ~simulation.terminated
        if not running.any() and objective != "tracking":
            break
    return totals if objective == "return" else totals / steps
