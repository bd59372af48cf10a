"""Networks that netconvert makes of a few nodes and edges, kept in a cache.

Sizes, speed limits and lanes are those of Flow's benchmarks (Vinitsky et al. 2018, Benchmarks for
reinforcement learning in mixed-autonomy traffic, CoRL).
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sandbox.api import MissingExtraError, RunFailedError, StorageError

RADIUS = 30.0
"""Of the circles of the figure eight, m."""


@dataclass(frozen=True)
class Sources:
    """What netconvert reads.

    Attributes:
        nodes, edges, connections: XML elements.
        options: More options.
    """

    nodes: tuple[str, ...]
    edges: tuple[str, ...]
    connections: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def ring_sources(length: float) -> Sources:
    """Two half circles without inner lanes; edges a and b."""
    radius = length / (2 * math.pi)

    def arc(start: float) -> str:
        angles = [start + math.pi * step / 24 for step in range(25)]
        return " ".join(f"{radius * math.cos(x):.4f},{radius * math.sin(x):.4f}" for x in angles)

    edges = tuple(
        f'<edge id="{name}" from="{start}" to="{end}" numLanes="1" speed="30" length="{length / 2:.6f}" '
        f'shape="{arc(angle)}"/>'
        for name, start, end, angle in (("a", "right", "left", 0.0), ("b", "left", "right", math.pi))
    )
    nodes = (f'<node id="right" x="{radius:.4f}" y="0"/>', f'<node id="left" x="{-radius:.4f}" y="0"/>')
    return Sources(nodes, edges, options=("--no-internal-links", "true"))


def figure_eight_sources() -> Sources:
    """Two three-quarter circles and a crossing of priority roads."""
    r = RADIUS
    places = {"center": (0, 0), "right": (r, 0), "top": (0, r), "left": (-r, 0), "bottom": (0, -r)}
    radius = {"center": f' radius="{(2.9 + 3.3) / 2}"'}
    nodes = tuple(
        f'<node id="{name}" x="{x}" y="{y}" type="priority"{radius.get(name, "")}/>'
        for name, (x, y) in places.items()
    )
    straight = tuple(
        f'<edge id="{name}" from="{start}" to="{end}" priority="{priority}" numLanes="1" speed="30" '
        f'length="{r}"/>'
        for name, start, end, priority in (
            ("bottom", "bottom", "center", 78),
            ("top", "center", "top", 78),
            ("right", "right", "center", 46),
            ("left", "center", "left", 46),
        )
    )
    upper = [1.5 * math.pi * step / 39 for step in range(40)]
    lower = [math.pi / 2 + 1.5 * math.pi * step / 39 for step in range(40)]
    circles = tuple(
        f'<edge id="{name}" from="{start}" to="{end}" numLanes="1" speed="30" '
        f'length="{1.5 * r * math.pi:.4f}" shape="{" ".join(f"{x:.4f},{y:.4f}" for x, y in points)}"/>'
        for name, start, end, points in (
            ("upper_ring", "top", "right", [(r * (1 - math.cos(t)), r * (1 + math.sin(t))) for t in upper]),
            ("lower_ring", "left", "bottom", [(-r + r * math.cos(t), -r + r * math.sin(t)) for t in lower]),
        )
    )
    links = ('<connection from="bottom" to="top"/>', '<connection from="right" to="left"/>')
    return Sources(nodes, (*straight, *circles), links)


def merge_sources(before: float = 500.0, ramp: float = 100.0, after: float = 100.0) -> Sources:
    """A single-lane highway and a single-lane ramp at 45 degrees."""
    side = math.sqrt(0.5)
    places = {
        "in_highway": (-100, 0, ""),
        "start": (0, 0, ""),
        "merge": (before, 0, ' radius="10"'),
        "end": (before + after, 0, ""),
        "in_ramp": (before - (ramp + 100) * side, -(ramp + 100) * side, ""),
        "ramp": (before - ramp * side, -ramp * side, ""),
    }
    nodes = tuple(
        f'<node id="{name}" x="{x:.4f}" y="{y:.4f}"{more}/>' for name, (x, y, more) in places.items()
    )
    edges = tuple(
        f'<edge id="{name}" from="{start}" to="{end}" numLanes="1" speed="30" length="{length}"/>'
        for name, start, end, length in (
            ("inflow_highway", "in_highway", "start", 100),
            ("left", "start", "merge", before),
            ("inflow_merge", "in_ramp", "ramp", 100),
            ("bottom", "ramp", "merge", ramp),
            ("center", "merge", "end", after),
        )
    )
    return Sources(nodes, edges)


BOTTLENECK_EDGES = (("1", 100, 4), ("2", 310, 4), ("3", 140, 4), ("4", 280, 2), ("5", 155, 1))
"""Name, length in m, and lanes of the bottleneck's edges."""


