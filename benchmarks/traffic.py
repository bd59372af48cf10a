"""What a decision costs on SUMO, here and in sumo-rl, and how much of it is SUMO itself.

    python -m benchmarks.traffic [--decisions N] [--repeats R] [--quick]

Every measurement runs in a process of its own, under a random policy with the same seeds, on episodes
from their beginning. The ways that are compared take turns, and ratios are medians over the rounds.
Processor seconds of all processes that take part are compared, since wall time depends on what else the
machine does; wall times are given beside them. "python" is without compiled code. Prints a JSON document
and exits with 1 if a limit is missed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SHARE = 0.88
"""Minimum share of SUMO's own time in the processor time of stepping."""

LIMITS = {"compiled": 1.4, "python": 1.15, "traci": 25.0}
"""Minimum ratio of sumo-rl's processor time per decision to ours: on libsumo, with compiled code and without,
and by TraCI."""

SCALING = 0.9
"""Minimum speed-up by W environments on W cores that do not wait for each other, as a share of W."""

WAYS = {"compiled": "1", "python": "0"}
"""Values of the environment variable that allows compiled code."""

NETS = {
    "two-way-single": ("2way-single-intersection/single-intersection.net.xml",
                       "2way-single-intersection/single-intersection-vhvh.rou.xml", 0),
    "cologne1": ("RESCO/cologne1/cologne1.net.xml", "RESCO/cologne1/cologne1.rou.xml", 25200),
    "grid4x4": ("RESCO/grid4x4/grid4x4.net.xml", "RESCO/grid4x4/grid4x4_1.rou.xml", 0),
}  # fmt: skip

PEER_NETS = ("two-way-single", "cologne1")
"""Networks on which sumo-rl is measured."""


