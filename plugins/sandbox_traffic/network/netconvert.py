"""Network files that SUMO's netconvert makes from generated sources, kept in a cache."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import tempfile
from pathlib import Path

from sandbox.api import MissingExtraError, RunFailedError, StorageError
from sandbox_traffic.sumo.files import cache_folder

Sources = dict[str, str]
"""netconvert's input by file name: ``nod.xml``, ``edg.xml``, ``con.xml`` and ``tll.xml``."""


def as_sources(nodes: list[str], edges: list[str], connections: list[str], signals: list[str]) -> Sources:
    """netconvert's input files from their elements."""
    return {
        "nod.xml": "\n".join(["<nodes>", *nodes, "</nodes>"]),
        "edg.xml": "\n".join(["<edges>", *edges, "</edges>"]),
        "con.xml": "\n".join(["<connections>", *connections, "</connections>"]),
        "tll.xml": "\n".join(["<tlLogics>", *signals, "</tlLogics>"]),
    }


def network_file(name: str, sources: Sources) -> Path:
    """Path of the network that netconvert makes of ``sources``, made on first use.

    The file's name contains a hash of the sources, and the file appears in one piece, so any number of
    processes may ask for it at once. Where the cache cannot be written, the temporary folder is used.

    Raises:
        MissingExtraError: If SUMO is not installed.
        RunFailedError: If netconvert fails.
        StorageError: If neither folder can be written.
    """
    binary = _sumo_binary("netconvert")
    installed = importlib.util.find_spec("sumo")
    digest = hashlib.sha256(repr((sources, installed and installed.origin)).encode()).hexdigest()[:16]
    fallback = Path(tempfile.gettempdir()) / f"sandbox-rl-traffic-{os.getuid()}"
    for folder in (cache_folder(), fallback):
        target = folder / f"{name}-{digest}.net.xml"
        if target.is_file():
            return target
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as temporary:
                os.replace(_run_netconvert(binary, sources, Path(temporary)), target)
        except OSError:
            continue
        return target
    raise StorageError(f"The generated network can be written neither to {cache_folder()} nor to {fallback}.")


def _run_netconvert(binary: Path, sources: Sources, folder: Path) -> Path:
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