def bottleneck_sources() -> Sources:
    """Four lanes that become two and then one, by zipper merging."""
    places = (
        ("1", 0, ""),
        ("2", 100, ""),
        ("3", 410, ""),
        ("4", 550, ' type="zipper" radius="20"'),
        ("5", 830, ' type="zipper" radius="20"'),
        ("6", 985, ""),
    )
    nodes = tuple(f'<node id="{name}" x="{x}" y="0"{more}/>' for name, x, more in places)
    edges = tuple(
        f'<edge id="{name}" from="{name}" to="{int(name) + 1}" length="{length}" spreadType="center" '
        f'numLanes="{lanes}" speed="23"/>'
        for name, length, lanes in BOTTLENECK_EDGES
    )
    links = tuple(
        f'<connection from="{source}" to="{target}" fromLane="{lane}" toLane="{lane // 2}"/>'
        for source, target, lanes in (("3", "4", 4), ("4", "5", 2))
        for lane in range(lanes)
    )
    return Sources(nodes, edges, links)


def network_file(name: str, sources: Sources, folder: Path | None = None) -> Path:
    """Path of the network that netconvert makes of ``sources``, made on first use.

    Args:
        name: Begins the file's name.
        sources: What it is made of.
        folder: Where it is kept; the cache if absent.

    Raises:
        MissingExtraError: If SUMO is not installed.
        RunFailedError: If netconvert fails.
        StorageError: If the cache cannot be written.
    """
    binary = sumo_binary("netconvert")
    digest = hashlib.sha256(repr((sources, str(binary))).encode()).hexdigest()[:16]
    base = os.environ.get("SANDBOX_CACHE") or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = folder or Path(base).expanduser() / "sandbox-rl" / "mixed-autonomy"
    target = folder / f"{name}-{digest}.net.xml"
    if not target.is_file():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as temporary:
                os.replace(_convert(binary, sources, Path(temporary)), target)
        except OSError as error:
            raise StorageError(f"The network {target} cannot be written: {error}.") from None
    return target


def sumo_binary(name: str) -> Path:
    """A program of the installed SUMO.

    Raises:
        MissingExtraError: If it is not installed.
    """
    spec = importlib.util.find_spec("sumo")
    if spec is None or spec.origin is None:
        raise MissingExtraError("Mixed autonomy on SUMO", ["eclipse-sumo"], "mixed")
    return Path(spec.origin).parent / "bin" / name


def _convert(binary: Path, sources: Sources, folder: Path) -> Path:
    for name, root, elements in (
        ("nod.xml", "nodes", sources.nodes),
        ("edg.xml", "edges", sources.edges),
        ("con.xml", "connections", sources.connections),
    ):
        (folder / name).write_text("\n".join([f"<{root}>", *elements, f"</{root}>"]))
    target = folder / "network.net.xml"
    command = [
        str(binary), "--node-files", "nod.xml", "--edge-files", "edg.xml", "--connection-files", "con.xml",
        "--output-file", target.name, "--no-turnarounds", "true", *sources.options,
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode or not target.is_file():
        raise RunFailedError(f"netconvert could not make the network: {' '.join(done.stderr.split())}")
    return target