def main() -> int:
    """Measure and compare."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--decisions", type=int, default=720, help="of every measurement (one hour: 720)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--quick", action="store_true", help="leave out TraCI, many environments and network sizes"
    )
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        task = json.loads(arguments.measure)
        print(json.dumps(globals()[task.pop("do")](**task)))
        return 0
    n, repeats = arguments.decisions, arguments.repeats
    result: dict[str, Any] = {"decisions": n, "load": os.getloadavg()[0], "cores": os.cpu_count()}
    rounds = [_round(n, not arguments.quick and number == 0) for number in range(repeats)]
    for way in WAYS:
        result[way] = _summary(rounds, way, n)
    result["in_turns"] = {
        net: _run(do="turns", net=net, pieces=16, size=25, libsumo=True) for net in PEER_NETS
    }
    if not arguments.quick:
        first = rounds[0]
        net = PEER_NETS[0]
        result["traci_over_ours"] = round(first["traci", net]["cpu"] / first["compiled", net]["cpu"], 1)
        result |= _many(n, repeats)
        result["network_size"] = [_size(side, min(n, 120)) for side in (2, 4, 10)]
    result["met"] = _met(result)
    print(json.dumps(result, indent=2))
    return int(not all(result["met"].values()))


Round = dict[tuple[str, str], dict[str, float]]
"""Times by way and network; see `ours` and `sumo_rl`."""


def _summary(rounds: list[Round], way: str, decisions: int) -> dict[str, Any]:
    """Medians over the rounds of one way."""

    def middle(net: str, value: Callable[[dict[str, float]], float]) -> float:
        return round(statistics.median(value(each[way, net]) for each in rounds), 3)

    def ratio(net: str, name: str) -> float:
        ratios = (each["libsumo", net][name] / each[way, net][name] for each in rounds)
        return round(statistics.median(ratios), 3)

    return {
        "sumo_share": {net: middle(net, lambda run: run["sumo"] / run["cpu"]) for net in NETS},
        "milliseconds_a_decision": {
            net: middle(net, lambda run: 1000 * run["cpu"] / decisions) for net in NETS
        },
        "reset_milliseconds": {net: middle(net, lambda run: 1000 * run["reset"]) for net in NETS},
        "sumo_rl_over_ours": {net: {name: ratio(net, name) for name in ("cpu", "wall")} for net in PEER_NETS},
    }


def _round(decisions: int, traci: bool) -> Round:
    """Every way once, one after the other on each network."""
    runs: Round = {}
    for net in NETS:
        for way in WAYS:
            runs[way, net] = _run(do="ours", net=net, decisions=decisions, way=way)
        if net in PEER_NETS:
            runs["libsumo", net] = _run(do="sumo_rl", net=net, decisions=decisions, libsumo=True)
    if traci:
        net = PEER_NETS[0]
        runs["traci", net] = _run(do="sumo_rl", net=net, decisions=decisions, libsumo=False)
    return runs


def _many(decisions: int, repeats: int) -> dict[str, Any]:
    """Several environments: together, where all wait for the slowest, and apart, where none waits."""
    cores = os.cpu_count() or 1
    scaling: dict[str, list[float]] = {"together": [], "apart": [], "bare SUMO": []}
    for _ in range(repeats):
        alone = _run(do="ours", net="cologne1", decisions=decisions)["wall"]
        for name in ("together", "apart"):
            run = _run(do="ours", net="cologne1", decisions=decisions, num_envs=cores, apart=name == "apart")
            scaling[name].append(alone / run["wall"])
        scaling["bare SUMO"].append(_bare_scaling(decisions, cores))
    eight = {
        net: {
            name: _run(do="ours", net=net, decisions=decisions, num_envs=8, apart=name == "apart")
            for name in ("together", "apart")
        }
        for net in NETS
    }
    return {
        "scaling": {name: round(statistics.median(values), 3) for name, values in scaling.items()},
        "sumo_share_of_8_copies": {
            net: {name: round(run["sumo"] / run["cpu"], 3) for name, run in runs.items()}
            for net, runs in eight.items()
        },
        "decisions_a_second_of_8_copies": {
            net: {name: round(8 * decisions / run["wall"]) for name, run in runs.items()}
            for net, runs in eight.items()
        },
    }


def _met(result: dict[str, Any]) -> dict[str, bool]:
    met = {f"share {net}": share >= SHARE for net, share in result["compiled"]["sumo_share"].items()}
    for way in WAYS:
        for net, ratios in result[way]["sumo_rl_over_ours"].items():
            met[f"libsumo {way} {net}"] = ratios["cpu"] >= LIMITS[way]
    if "scaling" in result:
        met["scaling"] = result["scaling"]["apart"] >= SCALING
        met["traci"] = result["traci_over_ours"] >= LIMITS["traci"]
    return met


def _bare_scaling(decisions: int, cores: int) -> float:
    """Upper bound of the scaling: as many bare SUMO processes at once as cores, against one."""
    task = json.dumps({"do": "bare", "net": "cologne1", "decisions": decisions})
    command = [sys.executable, "-m", "benchmarks.traffic", "--measure", task]

    def slowest(number: int) -> float:
        started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(number)]
        return max(float(json.loads(process.communicate()[0])["wall"]) for process in started)

    return round(slowest(1) / slowest(cores), 3)


def _size(side: int, decisions: int) -> dict[str, float]:
    run = _run(do="ours", net=f"generated:grid-{side}x{side}", decisions=decisions)
    return {
        "signals": side * side,
        "milliseconds_a_decision": round(1000 * run["cpu"] / decisions, 2),
        "milliseconds_a_signal": round(1000 * run["cpu"] / decisions / side**2, 3),
        "sumo_share": round(run["sumo"] / run["cpu"], 3),
        "reset_milliseconds": round(1000 * run["reset"], 1),
    }


def _run(**task: Any) -> dict[str, float]:
    environment = dict(os.environ)
    environment["SANDBOX_COMPILED"] = WAYS[task.pop("way", "compiled")]
    if "libsumo" in task:
        spec = importlib.util.find_spec("sumo")
        if spec is None or spec.origin is None:
            raise SystemExit("eclipse-sumo is not installed")
        environment["SUMO_HOME"] = str(Path(spec.origin).parent)
        environment.pop("LIBSUMO_AS_TRACI", None)
        if task.pop("libsumo"):
            environment["LIBSUMO_AS_TRACI"] = "1"
    command = [sys.executable, "-m", "benchmarks.traffic", "--measure", json.dumps(task)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(f"{task} failed:\n{done.stderr[-2000:]}")
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def ours(net: str, decisions: int, num_envs: int = 1, apart: bool = False) -> dict[str, float]:
    """Time of ``decisions`` decisions, s: all processes, SUMO alone, wall time, and a reset."""
    import numpy as np

    from sandbox_traffic.reward import PRESETS
    from sandbox_traffic.vector import make_signals_vec

    envs = make_signals_vec(_config(net, decisions), PRESETS["queue"], num_envs)
    if apart:
        envs.set_apart()
    envs.reset(seed=0)  # starts the fork server
    start = time.perf_counter()
    _, info = envs.reset(seed=0)
    reset = time.perf_counter() - start
    rng = np.random.default_rng(0)
    simulations = [simulation for batch in envs.batches for simulation in batch.simulations]
    before = [simulation.processor_seconds() for simulation in simulations]
    cpu, wall = time.process_time(), time.perf_counter()
    policy = 0.0

    def choose(mask: Any) -> Any:
        nonlocal policy
        start = time.process_time()
        actions = (rng.random(mask.shape) * mask).argmax(axis=-1)
        policy += time.process_time() - start
        return actions

    if apart:
        left = [decisions] * num_envs
        for index, mask in enumerate(info["action_mask"]):
            envs.send(index, choose(mask))
        while any(left):
            for index in envs.ready():
                mask = envs.receive(index)[4]["action_mask"][0]
                left[index] -= 1
                if left[index]:
                    envs.send(index, choose(mask))
    else:
        for _ in range(decisions):
            info = envs.step(choose(info["action_mask"]))[4]
    cpu, wall = time.process_time() - cpu - policy, time.perf_counter() - wall
    after = [simulation.processor_seconds() for simulation in simulations]
    sumo = sum(end[0] - begin[0] for begin, end in zip(before, after, strict=True))
    children = sum(end[1] - begin[1] for begin, end in zip(before, after, strict=True))
    envs.close()
    return {"cpu": cpu + children, "sumo": sumo, "wall": wall, "reset": reset}


def _config(net: str, decisions: int) -> Any:
    """The configuration of an episode of so many decisions."""
    from sandbox_traffic.config import SignalConfig

    config: dict[str, Any] = {"duration": 5 * decisions + 5, "yellow": 2, "depart_jitter": 0}
    if net in NETS:
        network, routes, begin = NETS[net]
        config |= {"net": f"sumo-rl:{network}", "routes": f"sumo-rl:{routes}", "begin": begin}
    else:
        config |= {"net": net, "routes": net}
    return SignalConfig(**config)


def turns(net: str, pieces: int, size: int) -> dict[str, float]:
    """sumo-rl on libsumo and both of our ways in one program, by turns in pieces of ``size`` decisions.

    For a machine with other work: what slows one way slows the piece of another that follows at once.

    Returns:
        For each of our ways the medians over the pieces of sumo-rl's processor time over ours, and of SUMO's
        share of ours.
    """
    from sandbox_traffic.sumo import compiled, fork_server

    decisions = pieces * size + 1
    players: dict[str, Callable[[], tuple[float, float]]] = {}
    servers = []  # each way keeps a server of its own
    for way, value in WAYS.items():
        os.environ["SANDBOX_COMPILED"] = value
        compiled.library.cache_clear()
        players[way] = _ours_in_pieces(net, decisions, size)
        servers.append(dict(fork_server._servers))
        fork_server._servers.clear()
    players["sumo-rl"] = _sumo_rl_in_pieces(net, decisions, size)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in players}
    for _ in range(pieces):
        for name, play in players.items():
            times[name].append(play())
    result = {}
    for way in WAYS:
        pairs = list(zip(times["sumo-rl"], times[way], strict=True))
        result[f"ratio {way}"] = round(statistics.median(peer[0] / own[0] for peer, own in pairs), 3)
        result[f"share {way}"] = round(statistics.median(own[1] / own[0] for _, own in pairs), 3)
    return result


def _ours_in_pieces(net: str, decisions: int, size: int) -> Callable[[], tuple[float, float]]:
    """Plays ``size`` decisions and gives their processor time, and SUMO's part of it, s."""
    import numpy as np

    from sandbox_traffic.reward import PRESETS
    from sandbox_traffic.vector import make_signals_vec

    envs = make_signals_vec(_config(net, decisions), PRESETS["queue"], 1)
    mask = envs.reset(seed=0)[1]["action_mask"]
    rng, (simulation,) = np.random.default_rng(0), envs.batch.simulations

    def play() -> tuple[float, float]:
        nonlocal mask
        inside, child = simulation.processor_seconds()
        own = 0.0
        for _ in range(size):
            actions = (rng.random(mask.shape) * mask).argmax(axis=2)
            start = time.process_time()
            mask = envs.step(actions)[4]["action_mask"]
            own += time.process_time() - start
        inside_now, child_now = simulation.processor_seconds()
        return own + child_now - child, inside_now - inside

    return play


