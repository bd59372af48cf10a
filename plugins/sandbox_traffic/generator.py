"""Networks and demands that the plugin makes itself.

``single-intersection`` is a four-arm junction with two lanes for straight on (the outer one also for
right turns) and one for left turns on each arm, four protected phases, and demand whose direction
shifts during the episode: west-to-east heavy at first, east-to-west in the end, the side road highest
in between. Arrivals are Poisson; every episode draws its own level for each arm.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sandbox.api import MissingExtraError, RunFailedError, StorageError
from sandbox_traffic.walkers import SIDEWALK, Walker, crossing, person, walking_state

ARMS = ("n", "e", "s", "w")
"""Clockwise, so that from arm k: left is k+1, straight on k+2, right k+3."""

ARM_LENGTH = 400.0
SPEED = 13.89

SATURATION = 1800.0
"""Saturation flow of a lane, vehicles/h."""

LOST_TIME = 4.0
"""Time lost at each change of phase, s: yellow and start-up less the part of yellow that is used."""

INTERVAL = 300
"""The demand's rates are constant over so many seconds."""

ARM_SPREAD = 0.1
"""Standard deviation of the logarithm of an arm's level, drawn once an episode (mean level 1)."""

MEAN_FLOW = {
    "n": (90.0, 320.0, 80.0),
    "e": (130.0, 540.0, 100.0),
    "s": (90.0, 320.0, 80.0),
    "w": (130.0, 540.0, 100.0),
}
"""Mean flow left, straight on and right from every arm, vehicles/h."""


