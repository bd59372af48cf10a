"""Links, pipes and devices in what a stranger sends: nothing outside is touched, nothing is waited for.

A run directory, a comparison and a search may come as an archive, whose entries may be links to anywhere.
"""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from calls import Outcome

from sandbox.api.errors import DamagedRunError, SandboxError
from sandbox.report.data import read_report_data
from sandbox.runs.directory import Run, runs
from sandbox.runs.verify import find_damages
from sandbox.runs.writer import RunWriter
from sandbox.ui.library import Library
from sandbox.ui.server import make_app

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")

OLD = Path(__file__).parents[1] / "fixtures" / "runs-0.1"
SECRET = b"the user's own words\n"
TOKEN = "t" * 43


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Files of the user that no run may touch."""
    folder = tmp_path / "outside"
    (folder / "inner").mkdir(parents=True)
    for name in ("file", "inner/file", "000000000128", "picture.png", "replay.json"):
        (folder / name).write_bytes(SECRET)
    return folder


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file with its content and time of change."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    } | {path.relative_to(folder).as_posix(): (b"", 0) for path in folder.rglob("*") if path.is_dir()}


def copied(kind: str, tmp_path: Path, pattern: str = "toy/*/*/*") -> Path:
    root = tmp_path / "runs"
    shutil.copytree(OLD / kind, root, dirs_exist_ok=True)
    (folder,) = root.glob(pattern)
    return folder


def put(folder: Path, name: str, make: Callable[[Path], None]) -> None:
    """Put something in the place of an entry."""
    path = folder / name
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    make(path)


ENTRIES = {
    ".lock": "file",
    "run.json": "file",
    "progress.jsonl": "file",
    "artifacts.json": "file",
    "evaluation.json": "file",
    "checkpoints": "inner",
    "checkpoints/000000000128": "inner",
    "checkpoints/000000000192/manifest.json": "file",
    "checkpoints/000000000192/state": "inner",
    "policy": "inner",
    "replays": ".",
    "tensorboard": "inner",
    ".best.tmp": "inner",
    "picture.png": "picture.png",
    "nowhere": "missing",
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_link_in_a_run_directory_is_refused_and_nothing_outside_is_touched(
    entry: str, tmp_path: Path, outside: Path, sandbox: Callable[..., Outcome]
) -> None:
    folder = copied("interrupted", tmp_path)
    put(folder, entry, lambda path: path.symlink_to(outside / ENTRIES[entry]))
    before = content(outside)
    outcomes = [
        sandbox("resume", folder, "--json", "--quiet"),
        sandbox("eval", folder, "--episodes", 1, "--json", "--quiet"),
        sandbox("report", folder, "--json"),
        sandbox("runs", "show", folder, "--json"),
        sandbox("runs", "check", folder, "--json"),
        sandbox("run", "--from", folder, "--json", "--quiet"),
    ]
    for outcome in outcomes:
        assert outcome.code == 2
        assert outcome.document["error"]["kind"] == "damaged-run"
        assert "link" in outcome.document["error"]["message"]
    assert content(outside) == before


def test_a_run_with_a_link_is_listed_as_damaged_and_can_be_removed(
    tmp_path: Path, outside: Path, sandbox: Callable[..., Outcome]
) -> None:
    folder = copied("interrupted", tmp_path)
    put(folder, "checkpoints", lambda path: path.symlink_to(outside))
    before = content(outside)
    listed = sandbox("runs", "--runs-dir", tmp_path / "runs", "--json")
    assert [run["status"] for run in listed.document["runs"]] == ["damaged"]
    assert "is a link" in listed.document["runs"][0]["error"]
    assert sandbox("runs", "rm", folder, "--yes", "--json").code == 0
    assert not folder.exists()
    assert content(outside) == before


@pytest.mark.parametrize(
    "entry", ["progress.jsonl", "checkpoints", "checkpoints/000000000192/weights.safetensors"]
)
def test_a_pipe_in_a_run_directory_is_refused_and_not_waited_for(entry: str, tmp_path: Path) -> None:
    folder = copied("interrupted", tmp_path)
    put(folder, entry, os.mkfifo)
    for work in (
        lambda: Run.open(folder),
        lambda: RunWriter.reopen(folder),
        lambda: read_report_data([folder]),
    ):
        with pytest.raises(DamagedRunError, match="no regular file"):
            work()
    assert find_damages(folder)


def page_of(root: Path) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from starlette.testclient import TestClient
    page = TestClient(make_app(root, TOKEN), base_url="http://127.0.0.1")
    page.get("/", params={"token": TOKEN})
    return page


@pytest.mark.parametrize(
    "entry", ["progress.jsonl", "replays", "picture.png", "report.html", "evaluation.json"]
)
def test_the_page_shows_nothing_that_a_link_points_to(entry: str, tmp_path: Path, outside: Path) -> None:
    folder = copied("evaluated", tmp_path)
    root = tmp_path / "runs"
    (outside / "file").write_text('{"steps": 7, "return": 4711.0}\n')
    target = {"replays": ".", "picture.png": "picture.png"}.get(entry, "file")
    put(folder, entry, lambda path: path.symlink_to(outside / target))
    page: object = page_of(root)
    name = folder.relative_to(root).as_posix()
    asked = [
        ("/api/index", {}),
        ("/api/run", {"id": name}),
        ("/api/replay", {"id": name, "name": "replay.json"}),
        ("/file", {"id": name, "name": "picture.png"}),
        ("/file", {"id": name, "name": "replays/picture.png"}),
        ("/report", {"run": name}),
    ]
    for address, parameters in asked:
        answer = page.get(address, params=parameters)  # type: ignore[attr-defined]
        assert b"4711" not in answer.content, address
        assert SECRET.strip() not in answer.content, address
        assert answer.status_code in (200, 404, 422), address
    index = Library(root).index()
    assert [line["status"] for line in index["runs"]] == ["damaged"]


def test_new_lines_of_a_log_that_became_a_link_are_not_sent(tmp_path: Path, outside: Path) -> None:
    from sandbox.runs.directory import new_progress

    (outside / "file").write_text('{"steps": 7, "return": 4711.0}\n')
    log = tmp_path / "progress.jsonl"
    log.symlink_to(outside / "file")
    assert new_progress(log) == ([], 0)


def test_folders_above_a_run_that_are_links_do_not_appear_on_the_page(tmp_path: Path, outside: Path) -> None:
    shutil.copytree(OLD / "evaluated", outside / "runs")
    root = tmp_path / "runs"
    root.mkdir()
    (root / "toy").symlink_to(outside / "runs" / "toy")
    assert Library(root).index()["runs"] == []


def test_the_runs_directory_itself_may_be_a_link(tmp_path: Path) -> None:
    copied("evaluated", tmp_path)
    (tmp_path / "elsewhere").symlink_to(tmp_path / "runs")
    assert [isinstance(run, Run) for run in runs(tmp_path / "elsewhere")] == [True]
    assert [line["status"] for line in Library(tmp_path / "elsewhere").index()["runs"]] == ["done"]


GRID_ENTRIES = [
    *("cells", "cells/*", "cells/*/cell.json", "cells/*/.lock", "cells/*/episodes.parquet"),
    *("comparisons", "comparisons/*", "comparisons/*/comparison.json", "comparisons/*/grid.json"),
]


@pytest.mark.parametrize("entry", GRID_ENTRIES)
def test_a_link_in_a_comparison_is_refused_and_nothing_outside_is_touched(
    entry: str, tmp_path: Path, outside: Path, sandbox: Callable[..., Outcome]
) -> None:
    command = ("compare", "toy/corridor", "--algo", "reinforce", "--seeds", 1, "--steps", 64,
               "--launcher", "inline", "--json", "--quiet")  # fmt: skip
    assert sandbox(*command).code == 0
    root = tmp_path / "runs"
    pattern, _, name = entry.rpartition("/")
    folder = sorted(root.glob(pattern))[0] if pattern else root
    chosen = next(folder.glob(name), folder / name)
    target = outside if chosen.is_dir() else outside / "file"
    put(folder, chosen.name, lambda path: path.symlink_to(target))
    before = content(outside)
    outcomes = [sandbox(*command)]
    if pattern.startswith("comparisons/"):
        outcomes.append(sandbox("report", folder, "--json"))
    for outcome in outcomes:
        assert outcome.code == 2
        assert "is a link" in outcome.document["error"]["message"]
    assert content(outside) == before


STUDY_ENTRIES = [
    *("tuning", "tuning/*", "tuning/*/study.journal", "tuning/*/tuning.json", "tuning/*/trials"),
    *(f"tuning/*/trials/00000{name}" for name in ("", "/values.jsonl", "/result.json", "/prune")),
]


@pytest.mark.parametrize("entry", STUDY_ENTRIES)
def test_a_link_in_a_search_is_refused_and_nothing_outside_is_touched(
    entry: str, tmp_path: Path, outside: Path, sandbox: Callable[..., Outcome]
) -> None:
    pytest.importorskip("optuna")
    command = ("tune", "toy/corridor", "--algo", "reinforce", "--trials", 1, "--seeds", 1, "--steps", 64,
               "--num-envs", 2, "--retrain", 0, "--launcher", "inline", "--json", "--quiet")  # fmt: skip
    first = sandbox(*command)
    assert first.code == 0, first.err
    root = tmp_path / "runs"
    pattern, _, name = entry.rpartition("/")
    folder = next(root.glob(pattern)) if pattern else root
    chosen = next(folder.glob(name), folder / name)
    target = outside if chosen.is_dir() else outside / "file"
    put(folder, chosen.name, lambda path: path.symlink_to(target))
    before = content(outside)
    outcome = sandbox(*command)
    assert outcome.code == 2
    assert "is a link" in outcome.document["error"]["message"]
    assert content(outside) == before


def test_what_may_not_be_read_is_said_in_a_sentence(tmp_path: Path) -> None:
    folder = copied("interrupted", tmp_path)
    (folder / "notes").symlink_to("/dev/zero")
    with pytest.raises(SandboxError) as caught:
        Run.open(folder)
    assert (
        caught.value.message == f"'{folder / 'notes'}' is a link, and nothing in a run directory may be one."
    )
    assert "Remove it" in caught.value.hint


def test_links_in_a_circle_are_no_fault_of_the_page(tmp_path: Path) -> None:
    folder = copied("evaluated", tmp_path)
    (folder / "circle.png").symlink_to(folder / "circle.png")
    page: object = page_of(tmp_path / "runs")
    name = folder.relative_to(tmp_path / "runs").as_posix()
    answer = page.get("/file", params={"id": name, "name": "circle.png"})  # type: ignore[attr-defined]
    assert answer.status_code == 404


@pytest.mark.parametrize("name", ["a.nets", "a.nets.gz"])
@pytest.mark.parametrize("main", ["a.aux", "a.blocks"])
def test_files_beside_a_netlist_may_not_be_links_outside(main: str, name: str, tmp_path: Path) -> None:
    from sandbox.api.errors import BrokenFileError
    from sandbox_chip.config import ChipConfig
    from sandbox_chip.formats.reader import read_design

    folder = tmp_path / "design"
    folder.mkdir()
    (tmp_path / "secret").write_text("the user's own words")
    (folder / "a.aux").write_text("RowBasedPlacement : a.nodes a.nets a.pl a.scl\n")
    (folder / "a.blocks").write_text("NumSoftRectangularBlocks : 0\nNumHardRectilinearBlocks : 0\n")
    for target in (tmp_path / "secret", folder / name):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target)
        with pytest.raises(BrokenFileError, match=r"outside the folder|is not a path|is missing") as caught:
            read_design(ChipConfig(netlist=str(folder / main)))
        assert "own words" not in caught.value.message
