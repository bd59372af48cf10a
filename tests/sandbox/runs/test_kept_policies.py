"""Which policies of its training a run keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.runs import policies
from sandbox.runs.policies import drop_newer_policies, keep_policy, kept_policies, superfluous


def write(folder: Path) -> None:
    (folder / "policy.json").write_text("{}")
    (folder / "weights").write_bytes(bytes(100))


def kept(run: Path, steps: range, most: int) -> list[int]:
    for step in steps:
        keep_policy(run, step, write, most)
    return list(kept_policies(run))


@pytest.mark.parametrize(
    ("steps", "gone"),
    [((10, 20, 30), 10), ((10, 20, 25, 40), 20), ((5, 30, 60), 5), ((30, 40, 100), 30), ((7, 8), 7)],
)
def test_the_one_goes_that_leaves_the_smallest_gap(steps: tuple[int, ...], gone: int) -> None:
    assert superfluous(steps) == gone


def test_policies_stay_spread_over_training_and_the_newest_one_is_there(tmp_path: Path) -> None:
    steps = kept(tmp_path, range(100, 4100, 100), 5)
    assert len(steps) == 5
    assert steps[-1] == 4000
    gaps = [after - before for before, after in zip([0, *steps], steps, strict=False)]
    assert max(gaps) <= 3 * min(gaps)


def test_large_policies_are_fewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "MAX_BYTES", 350)
    assert len(kept(tmp_path / "three", range(1, 9), 10)) == 3
    monkeypatch.setattr(policies, "MAX_BYTES", 50)
    assert kept(tmp_path / "none", range(1, 3), 10) == []


def test_what_was_trained_after_a_checkpoint_goes_with_it(tmp_path: Path) -> None:
    assert kept(tmp_path, range(1, 5), 10) == [1, 2, 3, 4]
    drop_newer_policies(tmp_path, 2)
    assert list(kept_policies(tmp_path)) == [1, 2]


def test_a_folder_without_a_policy_is_none(tmp_path: Path) -> None:
    (tmp_path / policies.FOLDER / "000000000007").mkdir(parents=True)
    (tmp_path / policies.FOLDER / "notes").mkdir()
    assert kept_policies(tmp_path) == {}
