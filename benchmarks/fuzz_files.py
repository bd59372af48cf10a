"""Further inputs for `benchmarks.fuzz`: links and pipes, arrays, netlists, demand, replays, suites."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Read = Callable[[], object]
MB = 2**20
SECRET = "outside the runs directory"
"""Content of a file that no reader may open; its folder is `secret_folder`."""

LINKED = (
    *(".lock", "run.json", "progress.jsonl", "artifacts.json", "evaluation.json", "checkpoints", "policy"),
    *(
        "policy/policy.json",
        "policy/weights.safetensors",
        "replays",
        "replays/x.json",
        "tensorboard",
        "a.png",
    ),
    *("report.html", "checkpoints/000000000192", "checkpoints/000000000192/manifest.json", ".x.tmp", "notes"),
)
FLOWS = (
    "<flow id='f' begin='0' end='3600' number='2000000000'/>",
    "<flow id='f' begin='0' end='1e300' period='1e-300'/>",
    "<personFlow id='f' begin='0' perHour='inf'/>",
    "<flow id='f' begin='0' period='exp(nan)'/>",
)
BOOKSHELF = {
    "a.aux": "RowBasedPlacement : a.nodes a.nets a.wts a.pl a.scl\n",
    "a.nodes": "UCLA nodes 1.0\nNumNodes : 4\nNumTerminals : 2\n"
    "m0 30 40\nm1 20 20\np0 1 1 terminal\np1 1 1 terminal\n",
    "a.nets": "UCLA nets 1.0\nNumNets : 2\nNumPins : 4\nNetDegree : 2 n0\nm0 I : 0 0\np0 O : 0 0\n"
    "NetDegree : 2 n1\nm1 I : 1 -1\nm0 O : 0 0\n",
    "a.wts": "UCLA wts 1.0\n",
    "a.pl": "UCLA pl 1.0\nm0 0 0 : N\nm1 50 50 : N\np0 0 100 : N\np1 100 0 : N\n",
    "a.scl": "UCLA scl 1.0\nNumRows : 2\n"
    + "".join(
        f"CoreRow Horizontal\n Coordinate : {10 * row}\n Height : 10\n Sitewidth : 1\n Sitespacing : 1\n"
        " Siteorient : N\n Sitesymmetry : Y\n SubrowOrigin : 0 NumSites : 100\nEnd\n"
        for row in range(2)
    ),
}
WORDS = (
    "NumNodes : 2000000000",
    "NetDegree : 1e9",
    "terminal",
    "-1",
    "nan",
    "1e308",
    "\x00",
    ":",
    "#",
    "End",
)


def secret_folder(folder: Path) -> Path:
    """Where the file lies that no reader may open, beside the folder of the inputs."""
    return folder.with_name(f"{folder.name}-secret")


class FileReaders:
    """Sources of inputs, each with what reads them.

    Args:
        folder: Where inputs are written.
        old_runs: Runs directories of version 0.1.
        mutate: Edits bytes; takes the generator, the bytes, and telling pieces.
    """

    def __init__(
        self,
        folder: Path,
        old_runs: Path,
        mutate: Callable[[random.Random, bytes, list[str]], bytes],
    ) -> None:
        self.folder, self._old, self._mutate = folder, old_runs, mutate
        secret_folder(folder).mkdir(exist_ok=True)
        for name in ("file", "000000000128", "x.json", "a.png"):
            (secret_folder(folder) / name).write_text(SECRET)
        self._replays = [file.read_bytes() for file in sorted(old_runs.parent.glob("replays/*.json"))]
        self._bomb = _bomb()

    def kinds(self) -> dict[str, Callable[[random.Random], Read]]:
        """By name: what makes an input, and gives back what reads it."""
        return {
            "links": self.links,
            "arrays": self.arrays,
            "netlist": self.netlist,
            "demand": self.demand,
            "replay": self.replay,
            "suite": self.suite,
        }

    def links(self, rng: random.Random) -> Read:
        """A run directory in which an entry is a link, a pipe or an endless file."""
        from sandbox.report.data import read_report_data
        from sandbox.report.page import html
        from sandbox.runs.directory import PROGRESS, Run, new_progress
        from sandbox.runs.verify import find_damages
        from sandbox.runs.writer import RunWriter
        from sandbox.ui.library import Library

        root = self.folder / "linked"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(self._old / rng.choice(["evaluated", "interrupted"]), root)
        (folder,) = root.glob("*/*/*/*")
        _replace(rng, folder, secret_folder(self.folder))

        def read() -> object:
            assert find_damages(folder), "nobody notices"
            json.dumps(Library(root).index(), allow_nan=False)
            assert new_progress(folder / PROGRESS)[1] >= 0
            for work in (RunWriter.reopen, Run.open, lambda path: html(read_report_data([path]))):
                _refused(work, folder)
            return Run.open(folder)

        return read

    def arrays(self, rng: random.Random) -> Read:
        """An ``.npz`` file: mutated, compressed, or with a header that claims another size."""
        from sandbox.api.errors import DamagedRunError
        from sandbox.api.files import stored_arrays

        kind = rng.randrange(5)
        content = self._bomb if kind == 0 else _archive(rng) if kind == 1 else _arrays(rng)
        if kind > 1:
            content = self._mutate(rng, content, ["PK\x01\x02", "PK\x03\x04", "(9999999999,)", "|O", "descr"])

        def read() -> object:
            try:
                return [array.nbytes for _, array in stored_arrays(io.BytesIO(content))]
            except (OSError, ValueError) as error:
                raise DamagedRunError(" ".join(str(error).split())) from error

        return read

    def netlist(self, rng: random.Random) -> Read:
        """A Bookshelf design of which one file is mutated, packed, a pipe, or missing."""
        from sandbox_chip.config import ChipConfig
        from sandbox_chip.formats.reader import read_design

        folder = self.folder / "design"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, text in BOOKSHELF.items():
            (folder / name).write_text(text)
        name = rng.choice(list(BOOKSHELF))
        kind = rng.randrange(10)
        if kind == 0 and name != "a.aux":  # the file that the user names may be a link
            _replace(rng, folder, secret_folder(self.folder), name)
        elif kind == 1:
            packed = gzip.compress(b"#" * rng.choice([10, 30 * MB]), 1)
            (folder / f"{name}.gz").write_bytes(packed[: rng.choice([len(packed), 40])])
            aux = folder / "a.aux"
            aux.write_text(aux.read_text().replace(name, f"{name}.gz"))
        else:
            (folder / name).write_bytes(self._mutate(rng, BOOKSHELF[name].encode(), list(WORDS)))
        return lambda: read_design(ChipConfig(netlist=str(folder / "a.aux")))

    def demand(self, rng: random.Random) -> Read:
        """Demand traces in a mutated CSV or Parquet file."""
        from sandbox_inventory.skus.traces import read_traces

        ending = rng.choice(["csv", "parquet"])
        path = self.folder / f"demand.{ending}"
        rows = [(period, f"item-{item}", rng.randrange(9)) for period in range(20) for item in range(3)]
        if ending == "csv":
            lines = ["period,sku,demand", *(",".join(map(str, row)) for row in rows)]
            content = "\n".join(lines).encode()
        else:
            import pyarrow as pa
            import pyarrow.parquet as pq

            columns = dict(zip(("period", "sku", "demand"), map(list, zip(*rows, strict=True)), strict=True))
            sink = io.BytesIO()
            pq.write_table(pa.table(columns), sink)
            content = sink.getvalue()
        pieces = ["1e308", "-1", "nan", "9999999", "2026-01-01", '"', "\x00", "PAR1"]
        path.write_bytes(content if rng.random() < 0.1 else self._mutate(rng, content, pieces))
        return lambda: read_traces(path)

    def replay(self, rng: random.Random) -> Read:
        """A mutated replay."""
        from sandbox.api.replay import read_replay, to_json

        path = self.folder / "replay.json"
        path.unlink(missing_ok=True)
        if rng.random() < 0.05:
            _replace(rng, self.folder, secret_folder(self.folder), path.name, links=False)
        else:
            pieces = ["null", "1e308", "NaN", "[]", "{}", "-1", '"\\ud800"', "[" * 99, "9" * 400]
            path.write_bytes(self._mutate(rng, rng.choice(self._replays), pieces))
        return lambda: json.dumps(to_json(read_replay(path)), allow_nan=False)

    def suite(self, rng: random.Random) -> Read:
        """A suite whose scenarios name files, or that is mutated."""
        from sandbox.comparison.cells import make_grid
        from sandbox.comparison.suites import load_suite

        folder = self.folder / "suite"
        folder.mkdir(exist_ok=True)
        secret = secret_folder(self.folder) / "file"
        (folder / "link.xml").unlink(missing_ok=True)
        (folder / "link.xml").symlink_to(secret)
        value = rng.choice(
            [str(secret), f"../../{secret.parent.name}/file", "link.xml", "/dev/zero", "none.xml"]
        )
        key = rng.choice(
            ["net", "config.net", "evaluation.config.net", "evaluation.config", "routes", "horizon"]
        )
        given: Any = {"net": value} if key == "evaluation.config" else value
        scenario = {"id": rng.choice(["traffic", "traffic", "toy/corridor"]), "set": {key: given}}
        document = {"scenarios": [scenario], "agents": [], "baselines": ["random"], "seeds": 1}
        content = json.dumps(document).encode()
        path = folder / "grid.yaml"
        path.write_bytes(content if rng.random() < 0.6 else self._mutate(rng, content, list(WORDS)))
        return lambda: make_grid(load_suite(path), "grid", path)


def _replace(rng: random.Random, folder: Path, secret: Path, name: str = "", links: bool = True) -> None:
    """Put a link or a pipe in the place of an entry."""
    path = folder / (name or rng.choice(LINKED))
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    if rng.random() < 0.3 or not links:
        os.mkfifo(path)
    else:
        path.symlink_to(rng.choice([secret, secret / "file", Path("/dev/zero"), Path("missing"), path]))


def _refused(work: Callable[[Path], object], folder: Path) -> None:
    from sandbox.api.errors import SandboxError

    try:
        work(folder)
    except SandboxError:
        return
    raise AssertionError("it is not refused")


def _arrays(rng: random.Random) -> bytes:
    buffer = io.BytesIO()
    values: dict[str, Any] = {"mean": np.zeros(rng.randrange(1, 50)), "count": np.array(1.0)}
    (np.savez if rng.random() < 0.8 else np.savez_compressed)(buffer, **values)
    return buffer.getvalue()


def _archive(rng: random.Random) -> bytes:
    """An array whose header claims some shape, whatever follows it."""
    head = io.BytesIO()
    shape = tuple(rng.choice([0, 1, 8, 10**9, 2**40, 2**62]) for _ in range(rng.randrange(4)))
    descr = rng.choice(["<f8", "|u1", "<c16", "|O", "<U9999999"])
    np.lib.format.write_array_header_1_0(head, {"descr": descr, "fortran_order": False, "shape": shape})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("mean.npy", head.getvalue() + bytes(rng.choice([0, 8, 64])))
    return buffer.getvalue()


def _bomb() -> bytes:
    """A gigabyte of zeros, compressed."""
    buffer = io.BytesIO()
    archive = zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
    with archive, archive.open("mean.npy", "w") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (1024 * MB,)}
        np.lib.format.write_array_header_1_0(file, header)
        for _ in range(1024):
            file.write(bytes(MB))
    return buffer.getvalue()