def _sumo_rl_in_pieces(net: str, decisions: int, size: int) -> Callable[[], tuple[float, float]]:
    """The same of sumo-rl; SUMO's part is not known."""
    import numpy as np

    env = _sumo_rl_env(net, decisions)
    env.reset(seed=0)
    rng = np.random.default_rng(0)

    def play() -> tuple[float, float]:
        start = time.process_time()
        for _ in range(size):
            env.step(int(rng.integers(env.action_space.n)))
        return time.process_time() - start, 0.0

    return play


def bare(net: str, decisions: int) -> dict[str, float]:
    """Wall time of SUMO alone, in this process, under the network's own program, s."""
    from sandbox_traffic.network.files import find_file
    from sandbox_traffic.sumo.library import import_libsumo

    network, routes, begin = NETS[net]
    sumo = import_libsumo()
    net_file, routes_file = (str(find_file(f"sumo-rl:{name}")) for name in (network, routes))
    files = ["--net-file", net_file, "--route-files", routes_file]
    quiet = ["--no-step-log", "true", "--no-warnings", "true"]
    sumo.start(["sumo", *files, *quiet, "--begin", str(begin), "--time-to-teleport", "-1"])
    start = time.perf_counter()
    for decision in range(decisions):
        sumo.simulationStep(float(begin + 5 * decision + 5))
    wall = time.perf_counter() - start
    sumo.close()
    return {"wall": wall}


