"""Finds the parameters of the classical gaits by random search that learns where to look.

    python -m sandbox_locomotion.tune ant
    python -m sandbox_locomotion.tune ant --method cma-es --start my-gait.json
    python -m sandbox_locomotion.tune ant --model my.xml --out my-gait.json
    python -m sandbox_locomotion.tune go1 --objective tracking      # follows commands
    python -m sandbox_locomotion.tune go1 --objective speed         # runs ahead

A generation draws candidates from normal distributions, plays each for some episodes of the tuning
seeds, and moves the distributions to where the best lie: independent distributions and the best tenth
with the cross-entropy method; with CMA-ES (Hansen 2016, arXiv 1604.00772; package cmaes, extra tune)
their correlations as well. What is shipped was found this way; the command is kept in the file.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api import BrokenFileError, MissingExtraError, SandboxError
from sandbox_locomotion import config as configs
from sandbox_locomotion import reward as rewards
from sandbox_locomotion.oscillators import Gait, OscillatorPolicy
from sandbox_locomotion.simulation import Simulation
from sandbox_locomotion.trot import HIGH, LOW, Trot, TrotPolicy, trot_file

Array = NDArray[np.float64]

CONFIGS: dict[str, type[configs.LocomotionConfig]] = {
    "ant": configs.Ant,
    "half-cheetah": configs.HalfCheetah,
    "hopper": configs.Hopper,
    "walker2d": configs.Walker2d,
    "humanoid": configs.Humanoid,
    "swimmer": configs.Swimmer,
}
QUADRUPEDS = ("go1", "go2")
COMMANDS = {"command_speed": (-0.3, 1.0), "command_side": (-0.3, 0.3), "command_turn": (-0.7, 0.7)}
"""What a trot is tuned to follow, m/s and rad/s: those of the quadruped's scenarios."""
FALLEN = 2.0
"""Velocity error of a robot that lies on the ground, m/s."""
TUNING_SEEDS = 200_000
"""First of the scenarios' tuning seeds."""
FEWEST = 6
"""Smallest population: the mean, the best so far, and as many new candidates as elites."""
BEST = 1
"""Where in a generation the best candidate so far is."""
ELITE = 0.1
NARROW = 0.2
"""Width of the first distributions with ``--start``, as a share of the usual ones."""
SMOOTHING = 0.7
"""Share of the new estimate in the distributions of the next generation."""


@dataclass(frozen=True)
class Space:
    """Bounds of the parameters, ``(parameters,)``; angles that wrap have none that bind."""

    low: Array
    high: Array
    start: Array
    spread: Array


def oscillator_space(simulation: Simulation) -> Space:
    """Bounds that follow from the joints' ranges; frequencies from 0.2 to 6 Hz."""
    model, joints = simulation.base, simulation.base.actuator_trnid[:, 0]
    ranges = model.jnt_range[joints].copy()
    ranges[ranges[:, 0] == ranges[:, 1]] = (-1.5, 1.5)
    half, middle = np.diff(ranges, axis=1)[:, 0] / 2, ranges.mean(1)
    turn = 2 * np.pi
    near = np.clip(simulation.start[simulation.body.joints], ranges[:, 0], ranges[:, 1])
    start = [*(0.3 * half), *np.full(len(half), np.pi), *(0.5 * (near + middle)), turn, turn, 1.0, 0.05]
    spread = [*(0.4 * half), *np.full(len(half), np.pi), *(0.3 * half), turn, turn, 1.5, 0.05]
    low = [*(0 * half), *np.full(len(half), -np.inf), *ranges[:, 0], 0.2 * turn, 0.2 * turn, 0.02, 0.0]
    high = [*(1.2 * half), *np.full(len(half), np.inf), *ranges[:, 1], 6 * turn, 6 * turn, 20.0, 1.0]
    return Space(np.array(low), np.array(high), np.array(start), np.array(spread))


