"""What a benchmark cannot be asked for is said in one sentence, with exit code 2 and no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["traffic_twin", "speed", "nope"], "Unknown scenario 'traffic/nope'"),
        (["traffic_twin", "fidelity", "crossing", "--controllers", "nope"], "Unknown controller 'nope'"),
        (["traffic_controllers", "traffic/nope"], "Unknown scenario 'traffic/nope'"),
        (["traffic_capacity", "traffic/nope"], "Unknown scenario 'traffic/nope'"),
        (["inventory_learning", "inventory/nope"], "Unknown scenario 'inventory/nope'"),
    ],
)
def test_a_mistake_is_one_sentence(command: list[str], says: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{command[0]}", *command[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr
