"""How fast macro placement is, and how placers compare at equal time: ratios of one run on one machine.

    python -m benchmarks.chip [--design FILE.aux] [--seconds 2] [--compare 30] [--train 2048]

Measures on generated designs of 50, 250 and 1,000 macros, and on a given file: wire masks beside the
slice update of MaskPlace written plainly in NumPy; greedy placements of the whole design a second; steps of
the environment. With ``--compare`` every placer gets the same processor time on the given file, or on a
generated design. Prints one JSON document, and Markdown tables on standard error.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from sandbox_chip.fit import packs
from sandbox_chip.generator import Recipe, generate
from sandbox_chip.kernels.decoders import greedy_decode
from sandbox_chip.kernels.jit import njit
from sandbox_chip.kernels.legality import legal_cells, occupy
from sandbox_chip.kernels.problem_arrays import ProblemArrays
from sandbox_chip.kernels.wirelength import all_bounds, wire_mask, wirelength
from sandbox_chip.netlist import Netlist
from sandbox_chip.placers.analytic import analytic
from sandbox_chip.placers.annealing import anneal
from sandbox_chip.placers.greedy import greedy
from sandbox_chip.placers.hill_climbing import hill_climbing
from sandbox_chip.placers.initial import initial
from sandbox_chip.placers.overlap_annealing import overlap_annealing
from sandbox_chip.placers.rebuild import rebuild
from sandbox_chip.placers.search import SearchBudget, SearchResult
from sandbox_chip.placers.walkers import winners_by_wirelength
from sandbox_chip.problem import Problem, build_problem
from sandbox_chip.types import Floats

GRIDS = (64, 84, 128, 224)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--design", type=Path, help="a file such as ibm01.aux")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each measurement")
    parser.add_argument("--compare", type=float, default=0.0, help="seconds for each placer on the design")
    parser.add_argument("--grid", type=int, default=84, help="grid of the comparison")
    parser.add_argument("--seeds", type=int, default=1, help="seeds of the comparison")
    parser.add_argument("--picture", type=Path, help="draw cost against time of the comparison")
    parser.add_argument("--train", type=int, default=0, help="steps of PPO with each backend, in turn")
    parser.add_argument("--only-compare", action="store_true", help="skip speeds of kernels and environments")
    arguments = parser.parse_args()
    result: dict[str, Any] = {}
    if not arguments.only_compare:
        result["greedy"] = greedy_rates(arguments.design, arguments.seconds)
        result["masks"] = mask_rates(arguments.seconds)
        result["environment"] = environment_rate(arguments.seconds)
        print(speed_tables(result), file=sys.stderr)
    if arguments.train:
        result["training"] = training_rates(arguments.train, arguments.seeds)
        print(json.dumps(result["training"]), file=sys.stderr)
    if arguments.compare:
        problem = (
            build_problem(_read(arguments.design), arguments.grid)
            if arguments.design
            else _generated(246, arguments.grid)
        )
        result["comparison"] = compare(problem, arguments.compare, arguments.seeds)
        print(comparison_table(result["comparison"]), file=sys.stderr)
        if arguments.picture is not None:
            draw(result["comparison"], arguments.picture)
    print(json.dumps(result, indent=2))
    return 0


def _read(path: Path) -> Netlist:
    from sandbox_chip.config import ChipConfig
    from sandbox_chip.formats.reader import read_design

    return read_design(ChipConfig(netlist=str(path)))[0]


@lru_cache(maxsize=8)
def _design(macros: int) -> Netlist:
    """A design that fits every grid of this benchmark on which its macros can be packed at all."""
    return generate(Recipe("heavy", (macros, macros), (0.4, 0.4), grid=224), 0)


def _generated(macros: int, grid: int) -> Problem:
    return build_problem(_design(macros), grid)


def rate(action: Callable[[], Any], seconds: float) -> float:
    """Calls a second of processor time, the first (which may compile) not counted."""
    action()
    done, begun = 0, time.process_time()
    while (spent := time.process_time() - begun) < seconds:
        action()
        done += 1
    return done / spent


def greedy_rates(design: Path | None, seconds: float) -> list[dict[str, Any]]:
    """Whole greedy placements a second, by design and grid."""
    rows = []
    sources: list[tuple[str, Callable[[int], Problem]]] = [
        (f"generated, {count} macros", partial(_generated, count)) for count in (50, 250, 1000)
    ]
    if design is not None:
        netlist = _read(design)
        sources.append((design.stem, lambda grid: build_problem(netlist, grid)))
    for name, make in sources:
        for grid in GRIDS:
            problem = make(grid)
            if not packs(problem):
                continue
            order, places = np.arange(problem.num_macros), np.empty((problem.num_macros, 3), np.int64)
            per_second = rate(lambda: greedy_decode(problem.arrays, order, places), seconds / 2)  # noqa: B023
            rows.append(
                {
                    "design": name,
                    "macros": problem.num_macros,
                    "nets": problem.netlist.num_nets,
                    "grid": grid,
                    "per_second": per_second,
                }
            )
    return rows


def slice_update(problem: Problem, macro: int, bounds: Floats) -> Floats:
    """The wire mask as MaskPlace and EfficientPlace make it: for every net, slices of the whole grid.

    O(degree · grid²). Written here to compare with; the domain does not use it.
    """
    arrays, grid = problem.arrays, problem.grid
    x = np.arange(grid) * arrays.cell_w + arrays.half_w[0, macro]
    y = np.arange(grid) * arrays.cell_h + arrays.half_h[0, macro]
    mask = np.zeros((grid, grid))
    for entry in range(arrays.entry_start[macro], arrays.entry_start[macro + 1]):
        net = arrays.entry_net[entry]
        if bounds[net, 0] > bounds[net, 1]:
            continue
        w = arrays.net_weight[net]
        for axis, at in ((0, x), (1, y)):
            p, q = arrays.pin_box[0, entry, 2 * axis], arrays.pin_box[0, entry, 2 * axis + 1]
            lo, hi = bounds[net, 2 * axis], bounds[net, 2 * axis + 1]
            below, above = np.flatnonzero(at + p < lo), np.flatnonzero(at + q > hi)
            if axis == 0:
                mask[:, below] += w * (lo - p - at[below])[None, :]
                mask[:, above] += w * (at[above] + q - hi)[None, :]
            else:
                mask[below, :] += w * (lo - p - at[below])[:, None]
                mask[above, :] += w * (at[above] + q - hi)[:, None]
    return mask


def mask_rates(seconds: float) -> list[dict[str, Any]]:
    """Wire masks a second of the macro with most nets: separable with the broadcast, and by slices."""
    return [_mask_rate(_generated(250, grid), grid, seconds / 2) for grid in (64, 128, 224)]


def _mask_rate(problem: Problem, grid: int, seconds: float) -> dict[str, Any]:
    arrays = problem.arrays
    places = greedy(problem).places
    macro = int(np.argmax(np.diff(arrays.entry_start)))
    places[macro, 2] = -1
    bounds = all_bounds(arrays, places)
    scratch, mask = np.empty((4, 2 * grid)), np.empty((grid, grid))
    _masks(arrays, macro, bounds, grid, scratch, mask, 1)
    plain = slice_update(problem, macro, bounds)
    assert np.allclose(mask, plain), "both ways must give the same mask"
    fast = rate(lambda: _masks(arrays, macro, bounds, grid, scratch, mask, BATCH), seconds) * BATCH
    slow = rate(lambda: slice_update(problem, macro, bounds), seconds)
    degree = int(arrays.entry_start[macro + 1] - arrays.entry_start[macro])
    return {
        "grid": grid,
        "nets_of_macro": degree,
        "separable": fast,
        "slices_numpy": slow,
        "ratio": fast / slow,
    }


BATCH = 200
"""Masks made in one call, as in a decoder or an environment: a call from Python costs more than a mask."""


@njit
def _masks(
    arrays: ProblemArrays, macro: int, bounds: Floats, grid: int, scratch: Floats, mask: Floats, times: int
) -> None:
    upright: Any = np.int64(0)
    for _ in range(times):
        wire_mask(arrays, macro, upright, bounds, grid, grid, scratch)
        for j in range(grid):
            for i in range(grid):
                mask[j, i] = scratch[0, i] + scratch[1, j]


def environment_rate(seconds: float) -> dict[str, float]:
    """Steps a second of 64 environments at G=32 with random legal actions; choosing them is not counted."""
    from sandbox_chip.config import ChipConfig
    from sandbox_chip.env import make_vec
    from sandbox_chip.reward import PRESETS

    envs = make_vec(ChipConfig(grid=32), PRESETS["wirelength"], 64)
    _, info = envs.reset(seed=0)
    rng, spent, steps = np.random.default_rng(0), 0.0, 0
    for turn in range(10_000):
        mask = info["action_mask"]
        actions = np.where(mask, rng.random(mask.shape, np.float32), -1).argmax(1)
        begun = time.process_time()
        _, _, _, _, info = envs.step(actions)
        if turn >= 5:
            spent, steps = spent + time.process_time() - begun, steps + 64
        if spent > 2 * seconds:
            break
    return {"grid": 32, "num_envs": 64, "steps_per_second": steps / spent}


def training_rates(steps: int, rounds: int) -> dict[str, list[float]]:
    """Steps a second of processor time of PPO with the preset of chip/large on 133 macros at G=84.

    Each round trains with Stable-Baselines3's layers, then with compiled ones. What both do once, such as
    reading and compiling, is done before.
    """
    import tempfile

    import sandbox

    changes = ["grid=84", "macros_min=133", "macros_max=133", "design_seed=1", "evaluation.validations=0"]
    rates: dict[str, list[float]] = {"sb3": [], "fast": []}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(rounds + 1):
            for backend, found in rates.items():
                begun = time.process_time()
                sandbox.train(
                    "chip/large",
                    "ppo",
                    steps=steps if turn else 16,
                    changes=changes,
                    hp={"backend": backend},
                    runs_dir=folder,
                )
                if turn:
                    found.append(steps / (time.process_time() - begun))
    return rates


def compare(
    problem: Problem, seconds: float, seeds: int, timer: Callable[[], float] = time.process_time
) -> dict[str, Any]:
    """Every placer with the same time, one after the other on one core.

    Processor time by default: on a shared machine wall time would depend on what else runs there.
    """
    methods: dict[str, Callable[[int], Any]] = {
        "random": lambda seed: random_legal(problem, seed),
        "greedy": lambda seed: greedy(problem),
        "hill-climbing": lambda seed: hill_climbing(problem, SearchBudget(seconds, timer=timer), seed),
        "annealing": lambda seed: anneal(problem, SearchBudget(seconds, timer=timer), seed),
        "analytic": lambda seed: analytic(problem, SearchBudget(seconds, timer=timer), seed),
        "rebuild": lambda seed: rebuild(problem, SearchBudget(seconds, timer=timer), seed),
        "overlap-annealing": lambda seed: overlap_annealing(
            problem, SearchBudget(seconds, timer=timer), seed
        ),
        "go-with-the-winners": lambda seed: winners_by_wirelength(
            problem, SearchBudget(seconds, timer=timer), seed
        ),
    }
    if initial(problem) is not None:
        methods["initial"] = lambda seed: initial(problem)
    for search in (hill_climbing, anneal, analytic, rebuild, overlap_annealing, winners_by_wirelength):
        search(problem, SearchBudget(None, 20), 0)  # compiled before any clock starts
    results: dict[str, Any] = {}
    for name, method in methods.items():
        runs = [method(seed) for seed in range(seeds if name not in ("greedy", "initial") else 1)]
        results[name] = {
            "hpwl": [run.cost for run in runs],
            "evaluations": [run.evaluations for run in runs],
            "history": runs[0].history,
        }
    return {
        "design": problem.netlist.name,
        "macros": problem.num_macros,
        "grid": problem.grid,
        "seconds": seconds,
        "methods": results,
    }


def random_legal(problem: Problem, seed: int) -> SearchResult:
    """Every macro, largest first, at a random legal cell; begun anew at a dead end, infinite after fifty."""
    rng = np.random.default_rng(seed)
    arrays = problem.arrays
    places = np.full((problem.num_macros, 3), -1, np.int64)
    for _ in range(50):
        places[:, 2] = -1
        free = arrays.free.copy()
        line, legal = np.empty(free.shape[1], np.uint64), np.empty((problem.grid, problem.grid), np.uint8)
        for macro in range(problem.num_macros):
            if not legal_cells(arrays, macro, 0, free, line, legal):
                break
            row, column = divmod(int(rng.choice(np.flatnonzero(legal))), problem.grid)
            places[macro] = column, row, 0
            occupy(arrays, free, macro, places[macro])
        else:
            cost = wirelength(arrays, all_bounds(arrays, places))
            return SearchResult(cost, places, evaluations=1)
    return SearchResult(np.inf, places, evaluations=50)


def speed_tables(result: dict[str, Any]) -> str:
    """Speeds as Markdown."""
    rows = [
        "\nGreedy placements of the whole design a second",
        "| design | macros | nets | G | per second |",
        "|---|---|---|---|---|",
    ]
    rows += [
        f"| {r['design']} | {r['macros']} | {r['nets']} | {r['grid']} | {r['per_second']:,.0f} |"
        for r in result["greedy"]
    ]
    rows += [
        "\nWire masks a second",
        "| G | nets | separable | slices in NumPy | ratio |",
        "|---|---|---|---|---|",
    ]
    rows += [
        f"| {r['grid']} | {r['nets_of_macro']} | {r['separable']:,.0f} | {r['slices_numpy']:,.0f} "
        f"| {r['ratio']:,.0f} |"
        for r in result["masks"]
    ]
    env = result["environment"]
    return "\n".join([*rows, f"\nEnvironment, G=32, 64 environments: {env['steps_per_second']:,.0f} steps/s"])


def draw(comparison: dict[str, Any], path: Path) -> None:
    """Cost against time, the first seed of every placer."""
    from sandbox_chip.render import new_figure

    figure, axes = new_figure(1, 1, (7, 4.5))
    for name, result in comparison["methods"].items():
        if result["history"]:
            times, costs = zip(*result["history"], strict=True)
            axes[0].step(np.maximum(times, 1e-3), costs, where="post", label=name)
        else:
            axes[0].axhline(result["hpwl"][0], linestyle=":", color="grey", linewidth=0.8)
            axes[0].annotate(name, (1e-3, result["hpwl"][0]), fontsize=8, va="bottom")
    axes[0].set(xscale="log", xlabel="processor time, s", ylabel="HPWL, µm")
    title = f"{comparison['design']}, {comparison['macros']} macros, grid of {comparison['grid']}"
    axes[0].set_title(title, fontsize=10)
    axes[0].legend(fontsize=8)
    figure.savefig(path)


def comparison_table(comparison: dict[str, Any]) -> str:
    """The comparison as Markdown, best first."""
    rows = [
        f"\n{comparison['design']}, {comparison['macros']} macros, G={comparison['grid']}, "
        f"{comparison['seconds']:g} s each",
        "| placer | HPWL mean | best | evaluations |",
        "|---|---|---|---|",
    ]
    ranked = sorted(comparison["methods"].items(), key=lambda item: float(np.mean(item[1]["hpwl"])))
    for name, result in ranked:
        mean, best = float(np.mean(result["hpwl"])), min(result["hpwl"])
        rows.append(f"| {name} | {mean:,.0f} | {best:,.0f} | {int(np.mean(result['evaluations'])):,} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
