"""What the contract suite catches: faults are seeded into copies of domains, one at a time.

    python -m benchmarks.contract [--only WORD] [--json FILE]

Each fault is an edit of a line in a copy of a plugin whose lock file was written before, the task's version
left as it was. Printed is which checks fail; a fault is caught if one does. Checks that train algorithms or
measure imports are left out, since none of the faults is theirs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = ("cheap-import", "spawned-process", "trains", "policies-survive", "baseline-beats-random")


@dataclass(frozen=True)
class Target:
    """A plugin to copy.

    Attributes:
        source: Folder to copy.
        plugin: What ``--plugin`` takes, below the copy; None for a plugin that is installed.
    """

    source: str
    plugin: str | None


TARGETS = {
    "toys": Target("tests/toys", "plugin.py"),
    "elevator": Target("tests/fixtures/elevator/sandbox_elevator", "plugin.py"),
    "inventory": Target("plugins/sandbox_inventory", None),
}


@dataclass(frozen=True)
class Mutation:
    """One fault: in a file of a target, the first text becomes the second."""

    what: str
    target: str
    task: str
    file: str
    before: str
    after: str


def _of(target: str, task: str, file: str, *faults: tuple[str, str, str]) -> list[Mutation]:
    return [Mutation(what, target, f"{task}", file, before, after) for what, before, after in faults]


MUTATIONS: Sequence[Mutation] = (
    *_of(
        "elevator",
        "elevator/car",
        "building.py",
        ("a metric leaves out the unfinished", "/ max(self.came[row], 1)", "/ max(self.served[row], 1)"),
        (
            "demand depends on actions",
            "arriving = self.coming[self.time, rows]",
            "arriving = self.coming[self.time, rows] * (self.floor[:, 0] == 0)[:, None, None]",
        ),
        ("the clock is seen one step late", "(self.time / self", "((self.time - 1).clip(0) / self"),
        (
            "the future is observed",
            "(self.waiting.sum(2) / 10)",
            "((self.waiting + self.coming[self.time.clip(0, self.config.horizon - 1), "
            "np.arange(len(self.time))]).sum(2) / 10)",
        ),
        ("wrong units of an observation", "(self.waiting.sum(2) / 10)", "(self.waiting.sum(2) / 1000)"),
        ("saturated observations", "(self.waiting.sum(2) / 10)", "(self.waiting.sum(2) * 10)"),
        ("a term counts twice inside", "delivered += out", "delivered += 2 * out"),
        (
            "a rare wrong mask",
            "self.floor > 0,",
            "(self.floor > 0) & (self.time % 50 != 49)[:, None],",
        ),
        ("a mask allows the impossible", "self.floor < self.config.floors - 1", "self.floor < 99"),
        ("a capacity is not kept", "self.config.room - self.riding", "self.config.room + 2 - self.riding"),
        (
            "a constant reward",
            "return Moved(waiting, riding, (move != 0).sum(1), delivered)",
            "return Moved(0 * waiting, 0 * riding, 0 * delivered, 0 * delivered)",
        ),
        ("a parameter without effect", "self.config.arrivals * share", "0.3 * share"),
        ("passengers survive a reset", "self.waiting[row] = self.riding[row] = 0", "self.riding[row] = 0"),
        ("a metric survives a reset", "self.came[row] = self.served[row] = 0", "self.came[row] = 0"),
        ("a global generator", "came = rng.poisson(", "came = np.random.poisson("),
        (
            "the seed is ignored",
            "def begin(self, row, rng):\n",
            "def begin(self, row, rng):\n        rng = np.random.default_rng(0)\n",
        ),
        (
            "all rows share their demand",
            "self.coming[:, row] = came.clip(0, 127)",
            "self.coming[:, :] = came.clip(0, 127)[:, None]",
        ),
        ("rows are mixed up", "self.coming[self.time, rows]", "self.coming[self.time, rows[::-1]]"),
        ("another dtype", "astype(np.float32)", "astype(np.float64)"),
        ("out of bounds", ", -1).clip(0, 1)", ", -1)"),
        ("a term counts one direction only", "(move != 0).sum(1)", "(move > 0).sum(1)"),
    ),
    *_of(
        "elevator",
        "elevator/car",
        "car.py",
        ("a time limit terminates", "False, self.time >= self.config.horizon", "self.time >= 120, False"),
        ("the horizon is a constant", "self.time >= self.config.horizon", "self.time >= 60"),
    ),
    *_of(
        "elevator",
        "elevator/bank",
        "bank.py",
        ("agents' observations are swapped", "return self.view()", "return self.view()[:, ::-1]"),
        ("every agent gets the whole reward", "value[:, None] / present", "value[:, None] + 0 * present"),
        ("agents leave a step late", "self.time[:, None] >= self", "self.time[:, None] > self"),
    ),
    *_of(
        "toys",
        "toy/forage",
        "toy_forage.py",
        (
            "a rare wrong mask",
            "np.append(inside, self.items[tuple(self.place)])",
            "np.append(inside, self.items[tuple(self.place)] | (self.steps == 7))",
        ),
        ("a forbidden action does harm", "forbidden = not self.mask()[action]", "forbidden = False"),
        ("a metric of the finished only", "float(self.eaten)", "float(self.eaten) * terminated"),
        (
            "an observation one step late",
            "here[tuple(self.place)] = True\n        return",
            'here[tuple(getattr(self, "seen", self.place))] = True\n'
            "        self.seen = self.place\n        return",
        ),
        ("a term of twice its size", "lambda step: 1.0, -0.1", "lambda step: 2.0, -0.1"),
        (
            "a reward beside its terms",
            "float(breakdown.total), bool(terminated)",
            "float(breakdown.total) + 0.5 * eaten, bool(terminated)",
        ),
        (
            "a reward that is no number",
            "float(breakdown.total), bool(terminated)",
            'float("nan") if self.steps == 9 else float(breakdown.total), bool(terminated)',
        ),
    ),
    *_of(
        "toys",
        "toy/regulator",
        "toy_regulator.py",
        (
            "noise depends on actions",
            "        breakdown = self.reward(Transition(self.position, push))\n"
            "        self.costs += (self.position**2).mean(), ",
            "        self.noise = self.noise * (1 + 0.1 * float(push[0]))\n"
            "        breakdown = self.reward(Transition(self.position, push))\n"
            "        self.costs += (self.position**2).mean(), ",
        ),
        ("a mean over some steps", '{"cost": self.steps,', '{"cost": self.steps + int(push[0] > 0),'),
        (
            "a generator is not restored",
            '{"rng": self.np_random.bit_generator.state}',
            '{"rng": np.random.default_rng(0).bit_generator.state}',
        ),
        ("another gain", "config.gain * push", "2 * config.gain * push"),
        (
            "a parameter is a constant",
            "rng.uniform(-config.spread, config.spread, config.axes)",
            "rng.uniform(-1.0, 1.0, config.axes)",
        ),
    ),
    *_of(
        "toys",
        "toy/tag",
        "toy_tag.py",
        (
            "a baseline edits the simulator",
            "        env = self.env\n        actions",
            '        env = self.env\n        env.prey = env.place["walker"]\n        actions',
        ),
        (
            "parts of an observation are swapped",
            "self.place[agent] * scale - 1, self.prey * scale - 1",
            "self.prey * scale - 1, self.place[agent] * scale - 1",
        ),
        ("a term of the step before", "abs(self.place[agent] - self.prey)", "abs(self.place[agent] - start)"),
    ),
    *_of(
        "inventory",
        "inventory/lost-sales",
        "core/simulation.py",
        (
            "demand in wrong units",
            "self.demand_paths.demand(self.time))",
            "self.demand_paths.demand(self.time) * 2)",
        ),
    ),
    *_of(
        "inventory",
        "inventory/lost-sales",
        "core/envs.py",
        (
            "ends of the wrong kind",
            "ended and finite, ended and not finite",
            "ended and not finite, ended and finite",
        ),
        (
            "an observation with noise of its own",
            "return self.sim.observe()",
            "return self.sim.observe() + np.float32(0.001 * np.random.default_rng().random())",
        ),
        (
            "actions are cut",
            "self.last_flow = self.sim.step(actions)",
            "self.last_flow = self.sim.step(actions * 0)",
        ),
    ),
)


def failing(folder: Path, target: Target, task: str, lock: bool = False) -> list[str]:
    """Names of the checks that fail for a task of a copied plugin, in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "SANDBOX_PLUGINS": ""}
    paths = [str(ROOT), str(ROOT / "plugins"), environment.get("PYTHONPATH", "")]
    if target.plugin is None:
        paths.insert(0, str(folder.parent))
    else:
        environment["SANDBOX_PLUGINS"] = str(folder / target.plugin)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.contract", "--check", task, *(["--lock"] if lock else [])],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
        check=False,
    )
    if done.returncode:
        return [f"crash: {done.stderr.strip().splitlines()[-1][:80]}" if done.stderr.strip() else "crash"]
    failed: list[str] = json.loads(done.stdout.splitlines()[-1])
    return failed


