"""Kills training and resuming at random moments and counts what is lost: runs, files, exactness.

    python -m benchmarks.kill --times 100
    python -m benchmarks.kill --times 20 --scenario traffic/single-intersection --algo ppo --steps 2000
    python -m benchmarks.kill --times 20 --signal TERM

A run is begun and killed with SIGKILL, its whole process group with it, after a random time; then it is
resumed and killed again, until it gets through. With SIGTERM it ends in an orderly way instead. After
every kill each file of the run directory is checked against its sum, and at the end the run against one
that was never killed. Every attempt is a process of its own, forked from one that has only imported the
libraries. Prints one JSON document; exits with 1 if anything was lost.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

STOPS = {"KILL": signal.SIGKILL, "TERM": signal.SIGTERM}
INTERRUPTED = 130
"""Exit code of an attempt that ended in an orderly way."""

TOYS = Path(__file__).resolve().parent.parent / "tests" / "toys" / "plugin.py"


def main() -> int:
    """Run the benchmark from the command line."""
    given = _arguments()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["SANDBOX_PLUGINS"] = str(TOYS)
    _import_all(given.algo)
    root = Path(tempfile.mkdtemp(prefix="sandbox-kill-", dir=given.dir))
    try:
        document = measure(given, root)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    print(json.dumps(document, indent=2))
    failures = ("runs_lost", "corrupt_files", "failed_attempts", "final_hashes_that_differ")
    return 1 if any(document[name] for name in failures) else 0


def measure(given: argparse.Namespace, root: Path) -> dict[str, Any]:
    """Kill ``given.times`` times; the counts as a JSON document."""
    draw = random.Random(given.seed)
    begun = time.perf_counter()
    reference = root / "reference"
    code = _attempt(partial(_begin, given, reference), None, root / "log.txt")
    if code != 0:
        raise SystemExit(f"The run that is not killed failed: {(root / 'log.txt').read_text()[-2000:]}")
    whole = time.perf_counter() - begun
    wanted = fingerprint(_only_run(reference))
    counts: Counter[str] = Counter()
    troubles: list[str] = []
    while counts["kills"] < given.times and time.perf_counter() - begun < given.seconds:
        counts["runs"] += 1
        folder = root / f"run-{counts['runs']}"
        while True:
            path = _only_run(folder)
            act = partial(_begin, given, folder) if path is None else partial(_go_on, path)
            limit = draw.uniform(0, whole) if counts["kills"] < given.times else None
            code = _attempt(act, limit, root / "log.txt", STOPS[given.signal])
            if code == 0:
                break
            if code in (-STOPS[given.signal], INTERRUPTED):
                counts["kills"] += 1
                counts["kills_of_train" if path is None else "kills_of_resume"] += 1
            else:
                counts["failed_attempts"] += 1
                troubles.append((root / "log.txt").read_text()[-400:])
                if counts["failed_attempts"] > 5:
                    break
            if counts["kills"] % 25 == 0:
                print(
                    f"{counts['kills']} kills, {counts['runs']} runs, {troubles}", file=sys.stderr, flush=True
                )
            damages = _damages(folder, had_a_run=path is not None)
            counts["runs_lost"] += damages is None
            counts["corrupt_files"] += len(damages or ())
            troubles += damages or ()
        path = _only_run(folder)
        if path is None or fingerprint(path) != wanted:
            counts["final_hashes_that_differ"] += 1
            troubles.append(f"{path}: {path and fingerprint(path)}")
        shutil.rmtree(folder)
    names = (
        "kills", "kills_of_train", "kills_of_resume", "runs", "runs_lost", "corrupt_files",
        "failed_attempts", "final_hashes_that_differ",
    )  # fmt: skip
    return {
        "scenario": given.scenario, "algo": given.algo, "steps": given.steps, "signal": given.signal,
        **{name: counts[name] for name in names},
        "seconds_of_an_uninterrupted_run": round(whole, 2),
        "seconds": round(time.perf_counter() - begun, 1),
        "final_hash": wanted["policy"], "troubles": troubles[:10],
    }  # fmt: skip


def fingerprint(path: Path | None) -> dict[str, Any]:
    """What two runs that learned the same have in common: weights, validations, results."""
    from sandbox.runs.directory import Run, progress

    if path is None:
        return {}
    run = Run.open(path)
    records = progress(run)
    file = path / "evaluation.json"
    results = json.loads(file.read_text()) if file.is_file() else {"agents": {}}
    return {
        "status": run.status,
        "policy": _sum(path / "policy" / "weights.safetensors"),
        "best": _sum(path / "policy" / "best" / "weights.safetensors"),
        "validations": [
            sorted(record.items())
            for record in ({**line, "seconds": 0} for line in records)
            if any(name.startswith("validation/") for name in record)
        ],
        "in order": [line["steps"] for line in records] == sorted(line["steps"] for line in records),
        "results": {name: agent["mean"] for name, agent in results["agents"].items()},
    }


def _begin(given: argparse.Namespace, folder: Path) -> None:
    from sandbox.training.train import train
    from sandbox.workflow import run

    settings: dict[str, Any] = {
        "steps": given.steps,
        "num_envs": given.num_envs,
        "hp": given.hp,
        "changes": ["evaluation.validations=3", "evaluation.validation_episodes=1", *(given.set or [])],
        "runs_dir": folder,
        "checkpoint_every": given.checkpoint_every,
    }
    if given.evaluate:
        run(given.scenario, given.algo, episodes=2, **settings)
    else:
        train(given.scenario, given.algo, **settings)


def _go_on(path: Path) -> None:
    from sandbox.workflow import resume

    resume(path)


def _attempt(act: Callable[[], None], limit: float | None, log: Path, stop: int = signal.SIGKILL) -> int:
    """Do something in a process group of its own, for at most ``limit`` seconds; its exit code."""
    child = os.fork()
    if child == 0:
        os.setsid()
        with log.open("w") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        code = 1
        try:
            act()
            code = 0
        except KeyboardInterrupt:
            code = INTERRUPTED
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", flush=True)
        finally:
            os._exit(code)
    end = time.monotonic() + limit if limit is not None else float("inf")
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= end:
            # The child may not have made its group yet, or have just ended.
            for kill, target in ((os.killpg, child), (os.kill, child)):
                try:
                    kill(target, stop)
                except ProcessLookupError:
                    continue
            end = float("inf")
        time.sleep(0.002)


def _only_run(folder: Path) -> Path | None:
    """The run below a folder; None where none has begun."""
    runs = [file.parent for file in folder.rglob("run.json")]
    return runs[0] if runs else None


def _damages(folder: Path, had_a_run: bool) -> list[str] | None:
    """What is corrupt below a folder; None if a run that was there is no more."""
    from sandbox.runs.verify import find_damages

    path = _only_run(folder)
    if path is None:
        shutil.rmtree(folder, ignore_errors=True)  # killed before the run's record was written
        return None if had_a_run else []
    return find_damages(path)


def _sum(file: Path) -> str | None:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16] if file.is_file() else None


_NEEDED = (
    "safetensors.torch",
    "torch._dynamo",  # which torch imports with the first optimiser, and takes seconds
    "torch.utils.tensorboard",
    "sandbox.runs.verify",
    "sandbox.report.picture",
    "sandbox.workflow",
)


def _import_all(algo: str) -> None:
    """Import what an attempt needs, so that it starts at once; nothing is run."""
    for name in _NEEDED:
        import_module(name)
    from sandbox.registry.discover import registry
    from sandbox.registry.resolve import require, resolve

    algorithm = registry().algorithm(algo)
    require(algorithm)
    for target in (algorithm.config, algorithm.train, algorithm.load):
        resolve(target)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=100, help="kills")
    parser.add_argument("--signal", choices=list(STOPS), default="KILL", help="what ends an attempt")
    parser.add_argument("--scenario", default="toy/regulator", help="of the tests' toy domain by default")
    parser.add_argument("--algo", default="ppo")
    parser.add_argument("--steps", type=int, default=512)
    parser.add_argument("--num-envs", type=int, default=16)
    parser.add_argument("--hp", action="append", help="name=value; repeatable")
    parser.add_argument("--set", action="append", help="key=value of the scenario; repeatable")
    parser.add_argument("--checkpoint-every", type=float, default=0.0, help="seconds; 0: every safe point")
    parser.add_argument("--evaluate", action="store_true", help="as sandbox run does, not sandbox train")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no further run after this")
    parser.add_argument("--dir", type=Path, default=None, help="where to work; a temporary folder by default")
    given = parser.parse_args()
    if given.hp is None:
        given.hp = _short_rollouts(given.algo)
    return given


def _short_rollouts(algo: str) -> list[str]:
    """Hyperparameters for short rollouts of an on-policy algorithm, so that it has many safe points."""
    from sandbox.registry.discover import registry
    from sandbox.registry.resolve import resolve

    fields = resolve(registry().algorithm(algo).config).model_fields
    if "buffer_size" in fields:  # n_steps is the length of a return there
        return []
    return [f"{name}={value}" for name, value in {"n_steps": 64, "n_epochs": 2}.items() if name in fields]


if __name__ == "__main__":
    sys.exit(main())
