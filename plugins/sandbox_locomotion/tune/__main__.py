"""Tune the parameters of the classical gaits.

    python -m sandbox_locomotion.tune ant
    python -m sandbox_locomotion.tune ant --method cma-es --start my-gait.json
    python -m sandbox_locomotion.tune ant --model my.xml --set healthy_height=[0.1,1] --out my-gait.json
    python -m sandbox_locomotion.tune go1 --objective tracking      # follows commands
    python -m sandbox_locomotion.tune go1 --objective speed         # runs straight ahead

A generation draws candidates from a distribution, plays each for some episodes on the tuning seeds, and
moves the distribution to the best: independent normal distributions with the cross-entropy method; with
CMA-ES (package cmaes, extra tune) correlated ones. The shipped parameters were tuned in this way; each
file holds the command that made it. A gait for a model of one's own is played by the baseline open-loop
with ``--set config.gait=FILE``.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from sandbox.api import BrokenFileError, InvalidValueError, Policy, RewardSpec, SandboxError
from sandbox_locomotion import config as configs
from sandbox_locomotion import reward as rewards
from sandbox_locomotion.arrays import Floats
from sandbox_locomotion.baselines.oscillators import Gait, OscillatorPolicy
from sandbox_locomotion.baselines.trot import TrotPolicy, trot_file
from sandbox_locomotion.simulation import Simulation
from sandbox_locomotion.tune.objective import OBJECTIVES, make_score, oscillator_space, trot_space
from sandbox_locomotion.tune.search import METHODS, MIN_POPULATION, Space, search

CONFIGS: dict[str, type[configs.LocomotionConfig]] = {
    "ant": configs.Ant,
    "half-cheetah": configs.HalfCheetah,
    "hopper": configs.Hopper,
    "walker2d": configs.Walker2d,
    "humanoid": configs.Humanoid,
    "swimmer": configs.Swimmer,
    "quadruped": configs.QuadrupedConfig,
}
QUADRUPEDS = ("go1", "go2")
COMMANDS = {"command_speed": (-0.3, 1.0), "command_side": (-0.3, 0.3), "command_turn": (-0.7, 0.7)}
"""Commands that a trot is tuned to follow, m/s and rad/s: those of the quadruped's scenarios."""
START_SPREAD = 0.2
"""Spread of the initial distribution with ``--start``, as a share of the usual one."""
DATA = Path(__file__).parents[1] / "data"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns 0 if parameters were written."""
    options = _parse(arguments)
    try:
        numbers, value, motors = _tune(options)
    except SandboxError as error:
        print(f"{error.message} {error.hint}".strip(), file=sys.stderr)
        return 2 if error.exit_code == 2 else 1
    path = _write(options, numbers, value, motors)
    print(f"{options.objective} {value:.4g}; written to {path}")
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox_locomotion.tune", description=__doc__)
    parser.add_argument("robot", choices=[*sorted(CONFIGS), *QUADRUPEDS])
    parser.add_argument("--model", default="", help="MJCF or URDF file to use instead of the robot's own")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="parameter of the task; repeatable"
    )
    parser.add_argument("--method", choices=sorted(METHODS), default="cross-entropy")
    parser.add_argument("--generations", type=int, default=50)
    parser.add_argument("--population", type=int, default=96)
    parser.add_argument("--episodes", type=int, default=1, help="episodes of each candidate")
    parser.add_argument("--steps", type=int, default=1000, help="control steps of an episode")
    parser.add_argument("--objective", choices=OBJECTIVES, default="return")
    parser.add_argument("--start", type=Path, help="file of parameters to start the search from")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0, help="0: one per processor")
    parser.add_argument("--out", type=Path, help="file to write; default: the shipped one")
    options = parser.parse_args(arguments)
    if options.population < MIN_POPULATION:
        parser.error(f"--population must be at least {MIN_POPULATION}")
    if min(options.generations, options.episodes, options.steps) < 1:
        parser.error("--generations, --episodes and --steps must be at least 1")
    if options.model and options.out is None:
        parser.error("--model needs --out: the shipped gaits are those of the shipped robots")
    if options.model and options.robot in QUADRUPEDS:
        parser.error("--model needs the robot of a task: quadruped instead of go1 or go2")
    if options.robot == "quadruped" and not options.model:
        parser.error("the shipped quadrupeds are go1 and go2")
    return options


def _tune(options: argparse.Namespace) -> tuple[Floats, float, list[str]]:
    """The parameters, their score, and the actuators that they are for; none for shipped robots."""
    simulation, reward = _simulation(options)
    motors = [motor.name for motor in simulation.robot.anatomy.motors] if options.model else []
    try:
        # The first third plays short episodes: a gait that does not move within a quarter of the time
        # need not be played to the end.
        short = 0 if options.start else max(1, options.generations // 3)

        def horizon(generation: int) -> int:
            return int(options.steps if generation >= short else max(options.steps // 4, 1))

        def make_policy(candidates: Floats) -> Policy:
            if options.robot in QUADRUPEDS:
                return TrotPolicy(candidates, simulation)
            return OscillatorPolicy(Gait.of(candidates), simulation)

        space = trot_space() if options.robot in QUADRUPEDS else oscillator_space(simulation)
        if options.start:
            space = _space_around(space, options.start)
        numbers, value = search(
            space,
            make_score(simulation, reward, make_policy, options.episodes, options.objective, horizon),
            options.generations,
            options.population,
            options.seed,
            on_generation=lambda summary: print(summary, file=sys.stderr, flush=True),
            # A stopped search loses nothing.
            on_best=lambda numbers, value: _write(options, numbers, value, motors),
            method=options.method,
        )
        return numbers, value, motors
    finally:
        simulation.close()


def _simulation(options: argparse.Namespace) -> tuple[Simulation, RewardSpec]:
    """The robots to search with, and the reward of the objective ``return``."""
    num_envs, horizon = options.population * options.episodes, options.steps + 1
    if options.robot in QUADRUPEDS:
        tracking = options.objective == "tracking"
        quadruped = configs.QuadrupedConfig(
            body=options.robot, horizon=horizon, **(COMMANDS if tracking else {})
        )
        reward = rewards.QUADRUPED["command" if tracking else "speed"]
        return Simulation(quadruped, num_envs, options.threads), reward
    given = {**_parameters(options.set), "model": str(options.model), "horizon": horizon}
    try:
        config = CONFIGS[options.robot].model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidValueError(f"--set {'.'.join(map(str, first['loc']))}: {first['msg']}.") from None
    presets = getattr(rewards, options.robot.replace("-", "_").upper())
    reward = presets.get("gymnasium") or presets["speed"]
    return Simulation(config, num_envs, options.threads), reward


def _parameters(pairs: list[str]) -> dict[str, Any]:
    """Parameters of the task from ``KEY=VALUE``; a value is JSON or else a string.

    Raises:
        InvalidValueError: For a pair without ``=``.
    """
    parameters = {}
    for pair in pairs:
        key, separator, text = pair.partition("=")
        if not separator:
            raise InvalidValueError(f"--set {pair}: it must be KEY=VALUE.")
        try:
            parameters[key.removeprefix("config.")] = json.loads(text)
        except ValueError:
            parameters[key.removeprefix("config.")] = text
    return parameters


def _space_around(space: Space, path: Path) -> Space:
    """The same bounds, with a narrow distribution around the parameters in a file.

    Raises:
        BrokenFileError: If the file does not hold fitting parameters.
    """
    try:
        start = np.array(json.loads(path.read_text("utf-8"))["numbers"], float)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BrokenFileError(path, f"holds no parameters: {error}") from None
    if start.shape != space.start.shape:
        raise BrokenFileError(path, f"holds {start.size} parameters, not {space.start.size}")
    spread = np.minimum(space.spread, np.maximum(np.abs(start), 0.1)) * START_SPREAD
    return Space(space.low, space.high, start, spread)


def _write(options: argparse.Namespace, numbers: Floats, value: float, motors: list[str]) -> Path:
    """Write parameters, with their score and the commands that led to them; the file appears whole."""
    name = f"oscillators-{options.robot}.json"
    if options.robot in QUADRUPEDS:
        name = trot_file(options.robot, options.objective == "tracking")
    path: Path = options.out or DATA / name
    document = {
        "before": _commands_of(options.start) if options.start else [],
        "command": _command(options),
        options.objective: round(value, 4),
        "motors": motors,
        "numbers": [float(f"{number:.6g}") for number in numbers],
    }
    part = path.with_suffix(".part")
    part.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    part.replace(path)
    return path


def _commands_of(start: Path) -> list[str]:
    """The commands that led to the parameters in a file."""
    document = json.loads(start.read_text("utf-8"))
    return [*document.get("before", []), *filter(None, [document.get("command")])]


def _command(options: argparse.Namespace) -> str:
    """The command that finds these parameters again, with every option that decides them."""
    names = ("method", "generations", "population", "episodes", "steps", "objective", "seed")
    start = f" --start {options.start.name}" if options.start else ""
    if options.model:
        start += f" --model {Path(options.model).name}"
    start += "".join(f" --set {pair}" for pair in options.set)
    rest = " ".join(f"--{name} {getattr(options, name)}" for name in names)
    return f"python -m sandbox_locomotion.tune {options.robot} {rest}{start}"


if __name__ == "__main__":
    sys.exit(main())