def check(name: str, lock: bool) -> list[str]:
    """The checks that fail for a task, in this process; first writes its lock file if asked."""
    from sandbox.registry.discover import registry
    from sandbox.testing.lock import write_lock
    from sandbox.testing.subjects import subjects
    from sandbox.testing.suite import CHECKS, run_check

    chosen = subjects(registry().domain(name.partition("/")[0]))
    (subject,) = [subject for subject in chosen if subject.name == name]
    if lock:
        write_lock([subject])
    results = [run_check(subject, each) for each in CHECKS if each not in LEFT_OUT]
    return [result.check for result in results if result.status == "failed"]


def run(only: str = "") -> list[dict[str, object]]:
    """Seed every fault whose description or task holds a word; one row each."""
    rows: list[dict[str, object]] = []
    chosen = [each for each in MUTATIONS if only in f"{each.what} {each.task}"]
    with tempfile.TemporaryDirectory() as scratch:
        for name, target in TARGETS.items():
            source = ROOT / target.source
            mine = [each for each in chosen if each.target == name]
            good = Path(scratch) / name / "good" / source.name
            if mine:
                shutil.copytree(source, good, ignore=shutil.ignore_patterns("__pycache__"))
            for task in dict.fromkeys(each.task for each in mine):
                if complaints := failing(good, target, task, lock=True):
                    raise SystemExit(f"{task} fails without a fault: {complaints}")
            for number, fault in enumerate(mine):
                folder = Path(scratch) / name / str(number) / source.name
                shutil.copytree(good, folder, ignore=shutil.ignore_patterns("__pycache__"))
                file = folder / fault.file
                text = file.read_text()
                if fault.before not in text:
                    raise SystemExit(f"{fault.file} no longer holds {fault.before!r}")
                file.write_text(text.replace(fault.before, fault.after, 1))
                failed = failing(folder, target, fault.task)
                rows.append({"task": fault.task, "fault": fault.what, "failed": failed})
                told = ", ".join(failed) or "NOT CAUGHT"
                print(f"{fault.task:22} {fault.what:38} {told}", flush=True)
    return rows


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--only", default="", help="only faults whose description or task holds this")
    parser.add_argument("--json", type=Path, help="file for the rows")
    parser.add_argument("--check", help=argparse.SUPPRESS)
    parser.add_argument("--lock", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.check:
        print(json.dumps(check(given.check, given.lock)))
        return
    rows = run(given.only)
    caught = [row["failed"] for row in rows if row["failed"]]
    without = [failed for failed in caught if failed != ["locked"]]
    print(f"{len(caught)} of {len(rows)} caught, {len(without)} of them also without the lock file.")
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