class CrossEntropy:
    """Independent normal distributions that move to the best tenth."""

    def __init__(self, space: Space, population: int, seed: int) -> None:
        self.mean, self._spread = space.start.copy(), space.spread.copy()
        self._first, self._population = space.spread, population
        self._rng = np.random.default_rng(seed)

    def ask(self, best: Array | None) -> Array:
        """Candidates ``(population, parameters)``, not yet within bounds: the mean, the best, new ones."""
        drawn = self.mean + self._spread * self._rng.standard_normal((self._population, len(self.mean)))
        drawn[0] = self.mean
        if best is not None:
            drawn[BEST] = best
        return drawn

    def tell(self, candidates: Array, scores: Array) -> None:
        """Learn from a generation."""
        elites = max(4, round(ELITE * self._population))
        chosen = candidates[np.argsort(-scores)[:elites]]
        self.mean = SMOOTHING * chosen.mean(0) + (1 - SMOOTHING) * self.mean
        self._spread = SMOOTHING * (chosen.std(0) + 1e-4 * self._first) + (1 - SMOOTHING) * self._spread


class CmaEs:
    """Covariance matrix adaptation; parameters are counted in units of their first spread.

    The mean and the best so far are played, but not learned from: the method counts on its own draws.

    Raises:
        MissingExtraError: Without the package cmaes.
    """

    def __init__(self, space: Space, population: int, seed: int) -> None:
        try:
            from cmaes import CMA
        except ImportError:
            raise MissingExtraError("CMA-ES", ["cmaes"], "tune") from None
        self._space, zeros = space, np.zeros(len(space.start))
        self._search = CMA(mean=zeros, sigma=1.0, seed=seed, population_size=population - 2)

    @property
    def mean(self) -> Array:
        """Centre of the distribution."""
        return np.asarray(self._space.start + self._space.spread * self._search.mean)

    def ask(self, best: Array | None) -> Array:
        """Candidates ``(population, parameters)``, not yet within bounds: the mean, the best, new ones."""
        drawn = np.stack([self._search.ask() for _ in range(self._search.population_size)])
        known = np.stack([self.mean, self.mean if best is None else best])
        return np.concatenate([known, self._space.start + self._space.spread * drawn])

    def tell(self, candidates: Array, scores: Array) -> None:
        """Learn from a generation; what was brought within bounds counts as if drawn there."""
        drawn = (candidates[2:] - self._space.start) / self._space.spread
        self._search.tell([(one, -float(score)) for one, score in zip(drawn, scores[2:], strict=True)])


METHODS: dict[str, type[CrossEntropy | CmaEs]] = {"cross-entropy": CrossEntropy, "cma-es": CmaEs}


