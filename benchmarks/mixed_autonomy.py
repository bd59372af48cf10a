"""Mixed autonomy: the wave, the controllers, what the gap filter guarantees and costs, speed, and pictures.

    python -m benchmarks.mixed_autonomy [--out FOLDER] [--runs RUN …] [--only
    wave|controllers|learned|frontier|safety|speed|pictures|sumo]

Prints a JSON document and exits with 1 if a limit is missed. Pictures go to the folder. Trained policies are
run directories of ``mixed-autonomy/ring``; they are played beside the controllers.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sandbox_mixed import baselines
from sandbox_mixed.car_following import Idm, ring_bound, ring_equilibrium
from sandbox_mixed.config import RingConfig, SumoConfig
from sandbox_mixed.kernels import COLUMNS, HUMAN, OWN_COLUMNS, Lanes, advance
from sandbox_mixed.platoon.reward import REWARDS as PLATOON_REWARDS
from sandbox_mixed.ring.core import make_vec
from sandbox_mixed.ring.reward import REWARDS
from sandbox_mixed.safety import GapFilter

TABLE = {220.0: (2.10, 3.00, 3.24), 230.0: (2.40, 3.45, 3.71), 260.0: (3.38, 4.82, 5.14)}
"""Length: mean speed of human drivers, uniform flow, bound, m/s; computed independently."""

LENGTHS = (220.0, 225.0, 230.0, 235.0, 240.0, 245.0, 250.0, 255.0, 260.0, 265.0, 270.0)
MIN_UPDATES = 2e6
"""Vehicle updates a second and core."""

CONTROLLERS = ("human", "follower_stopper", "pi_saturation", "pi_tuned", "adaptive_cruise")
METRICS = ("share", "speed", "spread", "settling", "min_gap", "collisions", "intervened", "effort")


class Random:
    """Uniform actions, or full throttle: the worst that the gap filter can be given."""

    def __init__(self, low: float) -> None:
        self.low, self.rng = low, np.random.default_rng(0)

    def reset(self, num_envs: int) -> None:
        """Nothing to forget."""

    def act(self, observation: Any) -> Any:
        """Accelerations."""
        return self.rng.uniform(self.low, 1.0, (len(observation), 1)).astype(np.float32)


def play(config: RingConfig, make_policy: Any, num_envs: int) -> dict[str, float]:
    """Mean metrics of one episode in every row; episodes that ended early keep their first result."""
    envs = make_vec(config, REWARDS["smooth"], num_envs)
    observation, _ = envs.reset(seed=list(range(1000, 1000 + num_envs)))
    policy = make_policy(envs)
    policy.reset(num_envs)
    results: dict[int, dict[str, float]] = {}
    while len(results) < num_envs:
        observation, _, terminated, truncated, info = envs.step(policy.act(observation))
        for row in np.flatnonzero(terminated | truncated):
            metrics = info["final_info"]["metrics"]
            results.setdefault(int(row), {name: float(metrics[name][row]) for name in METRICS})
    return {name: round(float(np.mean([x[name] for x in results.values()])), 4) for name in METRICS}


def wave() -> dict[str, Any]:
    """Human drivers from rest, the last 300 of 600 s, beside the table."""
    result: dict[str, Any] = {}
    for length, (speed, uniform, bound) in TABLE.items():
        config = RingConfig(length=(length, length), bunching=0, warmup=0, horizon=600, measured=300)
        metrics = play(config, baselines.human, 32)
        values = (metrics["speed"], ring_equilibrium(length, 22, Idm()), ring_bound(length, 22, Idm()))
        errors = [abs(x / y - 1) for x, y in zip(values, (speed, uniform, bound), strict=True)]
        result[f"{length:g}"] = {
            "speed": values[0], "spread": metrics["spread"], "uniform": round(values[1], 3),
            "bound": round(values[2], 3), "met": errors[0] <= 0.03 and max(errors[1:]) <= 0.01,
        }  # fmt: skip
    return result


def controllers(runs: list[Path]) -> dict[str, Any]:
    """All controllers and trained policies at every length, from a wave that has formed."""
    players = {name: getattr(baselines, name) for name in CONTROLLERS}
    for run in runs:
        players[f"{run.parent.name}/{run.name}"] = trained(run)
    result: dict[str, Any] = {}
    for name, make_policy in players.items():
        # Each with the decision interval that it was tuned or trained with.
        options = {} if name in CONTROLLERS else {"sees": "errors", "decision_steps": 10}
        rows = {x: play(RingConfig(length=(x, x), **options), make_policy, 8) for x in LENGTHS}
        result[name] = {
            "share": {f"{x:g}": row["share"] for x, row in rows.items()},
            "worst_share": min(row["share"] for row in rows.values()),
            "worst_spread": max(row["spread"] for row in rows.values()),
            "mean": {key: round(float(np.mean([row[key] for row in rows.values()])), 4) for key in METRICS},
        }
    return result


def learned(runs: list[Path]) -> list[dict[str, Any]]:
    """Test episodes of trained policies and of the best controller, by bands of lengths of 10 m."""
    import sandbox

    rows = []
    for agent in (*map(str, runs), "pi-tuned", "human"):
        table = sandbox.evaluate([agent], "mixed-autonomy/ring")
        (name,) = (one.name for one in table.agents)
        share, length, settling, spread, collisions, speed = (
            np.array(table.values(name, metric=x))
            for x in ("share", "length", "settling", "spread", "collisions", "speed")
        )
        bands = {
            f"{low}-{low + 10} m": round(float(share[(length >= low) & (length < low + 10)].mean()), 3)
            for low in range(220, 270, 10)
        }
        rows.append({
            "agent": agent, "share": round(float(share.mean()), 4), "least": round(float(share.min()), 3),
            **bands, "speed": round(float(speed.mean()), 3), "spread": round(float(spread.mean()), 3),
            "most_spread": round(float(spread.max()), 3), "wave_gone": float(np.mean(settling < 299)),
            "gone_after": float(np.median(settling)), "collisions": float(collisions.sum()),
        })  # fmt: skip
    return rows


def frontier(runs: list[Path]) -> dict[str, Any]:
    """Fuel against throughput behind 60 generated leaders: trained policies beside controllers whose settings
    run from close to far, and beside a vehicle that knows what the leader will do.

    A trained policy is compared with each controller at its own throughput, between the two settings next to
    it; a limit is missed where it has not less fuel, or no setting has as much throughput.
    """
    from benchmarks.known_leader import KnownLeader
    from sandbox_mixed.config import PlatoonConfig
    from sandbox_mixed.controllers import ProportionalIntegral
    from sandbox_mixed.platoon import core

    def played(
        make_policy: Any, catch_up: float = core.CATCH_UP, sees: Literal["errors", "history"] = "errors"
    ) -> dict[str, float]:
        envs = core.make_vec(PlatoonConfig(sees=sees, decision_steps=10), PLATOON_REWARDS["frugal"], 60)
        observation, info = envs.reset(seed=list(range(9000, 9060)))
        policy, over = make_policy(envs), False
        policy.reset(60)
        core.CATCH_UP = catch_up
        while not over:
            observation, _, terminated, truncated, info = envs.step(policy.act(observation))
            over = bool((terminated | truncated).all())
        metrics = info["final_info"]["metrics"]
        names = ("fuel", "throughput", "widest_gap", "collisions")
        return {name: round(float(np.mean(metrics[name])), 3) for name in names}

    standard = core.CATCH_UP
    result: dict[str, Any] = {"human": played(baselines.human)}
    for width in (15.0, 23.0, 35.0, 50.0, 70.0, 100.0, 150.0, 250.0, 400.0):
        law = ProportionalIntegral(catch_up=8.0, lower=7.0, width=width)
        result[f"PI, 8 m/s over {width:g} m"] = played(lambda envs, law=law: baselines._pi(envs, law))
    for catch_up in (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0):
        result[f"FollowerStopper, {catch_up:g} m/s"] = played(baselines.follower_stopper, catch_up)
    core.CATCH_UP = standard
    for price in (0.1, 0.03, 0.01, 0.003):
        result[f"leader known, {price:g} m/s⁴"] = played(lambda envs, price=price: KnownLeader(envs, price))
    for run in runs:
        row: dict[str, Any] = played(trained(run), sees="history")
        for name in ("PI", "FollowerStopper"):
            settings = [value for key, value in result.items() if key.startswith(name)]
            fuel = fuel_at(row["throughput"], settings)
            row |= {name: fuel, f"below_{name}": None if fuel is None else round(1 - row["fuel"] / fuel, 4)}
        row["met"] = all((row[f"below_{name}"] or 0.0) > 0.0 for name in ("PI", "FollowerStopper"))
        result[str(run)] = row
    return result


def fuel_at(throughput: float, settings: Sequence[Mapping[str, float]]) -> float | None:
    """Fuel of a controller whose settings run from close to far, at some throughput; None beyond them."""
    ordered = sorted(settings, key=lambda row: row["throughput"])
    known = [row["throughput"] for row in ordered]
    if not known[0] <= throughput <= known[-1]:
        return None
    return round(float(np.interp(throughput, known, [row["fuel"] for row in ordered])), 3)


def trained(run: Path) -> Any:
    """What makes the policy of a run directory."""
    from sandbox.runs.directory import Run

    return lambda envs: Run.open(run).policy


def safety(steps: int) -> dict[str, Any]:
    """Collisions under random and greedy actions with the filter and without, and what it costs a good
    controller."""
    result: dict[str, Any] = {}
    config = RingConfig()
    rows = max(8, math.ceil(steps / 3000))
    for name, low in (("random", -1.0), ("full throttle", 1.0 - 1e-9)):
        for filtered in (True, False):
            metrics = play(
                config.model_copy(update={"gap_filter": filtered}), lambda envs, low=low: Random(low), rows
            )
            key = f"{name}, {'filtered' if filtered else 'unfiltered'}"
            result[key] = {"steps": rows * 3000, "collided": round(metrics["collisions"] * rows), **metrics}
    for name in ("follower_stopper", "pi_tuned"):
        make_policy = getattr(baselines, name)
        pair = [play(config.model_copy(update={"gap_filter": x}), make_policy, 32) for x in (True, False)]
        result[name] = {"share_filtered": pair[0]["share"], "share_unfiltered": pair[1]["share"]}
        result[name]["intervened"] = pair[0]["intervened"]
    result["met"] = all(v["collided"] == 0 for k, v in result.items() if ", filtered" in k)
    return result


def speed() -> dict[str, Any]:
    """Vehicle updates a second of processor time: the compiled loop alone, and the environment."""
    rows, n, steps = 64, 22, 500
    lanes = Lanes(
        np.tile(np.arange(n) * 10.0, (rows, 1)), np.zeros((rows, n)), np.zeros((rows, n)), np.full(rows,
        220.0), np.arange(rows).astype(np.uint64), np.zeros(rows, bool),
    )  # fmt: skip
    slots, tally = np.full(n, -1), np.zeros((rows, COLUMNS))
    slots[0] = 0
    arguments = (lanes, Idm(), GapFilter(), 0.1)
    rest = (slots, np.zeros((rows, 1)), HUMAN, np.zeros((rows, 0)), tally, np.zeros((rows, 1, OWN_COLUMNS)))
    advance(*arguments, 1, *rest)
    start = time.process_time()
    advance(*arguments, steps, *rest)
    loop = rows * n * steps / (time.process_time() - start)
    envs = make_vec(RingConfig(warmup=0), REWARDS["smooth"], 256)
    envs.reset(seed=0)
    actions = np.zeros((256, 1), np.float32)
    envs.step(actions)
    start = time.process_time()
    for _ in range(200):
        envs.step(actions)
    environment = 200 * 256 * 5 * n / (time.process_time() - start)
    return {"loop": round(loop), "environment": round(environment), "met": environment >= MIN_UPDATES}


def sumo() -> dict[str, Any]:
    """Human drivers on SUMO, three seeds, beside the published values; and how fast SUMO's ring is."""
    import importlib.metadata

    from sandbox_mixed.sumo.core import make
    from sandbox_mixed.sumo.reward import REWARDS as SUMO_REWARDS

    published = {"figure-eight": ("speed", 4.18), "merge": ("speed", 7.39), "bottleneck": ("outflow", 1023.0)}
    options: dict[str, dict[str, Any]] = {
        "figure-eight": {"horizon": 150, "measured": 150, "max_acceleration": 3},
        "merge": {"horizon": 750, "measured": 750, "decision_steps": 2},
        "bottleneck": {"horizon": 750, "measured": 500, "decision_steps": 2, "flow": 2500},
        "ring": {"length": (230, 230), "bunching": 0, "warmup": 0, "horizon": 600, "measured": 300},
    }
    result: dict[str, Any] = {"version": importlib.metadata.version("eclipse-sumo")}
    for network, values in options.items():
        metrics = []
        start = time.perf_counter()
        for seed in range(3):
            env = make(SumoConfig(network=network, **values), SUMO_REWARDS["speed"])
            observation, _ = env.reset(seed=seed)
            policy, done, info = baselines.human(env), False, {}
            while not done:
                observation, _, terminated, truncated, info = env.step(policy.act(observation[None])[0])
                done = terminated or truncated
            env.close()
            metrics.append(info["metrics"])
        seconds = time.perf_counter() - start
        row = {key: round(float(np.mean([x[key] for x in metrics])), 3) for key in metrics[0]}
        row["wall_seconds_an_episode"] = round(seconds / 3, 2)
        if network in published:
            name, value = published[network]
            row |= {"published": value, "measured_over_published": round(row[name] / value, 3)}
        result[network] = row
    ring = result["ring"]
    ring["vehicle_updates_a_second"] = round(22 * 6000 / ring["wall_seconds_an_episode"])
    return result


