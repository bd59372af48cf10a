"""Runs in MLflow and Weights & Biases: what is there afterwards; and that their failure is not the run's."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox.api.errors import MissingExtraError, UnknownNameError
from sandbox.runs.directory import Run, progress
from sandbox.training.tracking import TensorBoard, check_trackers
from sandbox.training.train import train


def test_unknown_and_missing_trackers_are_refused_before_anything_is_written(
    toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnknownNameError, match="tracker 'mlfow'"):
        train("toy/corridor", "reinforce", steps=100, runs_dir=tmp_path, track=["mlfow"])
    monkeypatch.setattr("sandbox.training.tracking.missing_modules", list)
    with pytest.raises(MissingExtraError) as caught:
        check_trackers(["wandb"])
    assert caught.value.hint == 'pip install "sandbox-rl[wandb]"'
    assert not list(tmp_path.iterdir())


def test_tensorboard_reads_what_is_written_and_forgets_what_was_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accumulating = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    writing = pytest.importorskip("tensorboard.summary.writer.event_file_writer")
    # The ninth and the tenth file of a process have names that sort the wrong way within a second.
    monkeypatch.setattr(writing, "_global_uid", writing.AtomicCounter(9))
    while time.time() % 1 > 0.5:  # enough of a second is left for both
        time.sleep(0.02)
    board = TensorBoard(tmp_path)
    for step in (10, 20, 30):
        board.add(step, {"return": step / 10, "train/loss": math.nan})
    board.close()
    again = TensorBoard(tmp_path, again_from=21)
    again.add(30, {"return": -1.0})
    again.close()
    reader = accumulating.EventAccumulator(str(tmp_path)).Reload()
    assert reader.Tags()["scalars"] == ["return"]
    assert [(one.step, one.value) for one in reader.Scalars("return")] == [(10, 1.0), (20, 2.0), (30, -1.0)]


def test_tensorboard_is_written_without_torch(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    code = (
        "import sys; from pathlib import Path; from sandbox.training.tracking import TensorBoard\n"
        "board = TensorBoard(Path(sys.argv[1])); board.add(1, {'return': 1.0}); board.close()\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert len(list(tmp_path.glob("events.out.tfevents.*"))) == 1


def test_a_run_is_found_in_mlflow_with_its_settings_and_curve(
    toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    run = train("toy/corridor", "reinforce", seed=3, steps=1500, runs_dir=tmp_path / "runs", track=["mlflow"])
    from mlflow.tracking import MlflowClient

    client = MlflowClient()
    experiment = client.get_experiment_by_name("toy/corridor")
    assert experiment is not None
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.status == "FINISHED"
    assert found.data.params["seed"] == "3"
    assert found.data.params["scenario_hash"] == run.record.scenario_hash
    assert found.data.tags["sandbox.run"] == run.path.name
    assert client.get_metric_history(found.info.run_id, "steps") == []
    curve = [one for one in progress(run) if "validation/metric/steps" in one]
    history = client.get_metric_history(found.info.run_id, "validation/metric/steps")
    assert sorted((one.step, one.value) for one in history) == [
        (one["steps"], one["validation/metric/steps"]) for one in curve
    ]


def test_a_run_is_written_for_wandb_without_a_network(
    toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    run = train("toy/corridor", "reinforce", steps=1500, runs_dir=tmp_path, track=["wandb"])
    (folder,) = (run.path / "wandb").glob("offline-run-*")
    (file,) = folder.glob("*.wandb")
    assert folder.name.endswith(f"reinforce-{run.path.name}")
    content = file.read_bytes()
    assert b"validation/metric/steps" in content
    assert b"toy/corridor" in content


def test_a_tracker_that_fails_is_told_once_and_training_goes_on(
    toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*arguments: object) -> None:
        raise ConnectionError("the server is away")

    monkeypatch.setattr("sandbox.training.tracking.missing_modules", lambda names: [])
    monkeypatch.setattr("sandbox.training.tracking.MLflow", away)
    told: list[str] = []

    class Ears:
        def message(self, text: str) -> None:
            told.append(text)

        def __getattr__(self, name: str) -> object:
            return lambda *arguments: None

    run: Run = train(
        "toy/corridor", "reinforce", steps=1500, runs_dir=tmp_path, track=["mlflow"], progress=Ears()
    )
    assert run.status == "done"
    assert [text for text in told if "Tracking" in text] == [
        "Tracking with mlflow has stopped (ConnectionError: the server is away); training goes on."
    ]
