"""Grids: what exists is reused, what is missing runs, failures are results, killing loses nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from grids import TOYS, trivial

from sandbox.api.errors import InvalidValueError
from sandbox.cli.show.comparison import show_comparison
from sandbox.comparison.api import ComparisonResult, compare
from sandbox.comparison.cells import make_grid
from sandbox.comparison.records import read_cell
from sandbox.comparison.suites import Suite
from sandbox.comparison.table import Anchors, anchors
from sandbox.comparison.work import run_cell
from sandbox.launch import Launching
from sandbox.records.jobs import CellJob
from sandbox.scenarios.resolve import load_scenario

HERE = Launching("inline")
ONE = Launching(workers=1)


def run(suite: Suite, root: Path, **more: Any) -> ComparisonResult:
    return compare(suite, runs_dir=root, launching=more.pop("launching", HERE), **more)


def runs_of(root: Path) -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in root.glob("toy/*/*/*/run.json")]


def test_what_exists_is_reused_and_what_is_missing_runs(still: None, tmp_path: Path) -> None:
    first = run(trivial(baselines=["optimal"]), tmp_path)
    assert first.complete
    assert len(runs_of(tmp_path)) == 3
    stamps = {file: file.stat().st_mtime_ns for file in tmp_path.glob("cells/*/cell.json")}
    assert len(stamps) == 5  # three seeds, optimal and random

    again = run(trivial(baselines=["optimal"]), tmp_path)
    assert again.document["cells"] == first.document["cells"]
    more = run(trivial(baselines=["optimal"], seeds=4), tmp_path)
    assert len(runs_of(tmp_path)) == 4
    assert all(file.stat().st_mtime_ns == stamp for file, stamp in stamps.items())
    assert more.folder != first.folder
    assert not list(tmp_path.glob("cells/*/.lock"))


def test_figures_are_those_of_the_episodes(still: None, tmp_path: Path) -> None:
    """Values by hand from the table of episodes; the order is that of Sutton and Barto's example."""
    agents = [
        {"name": f"right-{p}", "algorithm": "still", "hyperparameters": {"right": p}} for p in (0.55, 0.95)
    ]
    # Random play is nearly optimal in the corridor, so the scale's one is put where noise cannot reach it.
    file = tmp_path / "corridor.yaml"
    file.write_text(
        "title: c\ntask: toy/corridor\nmetric: steps\nconfig: {horizon: 50}\nevaluation: {validations: 0}\n"
        "references: [{name: optimum, value: 6.0, source: made up}]\n"
    )
    suite = trivial(scenarios=[str(file)], agents=agents, baselines="all", episodes=100, seeds=2)
    done = run(suite, tmp_path)
    rows = pq.read_table(done.folder / "episodes.parquet").to_pylist()
    own = [
        [row["metric/steps"] for row in rows if row["agent"] == "right-0.55" and row["run_seed"] == seed]
        for seed in (0, 1)
    ]
    assert [len(values) for values in own] == [100, 100]
    score = done.scores("toy/corridor")["right-0.55"]
    assert score.values == pytest.approx([np.mean(values) for values in own])
    assert score.iqm == pytest.approx(np.mean(own))
    assert score.runs == 2

    random = np.mean([row["metric/steps"] for row in rows if row["agent"] == "random"])
    optimal = 6.0
    assert done.document["scenarios"]["toy/corridor"]["anchors"] == {
        "zero": {"name": "random", "value": random},
        "one": {"name": "optimum", "value": pytest.approx(optimal)},
        "axis": "linear",
    }
    assert score.normalised == pytest.approx((np.mean(own) - random) / (optimal - random))
    assert done.ranking("toy/corridor")[-1] in ("right-0.95", "epsilon-right")
    assert done.document["probability_of_improvement"]["right-0.55"]["right-0.95"]["p"] == 1.0
    assert done.document["exploratory"] is True

    baseline = {row["seed"]: row["metric/steps"] for row in rows if row["agent"] == "optimal"}
    paired = [row["metric/steps"] - baseline[row["seed"]] for row in rows if row["agent"] == "right-0.95"]
    against = done.scores("toy/corridor")["right-0.95"].against_best_baseline
    assert against is not None
    if against.baseline == "optimal":
        assert against.difference == pytest.approx(np.mean(paired))
    assert against.verdict == "worse" or (against.p_holm or 0) >= 0.05