def time_profile(phase: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Factor on each arm's flow over the episode, ``phase`` running from 0 to 1; mean 1."""
    tide = 0.4 * np.cos(np.pi * phase)
    noon = 1.0 - 0.3 * np.cos(2 * np.pi * phase)
    return {"n": noon, "e": 1.0 - tide, "s": noon, "w": 1.0 + tide}


def webster(critical: list[float], lost: float = LOST_TIME, slot: int = 5) -> list[int]:
    """Webster's plan: the time of each phase, its clearance included, in s.

    C = (1.5 L + 5)/(1 − Y) with L the lost time of a cycle and Y the sum of the phases' critical
    ratios of flow to saturation flow; effective green is shared in proportion to the ratios
    (Webster 1958), equally where nobody comes at all. Times are rounded to ``slot`` seconds.
    """
    total, lost_cycle = sum(critical), lost * len(critical)
    cycle = (1.5 * lost_cycle + 5) / (1 - total)
    parts = [ratio / total if total else 1 / len(critical) for ratio in critical]
    shares = [lost + (cycle - lost_cycle) * part for part in parts]
    return [max(slot * round(share / slot), 2 * slot) for share in shares]


def single_intersection_program(walks: bool = False) -> list[tuple[str, int]]:
    """States of the generated junction's fixed program and their times, s; with crossings if ``walks``."""
    ratios = []
    for arms in (("e", "w"), ("n", "s")):
        ratios.append(max((MEAN_FLOW[arm][1] + MEAN_FLOW[arm][2]) / 2 for arm in arms) / SATURATION)
        ratios.append(max(MEAN_FLOW[arm][0] for arm in arms) / SATURATION)
    return junction_program(webster(ratios), walks)


def junction_program(slots: list[int], walks: bool = False) -> list[tuple[str, int]]:
    """The four protected phases with the times of their ``slots``, s; three seconds of each are yellow."""
    program = []
    for (axis, lanes), slot in zip(
        (("ew", "sr"), ("ew", "l"), ("ns", "sr"), ("ns", "l")), slots, strict=True
    ):
        green = "".join("G" if arm in axis and turn in lanes else "r" for arm, turn, *_ in _links())
        if walks:
            crossed = ["s" in lanes and arm not in axis for arm in ARMS]
            green = walking_state(green, [turn for _, turn, *_ in _links()], crossed)
        program += [(green, slot - 3), (green.replace("G", "y").replace("g", "y"), 3)]
    return program


def _links() -> list[tuple[str, str, int, str, int]]:
    """Links of the junction: arm, turn, lane, arm of exit, lane of exit."""
    links = []
    for index, arm in enumerate(ARMS):
        left, ahead, right = (ARMS[(index + turn) % 4] for turn in (1, 2, 3))
        links += [
            (arm, "r", 0, right, 0),
            (arm, "s", 0, ahead, 0),
            (arm, "s", 1, ahead, 1),
            (arm, "l", 2, left, 1),
        ]
    return links


def _sources(walks: bool = False) -> dict[str, str]:
    """netconvert's input files by name, with sidewalks and crossings if ``walks``."""
    places = {"n": (0.0, 1.0), "e": (1.0, 0.0), "s": (0.0, -1.0), "w": (-1.0, 0.0)}
    nodes = ['<node id="c" x="0" y="0" type="traffic_light" tl="c"/>']
    edges, connections, controlled = [], [], []
    for arm in ARMS:
        x, y = places[arm]
        nodes.append(f'<node id="{arm}" x="{x * ARM_LENGTH}" y="{y * ARM_LENGTH}" type="dead_end"/>')
        road = f'speed="{SPEED}"' + (f" {SIDEWALK}" if walks else "")
        edges.append(f'<edge id="{arm}_in" from="{arm}" to="c" numLanes="3" {road}/>')
        edges.append(f'<edge id="{arm}_out" from="c" to="{arm}" numLanes="2" {road}/>')
    for index, (arm, _, lane, exit_arm, exit_lane) in enumerate(_links()):
        lanes = f'fromLane="{lane + walks}" toLane="{exit_lane + walks}"'  # a sidewalk is lane 0
        link = f'from="{arm}_in" to="{exit_arm}_out" {lanes}'
        connections.append(f"<connection {link}/>")
        controlled.append(f'<connection {link} tl="c" linkIndex="{index}"/>')
    if walks:
        first = len(controlled)
        connections += [crossing("c", roads, first + number) for number, roads in enumerate(junction_arms())]
    program = single_intersection_program(walks)
    phases = [f'<phase duration="{time}" state="{state}"/>' for state, time in program]
    logic = ['<tlLogic id="c" type="static" programID="0" offset="0">', *phases, "</tlLogic>", *controlled]
    return {
        "nod.xml": "\n".join(["<nodes>", *nodes, "</nodes>"]),
        "edg.xml": "\n".join(["<edges>", *edges, "</edges>"]),
        "con.xml": "\n".join(["<connections>", *connections, "</connections>"]),
        "tll.xml": "\n".join(["<tlLogics>", *logic, "</tlLogics>"]),
    }


def cache_folder() -> Path:
    """Where generated networks are kept: ``$SANDBOX_CACHE`` or the user's cache folder."""
    base = os.environ.get("SANDBOX_CACHE") or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "sandbox-rl" / "traffic"


def junction_arms() -> list[tuple[str, str]]:
    """Roads into and out of the generated junction on each of its arms."""
    return [(f"{arm}_in", f"{arm}_out") for arm in ARMS]


def single_intersection_network(walks: bool = False) -> Path:
    """Network file of the generated junction, with sidewalks and crossings if ``walks``."""
    return network_file("single-intersection", _sources(walks))


def network_file(name: str, sources: dict[str, str]) -> Path:
    """Network file that netconvert makes of ``sources``, made on first use.

    Its name is a hash of what it is made from, and it appears in one piece, so any number of
    processes may ask at once. Where the cache cannot be written, the temporary folder serves.
    """
    netconvert = _sumo_binary("netconvert")
    version = importlib.util.find_spec("sumo")
    digest = hashlib.sha256(repr((sources, version and version.origin)).encode()).hexdigest()[:16]
    fallback = Path(tempfile.gettempdir()) / f"sandbox-rl-traffic-{os.getuid()}"
    for folder in (cache_folder(), fallback):
        target = folder / f"{name}-{digest}.net.xml"
        if target.is_file():
            return target
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as making:
                os.replace(_netconvert(netconvert, sources, Path(making)), target)
        except OSError:
            continue
        return target
    raise StorageError(f"The generated network can be written neither to {cache_folder()} nor to {fallback}.")


def _netconvert(binary: Path, sources: dict[str, str], folder: Path) -> Path:
    for name, text in sources.items():
        (folder / name).write_text(text)
    target = folder / "network.net.xml"
    options = {
        "--node-files": "nod.xml", "--edge-files": "edg.xml", "--connection-files": "con.xml",
        "--tllogic-files": "tll.xml", "--output-file": target.name, "--no-turnarounds": "true",
    }  # fmt: skip
    command = [str(binary), *(part for option in options.items() for part in option)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode or not target.is_file():
        raise RunFailedError(f"netconvert could not make the network: {' '.join(done.stderr.split())}")
    return target


def _sumo_binary(name: str) -> Path:
    spec = importlib.util.find_spec("sumo")
    if spec is None or spec.origin is None:
        raise MissingExtraError("A generated network", ["eclipse-sumo"], "traffic")
    return Path(spec.origin).parent / "bin" / name


def sample_departures(
    rng: np.random.Generator, duration: int, scale: float = 1.0
) -> list[tuple[float, str, str]]:
    """Departures of one episode in order of time: ``(s from the beginning, arm, arm of exit)``."""
    starts = np.arange(0, duration, INTERVAL)
    lengths = np.minimum(starts + INTERVAL, duration) - starts
    profile = time_profile((starts + lengths / 2) / duration)
    departures: list[tuple[float, str, str]] = []
    for index, arm in enumerate(ARMS):
        level = scale * rng.lognormal(-(ARM_SPREAD**2) / 2, ARM_SPREAD)
        for turn, flow in zip((1, 2, 3), MEAN_FLOW[arm], strict=True):
            counts = rng.poisson(level * flow / 3600.0 * profile[arm] * lengths)
            times = np.repeat(starts, counts) + rng.random(int(counts.sum())) * np.repeat(lengths, counts)
            exit_arm = ARMS[(index + turn) % 4]
            departures += [(float(time), arm, exit_arm) for time in times]
    return sorted(departures)


KINDS = (
    '<vType id="car" length="5" minGap="2.5"/>',
    '<vType id="bus" vClass="bus"/>',
    '<vType id="emergency" vClass="emergency"/>',
    '<vType id="bicycle" vClass="bicycle"/>',
)
"""SUMO's own buses are 12 m long and slow to start, its emergency vehicles drive faster than others, its
bicycles are 1.6 m long, ride 20 km/h, and share the lanes with all the others."""


def draw_kinds(rng: np.random.Generator, number: int, shares: dict[str, float]) -> list[str]:
    """Kind of each of ``number`` vehicles: ``shares`` of some kinds, cars otherwise."""
    kinds = [*shares, "car"]
    limits = np.cumsum(list(shares.values()))
    return [kinds[place] for place in np.searchsorted(limits, rng.random(number), side="right").tolist()]


def write_vehicles(
    path: Path,
    vehicles: list[tuple[float, list[str]]],
    begin: int,
    kinds: list[str] | None = None,
    walkers: Sequence[Walker] = (),
) -> None:
    """Write a SUMO routes file of ``(s from the beginning, roads)``; cars where no kinds are given."""
    named = kinds or ["car"] * len(vehicles)
    lines = [
        f'<vehicle id="{number}" type="{kind}" depart="{begin + time:.2f}" departLane="best" '
        f'departSpeed="max"><route edges="{" ".join(roads)}"/></vehicle>'
        for number, ((time, roads), kind) in enumerate(zip(vehicles, named, strict=True))
    ]
    lines = _in_order(zip((time for time, _ in vehicles), lines, strict=True), walkers, begin)
    path.write_text("\n".join(["<routes>", *KINDS, *lines, "</routes>"]))


def _in_order(timed: Iterable[tuple[float, str]], walkers: Sequence[Walker], begin: int) -> list[str]:
    """Elements of vehicles and of walkers by time of departure, as SUMO wants them."""
    people = [(walker[0], person(number, walker, begin)) for number, walker in enumerate(walkers)]
    return [line for _, line in sorted([*timed, *people], key=lambda one: one[0])]


def write_routes(
    path: Path,
    departures: list[tuple[float, str, str]],
    begin: int,
    kinds: list[str] | None = None,
    walkers: Sequence[Walker] = (),
) -> None:
    """Write a SUMO routes file of ``departures``."""
    routes = [
        f'<route id="{a}{b}" edges="{a}_in {b}_out"/>' for a in ARMS for b in ARMS if a != b
    ]  # fmt: skip
    vehicles = [
        f'<vehicle id="{number}" type="{kind}" route="{arm}{exit_arm}" depart="{begin + time:.2f}" '
        'departLane="best" departSpeed="max"/>'
        for number, ((time, arm, exit_arm), kind) in enumerate(
            zip(departures, kinds or ["car"] * len(departures), strict=True)
        )
    ]
    timed = _in_order(zip((time for time, *_ in departures), vehicles, strict=True), walkers, begin)
    path.write_text("\n".join(["<routes>", *KINDS, *routes, *timed, "</routes>"]))
