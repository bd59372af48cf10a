"""The twin beside SUMO: speed, and delays under many controllers.

    python -m benchmarks.traffic_twin speed [SCENARIO …] [--rows 32] [--pieces 8]
    python -m benchmarks.traffic_twin fidelity [SCENARIO …] [--episodes 2] [--keep FILE]

Speed is processor time of all processes for a decision under random requests, measured by turns in one run.
Fidelity plays the same controllers on the same seeds on both, and prints delays, their ratio, and rank
correlation over controllers; ``--keep`` remembers SUMO's results, which take most of the time. What policies
trained on the twin are worth on SUMO says ``sandbox eval RUN … --scenario traffic/single-intersection``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import process_time
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.mistakes import explained
from sandbox.api.errors import UnknownNameError
from sandbox.registry.resolve import resolve
from sandbox.scenarios.resolve import ResolvedScenario, load_scenario
from sandbox_traffic.batch import SignalBatch
from sandbox_traffic.plugin import BASELINES
from sandbox_traffic.simulators import make_batch

SCENARIOS = (
    "single-intersection", "arterial-5", "grid-2x2", "cologne1", "cologne3", "cologne8", "ingolstadt1",
    "ingolstadt7", "grid4x4", "arterial4x4",
)  # fmt: skip

CONTROLLERS = (
    "max-pressure", "max-wave", "actuated", "delay-based", "webster", "sotl", "greedy-queue",
    "greedy-waiting", "greedy-delay", "greedy-throughput",
)  # fmt: skip

GREENS = {"fixed 20 s": 4, "random": 0}
"""Controllers of this file: greens of so many decisions in turn, and random requests."""

TEST_SEED = 5_000

Act = Callable[[SignalBatch], NDArray[np.int64]]


def main() -> None:
    """Run the benchmark that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    commands = parser.add_subparsers(required=True)
    speed = commands.add_parser("speed")
    speed.add_argument("scenarios", nargs="*", default=["single-intersection", "cologne1"])
    speed.add_argument("--rows", type=int, default=32)
    speed.add_argument("--pieces", type=int, default=8)
    speed.set_defaults(run=measure_speed)
    fidelity = commands.add_parser("fidelity")
    fidelity.add_argument("scenarios", nargs="*", default=list(SCENARIOS))
    fidelity.add_argument("--episodes", type=int, default=2)
    fidelity.add_argument("--controllers", default="")
    fidelity.add_argument("--keep", type=Path)
    fidelity.set_defaults(run=measure_fidelity)
    arguments = parser.parse_args()
    arguments.run(arguments)


def make(scenario: ResolvedScenario, simulator: str, rows: int) -> SignalBatch:
    """A batch of a scenario's test episodes."""
    config: Any = scenario.evaluation_config
    return make_batch(config.model_copy(update={"simulator": simulator}), scenario.reward, rows)


def controller(name: str, batch: SignalBatch) -> Act:
    """A controller by name."""
    if name in GREENS:
        return _cyclic(GREENS[name]) if GREENS[name] else _random()
    found = {each.name: each.make for each in BASELINES}
    if name not in found:
        raise UnknownNameError("controller", name, [*found, *GREENS])
    made: Any = resolve(found[name])
    policy = made(SimpleNamespace(batch=batch))
    policy.reset(len(batch.simulations), 0)
    return lambda batch: policy.act(None, None).reshape(len(batch.simulations), -1)


