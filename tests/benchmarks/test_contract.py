"""The faults that are seeded into domains are still where the benchmark looks for them; one is caught."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.contract import MUTATIONS, ROOT, TARGETS, failing


def test_every_fault_can_be_seeded() -> None:
    assert len(MUTATIONS) >= 40
    for fault in MUTATIONS:
        text = (ROOT / TARGETS[fault.target].source / fault.file).read_text()
        assert fault.before in text, fault.what
        assert fault.before != fault.after


def test_a_seeded_fault_is_caught(tmp_path: Path) -> None:
    target = TARGETS["elevator"]
    folder = tmp_path / "sandbox_elevator"
    shutil.copytree(ROOT / target.source, folder)
    assert failing(folder, target, "elevator/car", lock=True) == []
    (fault,) = [each for each in MUTATIONS if each.what == "demand depends on actions"]
    file = folder / fault.file
    file.write_text(file.read_text().replace(fault.before, fault.after))
    assert set(failing(folder, target, "elevator/car")) == {"outer-events", "locked"}
