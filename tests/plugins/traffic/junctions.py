"""Junctions as users bring them, made by netconvert for the tests, and SUMO alone on the same files."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import sumo

from sandbox_traffic.sumo.trips import Trips, read_trips

BINARIES = Path(sumo.SUMO_HOME) / "bin"

ARMS = {"north": (0, 1), "east": (1, 0), "south": (0, -1), "west": (-1, 0)}

ALL_RED = ((40, "gGGrrrgGGrrr"), (3, "yyyrrryyyrrr"), (2, "rrrrrrrrrrrr"),
           (40, "rrrgGGrrrgGG"), (3, "rrryyyrrryyy"), (2, "rrrrrrrrrrrr"))  # fmt: skip
"""A program of the cross, whose links are right, straight and left from the north, east, south and west."""

SLIP = tuple((seconds, "".join("g" if place % 3 == 0 else light for place, light in enumerate(state)))
             for seconds, state in ALL_RED)  # fmt: skip
"""The same with right turns that are green in every state."""

TWO_PHASES = tuple(step for step in ALL_RED if "G" in step[1] or "y" in step[1])
FREE_RIGHT = tuple(step for step in SLIP if "G" in step[1] or "y" in step[1])

NEMA = """<tlLogic id="mid" type="NEMA" programID="0" offset="0">
<phase duration="90" state="GGgrrrrrrrrr" minDur="5" maxDur="50" vehext="2" yellow="3" red="2" name="2"/>
<phase duration="90" state="rrrrrrGGgrrr" minDur="5" maxDur="50" vehext="2" yellow="3" red="2" name="6"/>
<phase duration="90" state="rrrGGgrrrrrr" minDur="5" maxDur="50" vehext="2" yellow="3" red="2" name="4"/>
<phase duration="90" state="rrrrrrrrrGGg" minDur="5" maxDur="50" vehext="2" yellow="3" red="2" name="8"/>
<param key="barrier2Phases" value="2,6"/><param key="barrierPhases" value="4,8"/>
<param key="ring1" value="0,2,0,4"/><param key="ring2" value="0,6,0,8"/>
</tlLogic>"""

CROSSING_FLOWS = {
    "north_in south_out": 500, "south_in north_out": 500, "east_in west_out": 500, "west_in east_out": 500,
}  # fmt: skip


def program(
    steps: tuple[tuple[float, str], ...],
    kind: str = "static",
    signal: str = "mid",
    bounds: str = "",
    **attributes: str,
) -> str:
    """An element ``<tlLogic>``; ``bounds`` are further attributes of its steps without yellow."""
    lines = [
        f'<phase duration="{seconds:g}" state="{state}" {"" if "y" in state else bounds}/>'
        for seconds, state in steps
    ]
    more = "".join(f' {name}="{value}"' for name, value in {"programID": "0", **attributes}.items())
    offset = "" if "offset" in attributes else ' offset="0"'
    return "\n".join([f'<tlLogic id="{signal}" type="{kind}"{more}{offset}>', *lines, "</tlLogic>"])


def cross(folder: Path, logic: str, arm: float = 300, turnarounds: bool = False) -> Path:
    """A junction of four arms of one lane, ``arm`` m long, with the program ``logic``."""
    nodes = ['<node id="mid" x="0" y="0" type="traffic_light"/>']
    nodes += [f'<node id="{name}" x="{x * arm}" y="{y * arm}"/>' for name, (x, y) in ARMS.items()]
    edges = [f'<edge id="{name}_in" from="{name}" to="mid"/>' for name in ARMS]
    edges += [f'<edge id="{name}_out" from="mid" to="{name}"/>' for name in ARMS]
    options = {} if turnarounds else {"--no-turnarounds": "true"}
    return network(folder, nodes, edges, logic, options)


def network(
    folder: Path,
    nodes: list[str],
    edges: list[str],
    logic: str,
    options: Mapping[str, str] | None = None,
    connections: str = "",
) -> Path:
    """The network that netconvert makes, with its program replaced by ``logic``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "n.nod.xml").write_text("\n".join(["<nodes>", *nodes, "</nodes>"]))
    (folder / "e.edg.xml").write_text("\n".join(["<edges>", *edges, "</edges>"]))
    target = folder / "j.net.xml"
    command = [str(BINARIES / "netconvert"), "-n", "n.nod.xml", "-e", "e.edg.xml", "-o", target.name]
    if connections:
        (folder / "c.con.xml").write_text(f"<connections>{connections}</connections>")
        command += ["-x", "c.con.xml"]
    command += [part for item in (options or {}).items() for part in item]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    text = target.read_text()
    if logic:
        start, end = text.index("<tlLogic"), text.rindex("</tlLogic>") + len("</tlLogic>")
        target.write_text(text[:start] + logic + text[end:])
    return target


def flows(folder: Path, vehicles: Mapping[str, float], end: float = 1800) -> Path:
    """Routes with a flow of vehicles an hour for each ``"FROM TO"``."""
    path = folder / "d.rou.xml"
    lines = [
        f'<flow id="f{number}" from="{pair.split()[0]}" to="{pair.split()[1]}" begin="0" end="{end:g}" '
        f'vehsPerHour="{rate:g}"/>'
        for number, (pair, rate) in enumerate(vehicles.items())
    ]
    path.write_text("\n".join(["<routes>", *lines, "</routes>"]))
    return path


def zebra(folder: Path) -> tuple[Path, Path]:
    """A crossing with a phase that serves walkers alone, and 120 of them an hour."""
    nodes = [f'<node id="{name}" x="{x}" y="0"/>' for name, x in (("west", -200), ("east", 200))]
    nodes.append('<node id="zebra" x="0" y="0" type="traffic_light"/>')
    ends = {"w2z": "west zebra", "z2e": "zebra east", "e2z": "east zebra", "z2w": "zebra west"}
    edges = [
        f'<edge id="{name}" from="{pair.split()[0]}" to="{pair.split()[1]}" sidewalkWidth="2"/>'
        for name, pair in ends.items()
    ]
    steps = ((77.0, "GGr"), (3.0, "yyr"), (5.0, "rrG"), (5.0, "rrr"))
    walk = '<crossing node="zebra" edges="w2z z2w" priority="true" width="4"/>'
    net = network(folder, nodes, edges, program(steps, signal="zebra"), connections=walk)
    routes = flows(folder, {"w2z z2e": 500, "e2z z2w": 500})
    people = (
        '<personFlow id="p" begin="0" end="1800" perHour="120" departPos="180">'
        '<walk from="w2z" to="z2w" arrivalPos="20"/></personFlow>'
    )
    routes.write_text(routes.read_text().replace("</routes>", f"{people}</routes>"))
    return net, routes


def sumo_alone(folder: Path, options: Mapping[str, object]) -> Trips:
    """The trips of SUMO's own program, run on the same files without the plugin.

    Args:
        folder: Where its output goes.
        options: Options of the command, without dashes.
    """
    output, statistics = folder / "alone.xml", folder / "alone-statistics.xml"
    always = {
        "time-to-teleport": -1, "max-depart-delay": -1, "pedestrian.striping.jamtime": -1,
        "tripinfo-output": output, "tripinfo-output.write-unfinished": "true",
        "tripinfo-output.write-undeparted": "true", "statistic-output": statistics,
        "no-warnings": "true", "no-step-log": "true",
    }  # fmt: skip
    command = [str(BINARIES / "sumo")]
    for name, value in (always | dict(options)).items():
        command += [f"--{name}", str(value)]
    subprocess.run(command, check=True, capture_output=True)
    return read_trips(output, statistics)