def sumo_rl(net: str, decisions: int) -> dict[str, float]:
    """Time of sumo-rl's environment with its defaults, s: all processes, wall time, and a reset."""
    import numpy as np

    env = _sumo_rl_env(net, decisions)
    start = time.perf_counter()
    env.reset(seed=0)
    reset = time.perf_counter() - start
    rng = np.random.default_rng(0)
    cpu, wall = time.process_time(), time.perf_counter()
    outside = _sumo_process_seconds()
    for _ in range(decisions):
        env.step(int(rng.integers(env.action_space.n)))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    cpu += _sumo_process_seconds() - outside
    env.close()
    return {"cpu": cpu, "wall": wall, "reset": reset}


def _sumo_rl_env(net: str, decisions: int) -> Any:
    """sumo-rl's environment of an episode of so many decisions."""
    import sumo_rl as peer

    folder = Path(peer.__file__).parent / "nets"
    network, routes, begin = NETS[net]
    return peer.SumoEnvironment(
        net_file=str(folder / network),
        route_file=str(folder / routes),
        begin_time=begin,
        num_seconds=5 * decisions + 5,
        single_agent=True,
        sumo_seed=0,
        sumo_warnings=False,
    )


def _sumo_process_seconds() -> float:
    """Processor time so far of SUMO started by TraCI, a child of this process; 0 with libsumo."""
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


if __name__ == "__main__":
    sys.exit(main())