def search(
    space: Space,
    score: Callable[[Array, int], Array],
    generations: int,
    population: int,
    seed: int,
    told: Callable[[str], None],
    keep: Callable[[Array, float], object] = lambda numbers, value: None,
    method: str = "cross-entropy",
) -> tuple[Array, float]:
    """Search for good parameters.

    Args:
        space: Bounds and the first distributions.
        score: From candidates ``(population, parameters)`` and the generation to scores, higher better.
        generations: How many.
        population: Candidates of each.
        seed: Of the draws.
        told: Hears of each generation.
        keep: Given the best candidate so far after each generation, so that a stopped search loses nothing.
        method: One of `METHODS`.

    Returns:
        The mean of the last distributions or the best candidate seen, whichever scores higher on new
        seeds, and that score.
    """
    searcher = METHODS[method](space, population, seed)
    best, best_score = space.start.copy(), -np.inf
    for generation in range(generations):
        candidates = np.clip(searcher.ask(best if generation else None), space.low, space.high)
        scores = score(candidates, generation)
        searcher.tell(candidates, scores)
        first = int(np.argmax(scores))
        # The best so far plays again on other seeds, where it may turn out to have been lucky.
        if scores[first] > best_score or scores[BEST] < best_score - 0.1 * abs(best_score):
            best, best_score = candidates[first].copy(), float(scores[first])
        keep(best, best_score)
        told(f"generation {generation + 1}: best {scores.max():.4g}, mean {scores.mean():.4g}")
    final = np.stack([np.clip(searcher.mean, space.low, space.high), best])
    repeated = np.repeat(final, max(1, population // 2), 0)[:population]
    scores = score(repeated, generations)
    half = len(scores) // 2
    means = scores[:half].mean(), scores[half:].mean()
    return final[int(np.argmax(means))], float(max(means))


def trot_space() -> Space:
    """Bounds of the trot's six parameters."""
    return Space(LOW, HIGH, Trot().numbers, (HIGH - LOW) / 4)


def scorer(
    simulation: Simulation,
    policy: Callable[[Array], Any],
    episodes: int,
    objective: str,
    horizon: Callable[[int], int],
) -> Callable[[Array, int], Array]:
    """Plays candidates: copies hold ``episodes`` rows of each, with the same seeds for all candidates."""

    def score(candidates: Array, generation: int) -> Array:
        played = policy(np.repeat(candidates, episodes, 0))
        seeds = TUNING_SEEDS + generation * 97 + np.tile(np.arange(episodes), len(candidates))
        totals = play(simulation, played, seeds.tolist(), horizon(generation), objective)
        return np.asarray(totals.reshape(len(candidates), episodes).mean(1))

    return score


def play(simulation: Simulation, policy: Any, seeds: list[int], steps: int, objective: str) -> Array:
    """One episode of every copy, or its first steps.

    Returns:
        By objective: return; forward distance by the time of all ``steps``, m/s; or less the mean
        velocity error, m/s and rad/s.
    """
    for copy, seed in enumerate(seeds):
        simulation.seed(copy, seed)
    simulation.reset(range(simulation.copies))
    policy.reset(simulation.copies)
    running, totals = np.ones(simulation.copies, np.bool_), np.zeros(simulation.copies)
    errors = {name: simulation.tally.sums[name] for name in ("velocity_error", "turn_error")}
    before = np.zeros(simulation.copies)
    for _ in range(steps):
        outcome = simulation.step(policy.act(None))
        total_error = errors["velocity_error"] + 0.5 * errors["turn_error"]
        gain = {
            "return": outcome.reward,
            "speed": outcome.terms["forward"],
            "tracking": before - total_error,
        }[objective]
        before = total_error.copy()
        totals += np.where(running, gain, -FALLEN if objective == "tracking" else 0.0)
        running &= ~outcome.terminated
        if not running.any() and objective != "tracking":
            break
    return totals if objective == "return" else totals / steps


def main(arguments: list[str] | None = None) -> int:
    """The command; 0 if parameters were written."""
    parser = argparse.ArgumentParser(prog="python -m sandbox_locomotion.tune", description=__doc__)
    parser.add_argument("robot", choices=[*sorted(CONFIGS), *QUADRUPEDS])
    parser.add_argument("--model", default="", help="MJCF file to use instead of the robot's own")
    parser.add_argument("--method", choices=sorted(METHODS), default="cross-entropy")
    parser.add_argument("--generations", type=int, default=50)
    parser.add_argument("--population", type=int, default=96)
    parser.add_argument("--episodes", type=int, default=1, help="episodes of each candidate")
    parser.add_argument("--steps", type=int, default=1000, help="control steps of an episode")
    parser.add_argument("--objective", choices=("return", "speed", "tracking"), default="return")
    parser.add_argument("--start", type=Path, help="file of parameters to search about")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0, help="0: one a processor")
    parser.add_argument("--out", type=Path, help="file to write; the shipped one if absent")
    options = parser.parse_args(arguments)
    if options.population < FEWEST:
        parser.error(f"--population must be at least {FEWEST}")
    if min(options.generations, options.episodes, options.steps) < 1:
        parser.error("--generations, --episodes and --steps must be at least 1")
    try:
        found, value = _tune(options)
    except SandboxError as error:
        print(f"{error.message} {error.hint}".strip(), file=sys.stderr)
        return 2 if error.exit_code == 2 else 1
    path = _write(options, found, value)
    print(f"{options.objective} {value:.4g}; written to {path}")
    return 0


def _write(options: argparse.Namespace, numbers: Array, value: float) -> Path:
    """Put parameters into the file that was asked for, moved in whole."""
    name = f"oscillators-{options.robot}.json"
    if options.robot in QUADRUPEDS:
        name = trot_file(options.robot, options.objective == "tracking")
    path: Path = options.out or Path(__file__).parent / "data" / name
    document = {
        "before": _commands_of(options.start) if options.start else [],
        "command": _command(options),
        options.objective: round(value, 4),
        "numbers": [float(f"{number:.6g}") for number in numbers],
    }
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    beside.replace(path)
    return path


def _commands_of(start: Path) -> list[str]:
    """The commands that found the parameters which a search began from."""
    document = json.loads(start.read_text("utf-8"))
    return [*document.get("before", []), *filter(None, [document.get("command")])]


def _command(options: argparse.Namespace) -> str:
    """The command that finds these parameters again, all that decides them written out."""
    names = ("method", "generations", "population", "episodes", "steps", "objective", "seed")
    start = f" --start {options.start.name}" if options.start else ""
    rest = " ".join(f"--{name} {getattr(options, name)}" for name in names)
    return f"python -m sandbox_locomotion.tune {options.robot} {rest}{start}"


def _tune(options: argparse.Namespace) -> tuple[Array, float]:
    simulation = _simulation(options)
    try:
        # Short episodes first: a gait that does not move in two seconds need not be watched for twenty.
        third = 0 if options.start else max(1, options.generations // 3)

        def horizon(generation: int) -> int:
            return int(options.steps if generation >= third else max(options.steps // 4, 1))

        def policy(candidates: Array) -> Any:
            if options.robot in QUADRUPEDS:
                return TrotPolicy(candidates, simulation)
            return OscillatorPolicy(Gait.of(candidates), simulation)

        space = trot_space() if options.robot in QUADRUPEDS else oscillator_space(simulation)
        if options.start:
            space = _about(space, options.start)
        return search(
            space,
            scorer(simulation, policy, options.episodes, options.objective, horizon),
            options.generations,
            options.population,
            options.seed,
            lambda line: print(line, file=sys.stderr, flush=True),
            lambda numbers, value: _write(options, numbers, value),
            options.method,
        )
    finally:
        simulation.close()


def _about(space: Space, path: Path) -> Space:
    """The same bounds, with narrow distributions about parameters found before.

    Raises:
        BrokenFileError: If the file does not hold them.
    """
    try:
        start = np.array(json.loads(path.read_text("utf-8"))["numbers"], float)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BrokenFileError(path, f"holds no parameters: {error}") from None
    if start.shape != space.start.shape:
        raise BrokenFileError(path, f"holds {start.size} parameters, not {space.start.size}")
    spread = np.minimum(space.spread, np.maximum(np.abs(start), 0.1)) * NARROW
    return Space(space.low, space.high, start, spread)


def _simulation(options: argparse.Namespace) -> Simulation:
    copies, horizon = options.population * options.episodes, options.steps + 1
    if options.robot in QUADRUPEDS:
        tracking = options.objective == "tracking"
        quadruped = configs.QuadrupedConfig(
            body=options.robot, horizon=horizon, **(COMMANDS if tracking else {})
        )
        reward = rewards.QUADRUPED["command" if tracking else "speed"]
        return Simulation(quadruped, reward, copies, options.threads)
    config = CONFIGS[options.robot](model=str(options.model), horizon=horizon)
    reward = getattr(rewards, options.robot.replace("-", "_").upper())["gymnasium"]
    return Simulation(config, reward, copies, options.threads)


if __name__ == "__main__":
    sys.exit(main())