def _cyclic(length: int) -> Act:
    def act(batch: SignalBatch) -> NDArray[np.int64]:
        counts = np.array([len(signal.phases) for signal in batch.network.signals])
        return np.tile((len(batch.actions) // length) % counts, (len(batch.simulations), 1))

    return act


def _random() -> Act:
    rng = np.random.default_rng(0)

    def act(batch: SignalBatch) -> NDArray[np.int64]:
        mask = batch.action_masks()
        choice: NDArray[np.int64] = (rng.random(mask.shape) * mask).argmax(axis=-1)
        return choice

    return act


def play(batch: SignalBatch, name: str, seeds: Sequence[int]) -> list[float]:
    """Mean delay of the episodes of some seeds under a controller, s."""
    batch.reset(seeds)
    act, over = controller(name, batch), False
    while not over:
        over = bool(batch.step(act(batch)).any())
    delays: list[float] = batch.metrics()["delay"].tolist()
    return delays


def measure_speed(arguments: argparse.Namespace) -> None:
    """Print decisions a processor second of both, by turns."""
    for name in arguments.scenarios:
        scenario = load_scenario(f"traffic/{name}")
        twin, sumo = make(scenario, "twin", arguments.rows), make(scenario, "sumo", 1)
        twin.reset(range(arguments.rows))
        sumo.reset([0])
        play_both: list[tuple[float, float]] = []
        for _ in range(arguments.pieces):
            play_both.append((_rate(twin, 60), _rate(sumo, 60)))
        ratios = [ours / theirs for ours, theirs in play_both[1:]]
        row = {
            "scenario": name,
            "twin, decisions/s": round(median(ours for ours, _ in play_both[1:])),
            "SUMO, decisions/s": round(median(theirs for _, theirs in play_both[1:])),
            "ratio": round(median(ratios), 1),
        }
        print(json.dumps(row), flush=True)
        sumo.close()


def _rate(batch: SignalBatch, decisions: int) -> float:
    """Decisions of all rows a processor second, of this process and the simulators'."""
    act = controller("random", batch)
    seconds = 0.0
    for _ in range(decisions):
        phases = act(batch)
        begin = process_time(), _children(batch)
        batch.step(phases)
        batch.observations()
        batch.rewards()
        seconds += process_time() - begin[0] + _children(batch) - begin[1]
    return decisions * len(batch.simulations) / seconds


def _children(batch: SignalBatch) -> float:
    """Processor time of the simulators' processes, s."""
    if not batch.sockets:
        return 0.0
    return sum(simulation.processor_seconds()[1] for simulation in batch.simulations)


def measure_fidelity(arguments: argparse.Namespace) -> None:
    """Print delays on both, their ratios, and correlations over controllers."""
    kept: dict[str, list[float]] = {}
    if arguments.keep and arguments.keep.is_file():
        kept = json.loads(arguments.keep.read_text())
    names = arguments.controllers.split(",") if arguments.controllers else [*CONTROLLERS, *GREENS]
    seeds = [TEST_SEED + number for number in range(arguments.episodes)]
    for scenario_name in arguments.scenarios:
        scenario = load_scenario(f"traffic/{scenario_name}")
        twin, sumo = make(scenario, "twin", len(seeds)), make(scenario, "sumo", len(seeds))
        rows = []
        for name in names:
            key = f"{scenario_name} {name} {seeds}"
            if key not in kept:
                kept[key] = play(sumo, name, seeds)
                if arguments.keep:
                    arguments.keep.write_text(json.dumps(kept))
            theirs, ours = float(np.mean(kept[key])), float(np.mean(play(twin, name, seeds)))
            rows.append((theirs, ours))
            print(
                f"{scenario_name:20} {name:18} SUMO {theirs:7.1f}  twin {ours:7.1f}  {ours / theirs:5.2f}",
                flush=True,
            )
        sumo.close()
        table = np.array(rows)
        ratio = table[:, 1] / table[:, 0]
        print(
            f"{scenario_name:20} {len(rows)} controllers: ratio {ratio.min():.2f} to {ratio.max():.2f}, "
            f"median {np.median(ratio):.2f}, within 15 %: {(abs(ratio - 1) <= 0.15).sum()}, "
            f"rank correlation {rank_correlation(table):.3f}",
            flush=True,
        )


def rank_correlation(table: NDArray[np.float64]) -> float:
    """Spearman's correlation of two columns."""
    ranks = table.argsort(axis=0).argsort(axis=0)
    return float(np.corrcoef(ranks.T)[0, 1])


if __name__ == "__main__":
    with explained():
        main()
