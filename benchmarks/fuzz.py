"""Feeds random and mutated files to everything that reads files of strangers.

    python -m benchmarks.fuzz --inputs 100000

Kinds of input, in turn: scenario files, overrides (``--set`` and ``--reward``), records of runs, whole run
directories and comparisons with other contents and sums that fit, the document of a policy, SUMO networks and
SUMO demand, robots (the files before MuJoCo compiles them); and those of `benchmarks.fuzz_files`: run
directories with links and pipes, archives of arrays,
netlists, demand traces, replays and suites. Each is to be taken or refused with a sentence: no other error,
at most a second of processor time, at most 500 MB on top of the program's own memory, nothing written outside
the folder of the inputs, nothing read that only a link or a suite in them names, no process started and no
connection made. Prints one JSON document; exits with 1 if anything went wrong. The same seed gives the same
inputs.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import importlib.util
import json
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks.fuzz_files import FLOWS, FileReaders, secret_folder
from sandbox.api.errors import SandboxError
from sandbox.backends.policy_files import read_policy
from sandbox.records.run import FORMAT
from sandbox.registry.discover import registry
from sandbox.report.data import read_report_data
from sandbox.report.page import html
from sandbox.runs.checksums import seal
from sandbox.runs.directory import Run
from sandbox.runs.verify import find_damages
from sandbox.scenarios.resolve import load_scenario
from sandbox.ui.library import Library

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 1.0
MEMORY = 500 * 2**20
KEPT = 20
FORBIDDEN = {"subprocess.Popen", "os.system", "os.exec", "os.fork", "os.posix_spawn", "socket.connect"}

WORDS = [
    *("title", "task", "metric", "config", "reward", "weights", "preset", "steps", "evaluation", "seeds"),
    *("train", "test", "episodes", "baselines", "presets", "references", "id", "net", "routes", "horizon"),
    *("demand", "toy/corridor", "traffic/signal", "../../x", "/etc/passwd", "/dev/zero", "~nobody/x"),
    *("os:system", "__class__", "!!python/object", "&a", "*a", "<<", "0x1F", "1e400", "-1", "null", "~"),
    *(".nan", ".inf", "%s%n", "${HOME}", "{{7*7}}", "sumo-rl:../../x", "generated:x"),
    *("\x00", "\ud800", "9" * 400, "[" * 50, "é" * 30),
]
XML = [
    "<!DOCTYPE net [<!ENTITY a 'b'>]>",
    "&a;",
    "<include href='/etc/passwd'/>",
    "<edge id='x'>",
    "</edge>",
    "<lane/>",
    "<param key='file' value='/tmp/x'/>",
    "<inductionLoop id='d' file='x'/>",
    "<tlLogic id='t'>",
    "<phase/>",
    "<![CDATA[",
    "<?xml version='1.0' encoding='utf-7'?>",
    "<flow id='f' begin='-1e309' end='nan'/>",
    "<trip depart='x'/>",
    "\x00",
    "<connection from='a' to='b' fromLane='9e9' toLane='-1'/>",
    *FLOWS,
    "speed='nan'",
    "length='-1'",
    "tl='t' linkIndex='x'",
]

MJCF = [
    "<!DOCTYPE mujoco [<!ENTITY a 'b'>]>",
    "<include file='/etc/passwd'/>",
    "<include file='robot.xml'/>",
    "<include file='../robot.xml'/>",
    "<compiler meshdir='/etc' strippath='true'/>",
    "<mesh name='m' file='/dev/zero'/>",
    "<model name='m' file='robot.xml'/>",
    "<replicate count='1000'><replicate count='1000'>",
    "</replicate>",
    "<size nuser_geom='999999999'/>",
    "<texture builtin='flat' width='99999' height='99999'/>",
    "<user dim='999999999'/>",
    "<flexcomp count='999 999 999'/>",
    "<robot name='r'>",
    "<mesh filename='package://../../x'/>",
    "<body>" * 300,
    "file=''",
    "count='-1'",
    "\x00",
]


@dataclass
class Tally:
    """What became of the inputs of one kind."""

    inputs: int = 0
    taken: int = 0
    refused: int = 0
    slowest: float = 0.0
    wrong: list[dict[str, str]] = field(default_factory=list)


class Watch:
    """Notes writes outside a folder, reads of a secret, processes and connections: Python's audit events."""

    def __init__(self, allowed: Path) -> None:
        self._allowed = str(allowed) + os.sep
        self._secret = str(secret_folder(allowed)) + os.sep
        self.on = False
        self.seen: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event in FORBIDDEN:
            self.seen.append(f"{event} {args[:1]!r}")
        elif event == "open" and self._writes(args) and not self._inside(args[0]):
            self.seen.append(f"open for writing: {args[0]!r}")
        elif event in ("open", "os.listdir", "os.scandir") and self._within(args[0], self._secret):
            self.seen.append(f"{event}: {args[0]!r}")
        elif event in (
            "os.mkdir",
            "os.remove",
            "os.rename",
            "os.rmdir",
            "os.link",
            "os.symlink",
            "os.truncate",
        ):
            self.seen += [f"{event} {path!r}" for path in args[:2] if not self._inside(path)]

    def _writes(self, args: tuple[Any, ...]) -> bool:
        flags = args[2] if len(args) > 2 and isinstance(args[2], int) else 0
        return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND))

    def _inside(self, path: Any) -> bool:
        # Anything else is a descriptor, or the mode of os.mkdir.
        return not isinstance(path, str | bytes | os.PathLike) or self._within(path, self._allowed)

    def _within(self, path: Any, folder: str) -> bool:
        if not isinstance(path, str | bytes | os.PathLike):
            return False
        return (os.path.realpath(os.fsdecode(path)) + os.sep).startswith(folder)