def pictures(folder: Path, runs: list[Path]) -> list[str]:
    """Space-time and fundamental diagrams."""
    import subprocess
    import sys

    agents = ["human", "follower-stopper", "pi-saturation", *map(str, runs[:1])]
    files = []
    for view, scenario, players, episodes in (
        ("space-time", "ring", agents, "1"),
        ("fundamental", "ring", ["human", "follower-stopper", "pi-tuned", *map(str, runs[:1])], "16"),
        ("space-time", "platoon", ["human", "follower-stopper", "adaptive-cruise"], "1"),
    ):
        file = folder / f"{scenario}-{view}.png"
        command = [sys.executable, "-m", "sandbox", "render", *players]
        command += ["--scenario", f"mixed-autonomy/{scenario}"]
        command += ["--view", view, "--episodes", episodes, "--out", str(file)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        files.append(str(file))
    return files


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("mixed-autonomy"))
    parser.add_argument("--runs", type=Path, nargs="*", default=[])
    parser.add_argument("--steps", type=int, default=1_000_000, help="of the safety table")
    parser.add_argument(
        "--only",
        choices=("wave", "controllers", "learned", "frontier", "safety", "speed", "pictures", "sumo"),
    )
    arguments = parser.parse_args()
    parts = {
        "wave": wave,
        "speed": speed,
        "controllers": lambda: controllers(arguments.runs),
        "learned": lambda: learned(arguments.runs),
        "frontier": lambda: frontier(arguments.runs),
        "safety": lambda: safety(arguments.steps),
        "sumo": sumo,
        "pictures": lambda: pictures(arguments.out, arguments.runs),
    }
    if arguments.only:
        parts = {arguments.only: parts[arguments.only]}
    arguments.out.mkdir(parents=True, exist_ok=True)
    result = {name: part() for name, part in parts.items()}
    print(json.dumps(result, indent=2))
    waves = result.get("wave", {}).values()
    met = [row["met"] for row in waves] + [result[x]["met"] for x in ("speed", "safety") if x in result]
    met += [row["met"] for row in result.get("frontier", {}).values() if "met" in row]
    return int(not all(met))


if __name__ == "__main__":
    raise SystemExit(main())