def test_few_episodes_give_neither_interval_nor_verdict_whatever_the_p_value(
    still: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agents = [{"name": "right", "algorithm": "still", "hyperparameters": {"right": 0.01}}]
    done = run(trivial(agents=agents, baselines="all", episodes=4, seeds=1), tmp_path)
    scores = done.scores("toy/corridor")
    assert {score.ci95 for score in scores.values()} == {(None, None)}
    differences = [row for score in scores.values() if (row := score.against_best_baseline) is not None]
    assert min(row.p_holm for row in differences if row.p_holm is not None) < 0.05
    assert {(row.verdict, row.ci95) for row in differences} == {("unclear", (None, None))}
    assert scores["right"].beats == ()
    chances = done.record.probability_of_improvement["right"]
    assert {chance.ci95 for chance in chances.values()} == {None}, "one run each: nothing to draw again"
    show_comparison(done)
    printed = capsys.readouterr().out
    assert "95 % interval]" not in printed
    assert "4 test episodes an agent: under 5 there is no 95 % interval." in printed


def test_a_failed_cell_is_listed_and_runs_again_on_demand_only(still: None, tmp_path: Path) -> None:
    agents = ["still", {"name": "bad", "algorithm": "still", "hyperparameters": {"fail": True}}]
    done = run(trivial(agents=agents, seeds=1), tmp_path)
    assert not done.complete
    bad = next(cell for cell in done.document["cells"] if cell["agent"] == "bad")
    assert bad["status"] == "failed"
    assert "asked to fail" in bad["error"]
    assert (tmp_path / bad["run_dir"] / "run.json").is_file()
    assert done.document["failed"] == 1
    assert bad["attempts"] == 1
    again = run(trivial(agents=agents, seeds=1), tmp_path)
    assert next(c for c in again.document["cells"] if c["agent"] == "bad")["attempts"] == 1
    retried = run(trivial(agents=agents, seeds=1), tmp_path, retry=True)
    assert next(c for c in retried.document["cells"] if c["agent"] == "bad")["attempts"] == 2
    assert next(c for c in retried.document["cells"] if c["agent"] == "still")["attempts"] == 1


def test_a_cell_whose_process_dies_runs_again(still: None, tmp_path: Path) -> None:
    settings = {"die_unless": str(tmp_path / "died")}
    agents = [{"algorithm": "still", "hyperparameters": settings}]
    done = run(trivial(agents=agents, seeds=1), tmp_path / "runs", launching=ONE)
    assert done.complete
    assert len(runs_of(tmp_path / "runs")) == 1


def test_shards_together_are_the_whole_grid(still: None, tmp_path: Path) -> None:
    first = run(trivial(seeds=4), tmp_path, shard="1/2")
    assert [cell["status"] for cell in first.document["cells"]] == ["done", "missing"] * 2
    second = run(trivial(seeds=4), tmp_path, shard="2/2")
    assert second.complete
    assert second.folder == first.folder


def test_a_damaged_cell_is_made_again(still: None, tmp_path: Path) -> None:
    run(trivial(seeds=1), tmp_path)
    file = next(tmp_path.glob("cells/*/cell.json"))
    file.write_text(file.read_text()[:40])
    assert run(trivial(seeds=1), tmp_path).complete
    assert len(runs_of(tmp_path)) == 1, "its training was finished and is kept"


def test_a_worker_with_other_code_refuses_the_cell(still: None, tmp_path: Path) -> None:
    grid = make_grid(trivial(seeds=1), "compare")
    (cell,) = [cell for cell in grid.cells if cell.kind == "learned"]
    request = cell.request.changed(code="0" * 64)
    job = CellJob(root=str(tmp_path), cell=cell.id, kind=cell.kind, request=request)
    assert run_cell(job.to_json(), lambda values: None) == {"status": "failed"}
    record = read_cell(tmp_path, cell.id)
    assert record is not None
    assert record.error is not None
    assert "is not that of where the grid was made" in record.error
    assert runs_of(tmp_path) == []


def test_a_comparison_is_read_back(still: None, tmp_path: Path) -> None:
    done = run(trivial(seeds=1), tmp_path)
    assert ComparisonResult.open(done.folder).document == done.document
    shutil.rmtree(done.folder)


def test_a_plain_name_needs_algorithms(still: None, tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="no suite"):
        compare("toy/corridor", runs_dir=tmp_path)
    with pytest.raises(InvalidValueError, match="--quick"):
        compare("toy/corridor", ["still"], quick=True, runs_dir=tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_cells_leave_is_copied_to_a_store_record_last(still: None, tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    done = run(trivial(seeds=2), tmp_path / "runs", artifacts=f"file://{tmp_path / 'store'}")
    assert done.complete
    for cell in done.document["cells"]:
        for name in (f"cells/{cell['id']}/cell.json", f"{cell['run_dir']}/run.json"):
            assert (tmp_path / "store" / name).read_bytes() == (tmp_path / "runs" / name).read_bytes()
        copied = tmp_path / "store" / cell["run_dir"]
        times = [file.stat().st_mtime_ns for file in copied.rglob("*") if file.is_file()]
        assert max(times) <= (tmp_path / "store" / f"cells/{cell['id']}/cell.json").stat().st_mtime_ns
    with pytest.raises(InvalidValueError, match="artifacts"):
        run(trivial(seeds=2), tmp_path / "runs", artifacts="moon://there")


@pytest.mark.slow
def test_a_driver_that_is_killed_again_and_again_finishes_every_cell_once(tmp_path: Path) -> None:
    suite = tmp_path / "grid.yaml"
    suite.write_text(
        "title: t\nagents: [{algorithm: still, hyperparameters: {seconds: 0.2}}]\nsteps: 20\n"
        "baselines: none\nseeds: 12\nscenarios:\n  - id: toy/corridor\n"
        "    set: {horizon: 5, evaluation.episodes: 1, evaluation.validations: 0}\n"
    )
    command = [
        *(sys.executable, "-m", "sandbox.cli.main", "compare", str(suite), "--workers", "2", "--json", "-q"),
        *("--plugin", str(TOYS / "plugin.py"), "--plugin", str(TOYS / "still.py")),
        *("--runs-dir", str(tmp_path / "runs")),
    ]
    rng = np.random.default_rng(0)
    for _ in range(4):
        before = len(list(tmp_path.glob("runs/cells/*/cell.json")))
        driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while len(list(tmp_path.glob("runs/cells/*/cell.json"))) == before and time.monotonic() < deadline:
            if driver.poll() is not None:
                break
            time.sleep(0.02)
        time.sleep(rng.random() * 0.3)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    document = json.loads(done.stdout)
    assert document["status"] == "complete"
    finished = [record for record in runs_of(tmp_path / "runs") if record["status"] == "done"]
    assert sorted(record["seed"] for record in finished) == list(range(12))
    assert len({record["cell"] for record in finished}) == 12


def test_an_optimum_that_plays_is_measured_and_stands_before_a_typed_one() -> None:
    scenario = load_scenario("inventory/lost-sales-l1-p4")
    rule, played, chance = (
        SimpleNamespace(agent=agent, kind="baseline", values=np.array([value]))
        for agent, value in (("base-stock", 5.0), ("optimal", 4.0), ("random", 90.0))
    )
    typed = next(each.value for each in scenario.spec.references if each.name == "optimum")
    without: Any = {"base-stock": rule, "random": chance}
    assert anchors(scenario, without) == Anchors(90.0, typed, "random", "optimum", scenario.spec.score)
    everyone: Any = without | {"optimal": played}
    assert anchors(scenario, everyone) == Anchors(90.0, 4.0, "random", "optimal", scenario.spec.score)