def mutate(rng: random.Random, text: bytes, pieces: list[str]) -> bytes:
    """One to six edits: bytes flipped, parts cut, doubled, swapped or replaced by a telling piece."""
    data = bytearray(text)
    for _ in range(rng.randint(1, 6)):
        at, to = sorted(rng.randint(0, len(data)) for _ in range(2))
        to = min(to, at + rng.choice([1, 4, 40, 400]))
        kind = rng.randrange(6)
        if kind == 0 and data:
            data[min(at, len(data) - 1)] = rng.randrange(256)
        elif kind == 1:
            del data[at:to]
        elif kind == 2:
            data[at:at] = data[at:to] * rng.randint(1, 5)
        elif kind == 3:
            data[at:to] = rng.choice(pieces).encode("utf-8", "surrogatepass")
        elif kind == 4:
            data[at:at] = rng.choice(pieces).encode("utf-8", "surrogatepass")
        else:
            data[at:to] = rng.randbytes(to - at)
    return bytes(data[:200_000])


def value(rng: random.Random, depth: int = 0) -> Any:
    """Any plain value."""
    kind = rng.randrange(9 if depth < 3 else 6)
    simple: list[Callable[[], Any]] = [
        lambda: None,
        lambda: rng.random() < 0.5,
        lambda: rng.choice([0, 1, -1, 2**31, 2**63, -(10**40), rng.randint(-100, 100)]),
        lambda: rng.choice([0.0, -0.5, 1e308, float("nan"), float("inf"), rng.gauss(0, 10)]),
        lambda: rng.choice(WORDS),
        lambda: "".join(chr(rng.randrange(32, 0x2FF)) for _ in range(rng.randrange(12))),
    ]
    if kind < 6:
        return simple[kind]()
    if kind == 6:
        return [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice(WORDS): value(rng, depth + 1) for _ in range(rng.randrange(4))}


def restructured(rng: random.Random, document: Any) -> Any:
    """A document with one to three entries, at any depth, replaced, added or removed."""
    document = json.loads(json.dumps(document))
    for _ in range(rng.randint(1, 3)):
        node = document
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            inner = [key for key in keys if isinstance(node[key], dict | list) and node[key]]
            if not inner or rng.random() < 0.5:
                break
            node = node[rng.choice(inner)]
        if not keys or rng.random() < 0.3:
            if isinstance(node, dict):
                node[rng.choice(WORDS)] = value(rng)
            else:
                node.append(value(rng))
        elif rng.random() < 0.3:
            del node[rng.choice(keys)]
        else:
            node[rng.choice(keys)] = value(rng)
    return document


