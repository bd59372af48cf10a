"""What was made by other code is another cell: a plugin is edited between two comparisons."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from sandbox.report.data import data_of_runs
from sandbox.runs.directory import Run

KIOSK = Path(__file__).parents[1] / "fixtures" / "kiosk" / "kiosk_plugin"
STILL = Path(__file__).parents[1] / "toys" / "still.py"


def compared(folder: Path, *more: str) -> tuple[dict[str, Any], str]:
    """The comparison in a process of its own, as after an edit; its document and what it prints."""
    command = [sys.executable, "-m", "sandbox.cli.main", "compare", "kiosk/day"]
    command += ["--algo", "still", "--seeds", "2", "--steps", "24", "--baselines", "middle-price"]
    command += ["--set", "evaluation.episodes=3", "--set", "evaluation.validations=0", "--launcher", "inline"]
    command += ["--plugin", str(folder / "kiosk_plugin" / "plugin.py"), "--plugin", str(STILL), *more]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=True)
    newest = max(folder.glob("runs/comparisons/*/comparison.json"), key=lambda file: file.stat().st_mtime_ns)
    return json.loads(newest.read_text()), done.stdout


def ids(document: dict[str, Any]) -> set[str]:
    return {cell["id"] for cell in document["cells"]}


def test_cells_of_an_edited_plugin_are_other_cells(tmp_path: Path) -> None:
    shutil.copytree(KIOSK, tmp_path / "kiosk_plugin")
    first, _ = compared(tmp_path)
    assert first["status"] == "complete"
    assert first["other_code"] == []

    file = tmp_path / "kiosk_plugin" / "kiosk.py"
    original = file.read_text()
    file.write_text(original.replace("[0.2, 0.5, 0.9]", "[0.4, 0.9, 0.9]"))
    second, told = compared(tmp_path)
    assert not ids(first) & ids(second)
    assert len(list(tmp_path.glob("runs/cells/*/cell.json"))) == 8
    for agent, cells in (("still", 2), ("middle-price", 1)):
        before, after = (known["scores"]["kiosk/day"][agent] for known in (first, second))
        assert before["values"] != after["values"]
        assert len(after["values"]) == cells
        assert {
            "scenario": "kiosk/day",
            "agent": agent,
            "cells": cells,
            "differs": ["domain kiosk (its sources were changed)"],
        } in second["other_code"]
    assert "kiosk/day, still: 2 earlier cells of other code not counted" in told
    assert "kiosk/day, middle-price: 1 earlier cell of other code not counted" in told

    runs = [Run.open(record.parent) for record in tmp_path.glob("runs/kiosk/day/still/*/run.json")]
    apart = data_of_runs(runs).facts
    assert len(apart.scenarios) == 2, "a report does not pool them either"
    assert all("(code " in name for name in apart.scenarios)

    file.write_text(original)
    third, _ = compared(tmp_path)
    assert ids(third) == ids(first), "the first program again: its cells are there"
    assert len(list(tmp_path.glob("runs/cells/*/cell.json"))) == 8
