"""Kills the driver of a comparison or a search at random moments, while its workers train.

The driver is killed and started again until the grid is complete. Counted are: cells or trials that were
computed again although they were done, results that differ from those of a grid that was never killed,
damaged run directories, attempts that fail, and processes that are still there `PATIENCE` seconds after
their driver's end. The longest time from the signal to the driver's end is measured as well.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks.kill import INTERRUPTED, STOPS, attempt
from sandbox.api.processes import ORPHAN_GRACE

MARK = "SANDBOX_BENCHMARK_MARK"
PATIENCE = ORPHAN_GRACE + 5.0
"""Seconds: workers have `ORPHAN_GRACE` for a checkpoint after the death of their driver."""

CELLS = 4


def measure_grid(given: argparse.Namespace, root: Path) -> dict[str, Any]:
    """Kill ``given.times`` times; the counts as a JSON document."""
    draw = random.Random(given.seed)
    os.environ[MARK] = uuid4().hex
    act = partial(compare_once if given.work == "compare" else tune_once, given)
    begun = time.perf_counter()
    if attempt(partial(act, root / "reference"), None, root / "log.txt") != 0:
        raise SystemExit(f"The grid that is not killed failed: {(root / 'log.txt').read_text()[-2000:]}")
    whole = time.perf_counter() - begun
    wanted = results(root / "reference", given.work)
    counts: Counter[str] = Counter()
    troubles: list[str] = []
    slowest = 0.0
    while counts["kills"] < given.times and time.perf_counter() - begun < given.seconds:
        counts["grids"] += 1
        folder = root / f"grid-{counts['grids']}"
        done: dict[str, bytes] = {}
        while True:
            limit = draw.uniform(0, whole) if counts["kills"] < given.times else None
            started = time.monotonic()
            code = attempt(partial(act, folder), limit, root / "log.txt", STOPS[given.signal])
            if limit is not None:
                slowest = max(slowest, time.monotonic() - started - limit)
            counts["survivors"] += survivors()
            counts["done_twice"] += done_again(folder, done)
            counts["corrupt_files"] += damaged(folder, troubles)
            if code == 0:
                break
            if code in (-STOPS[given.signal], INTERRUPTED):
                counts["kills"] += 1
            else:
                counts["failed_attempts"] += 1
                troubles.append((root / "log.txt").read_text()[-400:])
                if counts["failed_attempts"] > 5:
                    break
        # A search that was stopped draws other settings than one that was not; each has its number of trials.
        present = results(folder, given.work)
        counts["results_that_differ"] += given.work == "compare" and present != wanted
        counts["runs_lost"] += max(0, len(wanted) - len(present))
        shutil.rmtree(folder)
        print(f"{counts['kills']} kills, {counts['grids']} grids, {troubles}", file=sys.stderr, flush=True)
    names = (
        *("kills", "grids", "runs_lost", "corrupt_files", "failed_attempts", "results_that_differ"),
        *("done_twice", "survivors"),
    )
    return {
        "work": given.work,
        "scenario": given.scenario,
        "algo": given.algo,
        "steps": given.steps,
        "signal": given.signal,
        **{name: counts[name] for name in names},
        "seconds_of_an_uninterrupted_grid": round(whole, 2),
        "slowest_end_seconds": round(slowest, 2),
        "seconds": round(time.perf_counter() - begun, 1),
        "troubles": troubles[:10],
    }


def compare_once(given: argparse.Namespace, folder: Path) -> None:
    """Bring a comparison to its end."""
    from sandbox.comparison.api import compare
    from sandbox.launch import Launching

    compare(
        given.scenario,
        [{"algorithm": given.algo, "steps": given.steps, "num_envs": given.num_envs}],
        seeds=CELLS,
        episodes=4,
        changes=["evaluation.validations=2", "evaluation.validation_episodes=1"],
        runs_dir=folder,
        launching=Launching("local", 2),
    )


def tune_once(given: argparse.Namespace, folder: Path) -> None:
    """Bring a search to its end."""
    from sandbox.launch import Launching
    from sandbox.tuning.api import tune

    tune(
        given.scenario,
        given.algo,
        trials=CELLS,
        seeds=1,
        steps=given.steps,
        num_envs=given.num_envs,
        episodes=4,
        only=["gamma"],
        retrain=0,
        runs_dir=folder,
        launching=Launching("local", 2),
    )


def results(root: Path, work: str) -> dict[str, Any]:
    """What each cell or trial came to."""
    pattern = "cells/*/cell.json" if work == "compare" else "tuning/*/trials/*/result.json"
    documents = {file.parent.name: json.loads(file.read_text()) for file in root.glob(pattern)}
    return {
        name: document["results"] if work == "compare" else document["values"]
        for name, document in documents.items()
        if document["status"] in ("done", "pruned")
    }


def done_again(root: Path, done: dict[str, bytes]) -> int:
    """How many results have been written anew since the last look; ``done`` is kept up to date."""
    again = 0
    for pattern in ("cells/*/cell.json", "tuning/*/trials/*/result.json"):
        for file in root.glob(pattern):
            content = file.read_bytes()
            if json.loads(content)["status"] in ("done", "pruned"):
                again += done.setdefault(str(file), content) != content
    return again


def damaged(root: Path, troubles: list[str]) -> int:
    """How many files of runs are not what was written."""
    from sandbox.runs.verify import find_damages

    damages = [sentence for file in root.rglob("run.json") for sentence in find_damages(file.parent)]
    troubles += damages
    return len(damages)


def survivors() -> int:
    """Processes that an attempt started and that do not end in `PATIENCE` seconds."""
    end = time.monotonic() + PATIENCE
    while _marked() and time.monotonic() < end:
        time.sleep(0.05)
    return len(_marked())


def _marked() -> list[int]:
    """Living processes that inherited the mark when they were started; not this one and its forks."""
    mark = f"{MARK}={os.environ[MARK]}".encode()
    alive = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            marked = mark in (folder / "environ").read_bytes().split(b"\0")
            zombie = (folder / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            continue
        if marked and not zombie and int(folder.name) != os.getpid():
            alive.append(int(folder.name))
    return alive