class Readers:
    """Everything that reads what strangers wrote, each with a source of inputs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        files = sorted((ROOT / "scenarios").glob("*/*.yaml")) + sorted((ROOT / "tests/toys").rglob("*.yaml"))
        self.scenarios = [file.read_bytes() for file in files if file.parent.name != "suites"]
        self.bases = [
            ROOT / "tests/toys/scenarios/toy/regulator.yaml",
            ROOT / "tests/toys/scenarios/toy/forage.yaml",
        ]
        self.record = record()
        self.policy = policy_document()
        self.network, self.routes = sumo_files()
        self.robot = robot_file()

    def kinds(self) -> dict[str, Callable[[random.Random], Callable[[], object]]]:
        """By name: what makes an input from a generator, and gives back what reads it."""
        found: dict[str, Callable[[random.Random], Callable[[], object]]] = {
            "scenario": self.scenario,
            "override": self.override,
            "record": self.run_record,
            "policy": self.policy_folder,
            "run directory": self.run_directory,
            "comparison": self.comparison,
            **FileReaders(self.folder, ROOT / "tests" / "fixtures" / "runs-0.1", mutate).kinds(),
        }
        if self.network:
            found |= {"network": self.sumo_network, "routes": self.sumo_routes}
        if self.robot:
            found["robot"] = self.robot_files
        return found

    def scenario(self, rng: random.Random) -> Callable[[], object]:
        path = self.folder / "scenario.yaml"
        source = rng.choice(self.scenarios)
        if rng.random() < 0.5:
            path.write_bytes(mutate(rng, source, WORDS))
        else:
            text = yaml.safe_dump(restructured(rng, yaml.safe_load(source)), allow_unicode=True)
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
        return lambda: load_scenario(str(path))

    def override(self, rng: random.Random) -> Callable[[], object]:
        keys = [
            "axes",
            "horizon",
            "config.horizon",
            "evaluation.episodes",
            "evaluation.seeds.test",
            "metric",
            "steps",
        ]
        signs = ["=", "=", "=", "", "=="]
        changes = [
            f"{rng.choice([*keys, rng.choice(WORDS)])}{rng.choice(signs)}{self._text(rng)}"
            for _ in range(rng.randrange(3))
        ]
        terms = ["state", "control", "quadratic", "x", ""]
        reward = [f"{rng.choice(terms)}={self._text(rng)}" for _ in range(rng.randrange(3))]
        base = str(rng.choice(self.bases))
        return lambda: load_scenario(base, changes, reward)

    def run_record(self, rng: random.Random) -> Callable[[], object]:
        folder = self.folder / "run"
        folder.mkdir(exist_ok=True)
        text = json.dumps(self.record).encode()
        if rng.random() < 0.3:
            text = mutate(rng, text, WORDS)
        else:
            document = restructured(rng, self.record)
            text = json.dumps(document).encode("utf-8", "surrogatepass")
            # As today's records are: with a sum that fits, so that readers get past it.
            with contextlib.suppress(ValueError):  # infinities and lone surrogates cannot be sealed
                text = seal({**document, "format": FORMAT}) if rng.random() < 0.5 else text
        (folder / "run.json").write_bytes(text)

        def read() -> object:
            run = Run.open(folder)
            return run.status, run.algorithm, run.scenario

        return read

    def policy_folder(self, rng: random.Random) -> Callable[[], object]:
        folder = self.folder / "policy"
        folder.mkdir(exist_ok=True)
        document, weights = self.policy
        if rng.random() < 0.5:
            (folder / "policy.json").write_bytes(mutate(rng, document, WORDS))
            (folder / "weights.safetensors").write_bytes(weights)
        else:
            (folder / "policy.json").write_bytes(document)
            (folder / "weights.safetensors").write_bytes(mutate(rng, weights, WORDS))
        return lambda: read_policy(folder)

    def run_directory(self, rng: random.Random) -> Callable[[], object]:
        """A run of version 0.1 of which one document has other contents; all sums fit."""
        folder = self._copy("interrupted" if rng.random() < 0.3 else "evaluated", "*/*/*/*")
        names = ["run.json", "evaluation.json", "artifacts.json", "manifest.json", "training.json"]
        files = [file for name in names for file in folder.rglob(name)]
        spoil(rng, rng.choice(files))
        root = folder.parents[3]

        def read() -> object:
            damages = find_damages(folder)
            index = json.dumps(Library(root).index(), allow_nan=False, ensure_ascii=False).encode()
            return damages, index, html(read_report_data([folder]))

        return read

    def comparison(self, rng: random.Random) -> Callable[[], object]:
        """A comparison whose document has other contents."""
        folder = self._copy("grid", "comparisons/*")
        spoil(rng, folder / "comparison.json")
        root = folder.parents[1]

        def read() -> object:
            index = json.dumps(Library(root).index(), allow_nan=False, ensure_ascii=False).encode()
            return index, html(read_report_data([folder]))

        return read

    def _copy(self, kind: str, pattern: str) -> Path:
        """A fresh copy of what version 0.1 wrote; the folder that the pattern names in it."""
        root = self.folder / kind
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(ROOT / "tests" / "fixtures" / "runs-0.1" / kind, root)
        (folder,) = root.glob(pattern)
        return folder

    def robot_files(self, rng: random.Random) -> Callable[[], object]:
        from sandbox_locomotion.models.files import read_model_files

        folder = self.folder / "robot"
        folder.mkdir(exist_ok=True)
        path = folder / "robot.xml"
        path.write_bytes(mutate(rng, self.robot, MJCF))
        return lambda: read_model_files(path)

    def sumo_network(self, rng: random.Random) -> Callable[[], object]:
        from sandbox_traffic.network.reader import read_network
        from sandbox_traffic.network.roads import require_one_signal

        path = self.folder / "net.net.xml"
        path.write_bytes(mutate(rng, self.network, XML))
        return lambda: require_one_signal(read_network(path))

    def sumo_routes(self, rng: random.Random) -> Callable[[], object]:
        from sandbox_traffic.network.files import check_routes

        path = self.folder / "demand.rou.xml"
        path.write_bytes(mutate(rng, self.routes, XML))
        return lambda: check_routes(path, 0, 3600)

    def _text(self, rng: random.Random) -> str:
        given = value(rng)
        return given if isinstance(given, str) else json.dumps(given)


def spoil(rng: random.Random, file: Path) -> None:
    """Give a document other contents; its own sum fits, and that in the list beside it."""
    document = json.loads(file.read_text())
    sealed = document.pop("sha256", None) is not None
    document = restructured(rng, document)
    if not isinstance(document, dict):
        document = {"files": document}
    content = sealed_anyhow(document) if sealed else json.dumps(document).encode()
    file.write_bytes(content)
    for name in ("artifacts.json", "manifest.json"):
        listing = file.parent / name
        if listing != file and listing.is_file():
            listed = json.loads(listing.read_text())
            if file.name in listed["files"]:
                new = hashlib.sha256(content).hexdigest()
                listed["files"][file.name] = [new] if name == "artifacts.json" else new
                del listed["sha256"]
                listing.write_bytes(sealed_anyhow(listed))


def sealed_anyhow(document: dict[str, Any]) -> bytes:
    """A document with its sum, also one that `seal` would refuse: with NaN, or half a surrogate pair."""
    blank = "0" * 64
    text = json.dumps({**document, "sha256": blank}, indent=2) + "\n"
    head, _, tail = text.rpartition(blank)
    return (head + hashlib.sha256(text.encode()).hexdigest() + tail).encode()


def record() -> dict[str, Any]:
    """A record as training writes it."""
    scenario = {"id": "toy/corridor", "title": "T", "task": "toy/corridor", "metric": "steps"}
    facts = {"started": "2026-01-01T00:00:00", "train_seconds": 1.0, "seconds": 1.0, "steps_per_second": 5.0}
    asked = {
        "algorithm": "ppo",
        "seed": 0,
        "steps": 5,
        "num_envs": 1,
        "init_from": None,
        "command": ["sandbox"],
    }
    return {
        "format": 1,
        "scenario_id": "toy/corridor",
        "scenario": scenario,
        "scenario_hash": "0" * 64,
        "scenario_file": None,
        "folder": "/",
        "hyperparameters": {"gamma": 0.9},
        "reward": {"step": -1.0},
        "packages": {"numpy": "2"},
        "steps_done": 5,
        "status": "running",
        "process": {"pid": 1, "host": "h", "started": "1"},
        "best": {"steps": 5, "metric": 1.0},
        **asked,
        **facts,
    }


def policy_document() -> tuple[bytes, bytes]:
    """A small policy as it lies on the disk: its document and its weights."""
    import torch

    from sandbox.backends.policy_files import write_policy

    with tempfile.TemporaryDirectory() as folder:
        weights = {"layer.weight": torch.zeros(4, 3), "layer.bias": torch.zeros(4)}
        write_policy(Path(folder), {"algorithm": "ppo", "backend": "sb3", "network": {}}, weights, None)
        return (Path(folder) / "policy.json").read_bytes(), (
            Path(folder) / "weights.safetensors"
        ).read_bytes()


def sumo_files() -> tuple[bytes, bytes]:
    """A network and its demand, empty where the traffic domain is not installed."""
    try:
        from sandbox_traffic.network.generated import generated_network

        network = generated_network("single-intersection").read_bytes()
    except Exception:
        return b"", b""
    trips = "".join(f"<trip id='t{n}' depart='{n}.0' from='a' to='b'/>" for n in range(20))
    kinds = "<vType id='car' length='5'><param key='x' value='1'/></vType><flow id='f' begin='0' end='9'/>"
    return network, f"<routes>{kinds}{trips}</routes>".encode()


def robot_file() -> bytes:
    """A model of a robot, empty where the domain of robots is not installed."""
    if importlib.util.find_spec("mujoco") is None:
        return b""
    return (ROOT / "tests/fixtures/robots/dog.xml").read_bytes()


def fuzz(inputs: int, seed: int, folder: Path, keep: Path | None, progress: bool = False) -> dict[str, Any]:
    """Read ``inputs`` inputs; what became of them."""
    readers = Readers(folder)
    kinds = readers.kinds()
    names = list(kinds)
    tallies = {name: Tally() for name in names}
    for name in names:  # load what is loaded lazily before memory is bounded
        tried = kinds[name](random.Random(0))
        with contextlib.suppress(SandboxError):
            tried()
    with contextlib.suppress(ImportError):  # it asks for the version of a library of its own in a process
        importlib.import_module("mujoco")
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _bound_memory()
    watch = Watch(folder)
    start = time.perf_counter()
    for number in range(inputs):
        name = names[number % len(names)]
        read = kinds[name](random.Random(f"{seed}-{number}"))
        _try(name, number, read, tallies[name], watch, folder, keep)
        if progress and number % 1000 == 999:
            print(f"{number + 1:,} of {inputs:,}", file=sys.stderr, flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "inputs": inputs,
        "seed": seed,
        "seconds": round(time.perf_counter() - start, 1),
        "memory_growth_mb": round((peak - base) / 1024, 1),
        "outside": watch.seen[:KEPT],
        "kinds": {
            name: {
                "inputs": tally.inputs,
                "taken": tally.taken,
                "refused": tally.refused,
                "wrong": len(tally.wrong),
                "slowest_seconds": round(tally.slowest, 3),
            }
            for name, tally in tallies.items()
        },
        "wrong": [wrong for tally in tallies.values() for wrong in tally.wrong[:KEPT]],
    }


def _try(
    name: str,
    number: int,
    read: Callable[[], object],
    tally: Tally,
    watch: Watch,
    folder: Path,
    keep: Path | None,
) -> None:
    tally.inputs += 1
    complaint = ""
    start = time.process_time()
    watch.on = True
    try:
        read()
        tally.taken += 1
    except SandboxError as error:
        tally.refused += 1
        if not error.message or "\n" in error.message or len(error.message) > 4000:
            complaint = f"the sentence is {error.message[:200]!r}"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        complaint = f"{type(error).__name__}: {str(error)[:300]}"
    finally:
        watch.on = False
    seconds = time.process_time() - start
    tally.slowest = max(tally.slowest, seconds)
    if seconds > SECONDS:
        complaint = complaint or f"it took {seconds:.2f} s"
    if complaint:
        tally.wrong.append({"kind": name, "number": str(number), "what": complaint})
        if keep is not None:
            _keep(name, number, folder, keep)


def _keep(name: str, number: int, folder: Path, keep: Path) -> None:
    def pipes(place: str, names: list[str]) -> list[str]:
        return [entry for entry in names if Path(place, entry).is_fifo()]

    shutil.copytree(folder, keep / f"{name}-{number}", symlinks=True, ignore=pipes, dirs_exist_ok=True)


def _bound_memory() -> None:
    """From here on, 500 MB more at most: an input that needs more raises MemoryError."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def use_toys() -> None:
    """The toy domain of the tests, whose scenarios cost nothing to read."""
    os.environ["SANDBOX_PLUGINS"] = str(ROOT / "tests" / "toys" / "plugin.py")
    os.environ.pop("SANDBOX_SCENARIOS", None)
    registry.cache_clear()


def main(arguments: list[str]) -> int:
    """Run it and print what became of the inputs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the inputs that went wrong")
    chosen = parser.parse_args(arguments)
    use_toys()
    with tempfile.TemporaryDirectory(prefix="sandbox-fuzz-") as folder:
        os.chdir(folder)
        try:
            summary = fuzz(chosen.inputs, chosen.seed, Path(folder).resolve(), chosen.keep, progress=True)
        finally:
            os.chdir("/")
            shutil.rmtree(secret_folder(Path(folder).resolve()), ignore_errors=True)
    print(json.dumps(summary, indent=2))
    return 1 if summary["wrong"] or summary["outside"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
