"""A short run of the fuzzing benchmark: random and mutated files are taken or refused with a sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_random_and_mutated_files_are_taken_or_refused_with_a_sentence() -> None:
    command = [sys.executable, "-m", "benchmarks.fuzz", "--inputs", "900", "--seed", "7"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500, check=False)
    summary = json.loads(done.stdout)
    assert summary["wrong"] == []
    assert summary["outside"] == []
    assert done.returncode == 0, done.stderr
    assert summary["inputs"] == sum(kind["inputs"] for kind in summary["kinds"].values()) == 900
    taken = {name for name, kind in summary["kinds"].items() if kind["taken"]}
    assert {"scenario", "override", "record"} <= taken  # the inputs are near enough to valid ones
