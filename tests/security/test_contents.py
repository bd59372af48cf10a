"""Documents from strangers whose checksums fit: what is in them is validated, a bad run hides no other."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from calls import Outcome

from sandbox.api.errors import InvalidValueError, SandboxError
from sandbox.report.data import read_report_data
from sandbox.report.page import html
from sandbox.runs.checksums import chain
from sandbox.runs.directory import Run
from sandbox.runs.verify import find_damages
from sandbox.ui.library import Library
from sandbox.ui.server import make_app

OLD = Path(__file__).parents[1] / "fixtures" / "runs-0.1"
HUGE = int("9" * 400)
TOKEN = "t" * 43


def sealed(document: dict[str, Any]) -> bytes:
    """As `sandbox.runs.checksums.seal`, but for content that it would refuse: NaN, half surrogate pairs."""
    blank = "0" * 64
    text = json.dumps({**document, "sha256": blank}, indent=2) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    head, _, tail = text.rpartition(blank)
    return (head + digest + tail).encode()


def change(file: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Edit a document; its own sum fits afterwards, and so does that in the list of the run's files."""
    document = json.loads(file.read_text())
    is_sealed = document.pop("sha256", None) is not None
    edit(document)
    content = sealed(document) if is_sealed else json.dumps(document).encode()
    file.write_bytes(content)
    list_again(file, content)


def list_again(file: Path, content: bytes) -> None:
    """Make the sum in ``artifacts.json`` fit a file."""
    listed = file.parent / "artifacts.json"
    if listed.is_file() and file.name in (files := json.loads(listed.read_text())["files"]):
        files[file.name] = [hashlib.sha256(content).hexdigest()]
        listed.write_bytes(sealed({"files": files}))


def log_of(folder: Path, entry: Any) -> None:
    """Replace the log by one line with this as its return; its checksum fits."""
    line, _ = chain(0, {"steps": 1, "return": 0})
    text = line[: line.index(', "crc"')].replace('"return": 0', f'"return": {entry}') + "}"
    import zlib

    content = f'{text[:-1]}, "crc": "{zlib.crc32(text.encode()):08x}"}}\n'.encode()
    (folder / "progress.jsonl").write_bytes(content)
    list_again(folder / "progress.jsonl", content)


def record(**entries: Any) -> Callable[[Path], object]:
    return lambda folder: change(folder / "run.json", lambda document: document.update(entries))


def scenario(**entries: Any) -> Callable[[Path], object]:
    return lambda folder: change(folder / "run.json", lambda document: document["scenario"].update(entries))


def evaluation(**entries: Any) -> Callable[[Path], object]:
    return lambda folder: change(folder / "evaluation.json", lambda document: document.update(entries))


def agent(**entries: Any) -> Callable[[Path], object]:
    return lambda folder: change(
        folder / "evaluation.json", lambda document: document["agents"]["ppo"].update(entries)
    )


def artifacts(document: Any) -> Callable[[Path], object]:
    return lambda folder: (folder / "artifacts.json").write_bytes(sealed(document))


RUNS: dict[str, Callable[[Path], object]] = {
    "half a surrogate pair in the title": scenario(title="a\ud800b"),
    "half a surrogate pair in the scenario's id": record(scenario_id="toy/\udfff"),
    "title that is a list": scenario(title=["a"]),
    "process number of 80 bits": record(process={"pid": 2**80, "host": "h", "started": "1"}),
    "process number below zero": record(process={"pid": -1, "host": "h", "started": "1"}),
    "process that is a number": record(process=7),
    "seed of 400 digits": record(seed=HUGE),
    "steps of 400 digits": record(steps_done=HUGE),
    "setting of 400 digits": record(hyperparameters={"gamma": HUGE}),
    "weight that is text": record(reward={"eaten": "much"}),
    "seconds of 400 digits": record(seconds=HUGE),
    "seconds that are no number": record(seconds=float("nan")),
    "best that is infinite": record(best={"steps": 1, "metric": float("inf")}),
    "packages that are numbers": record(packages={"numpy": 2}),
    "command of numbers": record(command=[1, 2]),
    "status that there is none of": record(status="glorious"),
    "references of another shape": scenario(references=[{"name": 1}]),
    "metric of another shape": record(metric=["duration"]),
    "NaN among the results": agent(mean=float("nan")),
    "a result of 400 digits": agent(mean=HUGE),
    "an interval of one end": agent(ci95=[1.0]),
    "results without agents": evaluation(agents=[]),
    "episodes of 400 digits": evaluation(episodes=HUGE),
    "half a surrogate pair in the metric's name": evaluation(metric="\ud800"),
    "verdict that there is none of": agent(
        against_best_baseline={"baseline": "greedy", "difference": 1.0, "ci95": [0, 1], "verdict": "won"}
    ),
    "no list of sums": artifacts({}),
    "list of sums that is a list": artifacts({"files": ["run.json"]}),
    "sums of files outside": artifacts({"files": {"../../../secret": ["0" * 64]}}),
    "log with NaN": lambda folder: log_of(folder, "NaN"),
    "log with 400 digits": lambda folder: log_of(folder, HUGE),
    "log with text": lambda folder: log_of(folder, '"much"'),
    "log with half a surrogate pair": lambda folder: log_of(folder, '"\\ud800"'),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A runs directory with a good run and one to be spoilt."""
    shutil.copytree(OLD / "evaluated", tmp_path / "runs")
    shutil.copytree(OLD / "resumed", tmp_path / "runs", dirs_exist_ok=True)
    return tmp_path / "runs"


def spoilt(root: Path) -> Path:
    (folder,) = root.glob("toy/forage/ppo/*")
    return folder


def refused(work: Callable[[], object]) -> bool:
    """Whether work is refused with a sentence; anything but a sentence or a result fails the test."""
    try:
        work()
    except SandboxError as error:
        sentence = error.message
    else:
        return False
    assert "\n" not in sentence
    return bool(sentence.encode())


@pytest.mark.parametrize("attack", RUNS)
def test_a_run_with_bad_contents_is_called_damaged_and_hides_no_other(attack: str, root: Path) -> None:
    folder = spoilt(root)
    RUNS[attack](folder)
    damages = find_damages(folder)
    assert damages, "sandbox runs check says so"
    refused(lambda: html(read_report_data([folder])))
    index = Library(root).index()
    json.dumps(index, allow_nan=False, ensure_ascii=False).encode()
    assert [line["status"] for line in index["runs"] if "regulator" in line["id"]] == ["done"]
    assert len(index["runs"]) == 2


@pytest.mark.parametrize(
    "attack",
    ["half a surrogate pair in the title", "process number of 80 bits", "seed of 400 digits",
     "NaN among the results", "no list of sums", "log with 400 digits"],
)  # fmt: skip
def test_commands_explain_bad_contents(
    attack: str, root: Path, sandbox: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = spoilt(root)
    RUNS[attack](folder)
    listed = sandbox("runs", "--runs-dir", root, "--json")
    assert listed.code == 0
    assert len(listed.document["runs"]) == 2
    outcomes = [sandbox("runs", action, folder, "--json") for action in ("show", "check")]
    outcomes += [sandbox(command, folder, "--json") for command in ("report", "resume")]
    outcomes.append(sandbox("run", "--from", folder, "--json", "--quiet"))
    outcomes.append(sandbox("eval", folder, "--episodes", 1, "--json"))
    assert any(outcome.code == 2 for outcome in outcomes)
    for outcome in outcomes:
        if outcome.code:
            assert outcome.document["error"]["kind"] == "damaged-run", outcome.document["error"]


@pytest.mark.parametrize("attack", RUNS)
def test_the_page_shows_the_others(attack: str, root: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from starlette.testclient import TestClient
    folder = spoilt(root)
    RUNS[attack](folder)
    with TestClient(make_app(root, TOKEN), base_url="http://127.0.0.1") as page:
        page.get("/", params={"token": TOKEN})
        assert len(page.get("/api/index").json()["runs"]) == 2
        name = folder.relative_to(root).as_posix()
        assert page.get("/api/run", params={"id": name}).status_code in (200, 422)
        assert page.get("/report", params={"run": name}).status_code in (200, 422)


def test_a_directory_whose_name_is_not_utf_8_is_shown_with_a_question_mark(root: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from starlette.testclient import TestClient
    folder = spoilt(root)
    os.rename(os.fsencode(folder), os.fsencode(folder.parent) + b"/0-\xff\xfe")
    with TestClient(make_app(root, TOKEN), base_url="http://127.0.0.1") as page:
        page.get("/", params={"token": TOKEN})
        names = sorted(line["id"] for line in page.get("/api/index").json()["runs"])
    assert names[0] == "toy/forage/ppo/0-??"
    assert len(names) == 2


def test_a_runs_directory_whose_name_is_not_utf_8_is_refused(
    tmp_path: Path, sandbox: Callable[..., Outcome]
) -> None:
    from sandbox.training.train import train

    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/runs-\xff"))
    with pytest.raises(InvalidValueError, match="not UTF-8"):
        train("toy/corridor", "reinforce", steps=64, runs_dir=root)
    assert not root.exists()


CHECKPOINTS: dict[str, Callable[[Path], object]] = {
    "folder named by a superscript": lambda folder: (folder / "²").mkdir(),
    "folder of 400 digits": lambda folder: (folder / ("9" * 200)).mkdir(),
    "manifest without files": lambda folder: (newest(folder) / "manifest.json").write_bytes(
        sealed({"steps": 192})
    ),
    "manifest of files outside": lambda folder: change(
        newest(folder) / "manifest.json", lambda document: document["files"].update({"../x": "0" * 64})
    ),
    "steps of 400 digits": lambda folder: change(
        newest(folder) / "manifest.json", lambda document: document.update(steps=HUGE)
    ),
    "state of another shape": lambda folder: state(folder, lambda tree: tree.update(steps="many")),
    "state without its place in the log": lambda folder: state(folder, lambda tree: tree.pop("progress")),
    "place in the log below zero": lambda folder: state(
        folder, lambda tree: tree["progress"].update(bytes=-1)
    ),
}


def newest(checkpoints: Path) -> Path:
    return max(path for path in checkpoints.iterdir() if path.name.isascii() and len(path.name) == 12)


def state(checkpoints: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Change the run's own state in the newest checkpoint; its sum fits afterwards."""
    folder = newest(checkpoints)
    file = folder / "training.json"
    tree = json.loads(file.read_text())
    edit(tree)
    file.write_text(json.dumps(tree))
    sums = {file.name: hashlib.sha256(file.read_bytes()).hexdigest()}
    change(folder / "manifest.json", lambda document: document["files"].update(sums))


@pytest.mark.parametrize("attack", CHECKPOINTS)
def test_a_bad_checkpoint_is_left_out_and_the_one_before_is_taken(
    attack: str, tmp_path: Path, sandbox: Callable[..., Outcome]
) -> None:
    shutil.copytree(OLD / "interrupted", tmp_path / "runs")
    (folder,) = (tmp_path / "runs").glob("toy/*/*/*")
    CHECKPOINTS[attack](folder / "checkpoints")
    outcome = sandbox("resume", folder, "--json", "--quiet")
    assert outcome.code == 0, outcome.err
    (stop,) = Run.open(folder).record.resumed
    assert stop.steps == (192 if attack.startswith("folder") else 128)


GRIDS: dict[str, Callable[[dict[str, Any]], object]] = {
    "title with half a surrogate pair": lambda document: document.update(title="\ud800"),
    "NaN among the scores": lambda document: scores(document).update(mean=float("nan")),
    "a score of 400 digits": lambda document: scores(document).update(iqm=HUGE),
    "scores close to infinity": lambda document: scores(document).update(iqm=1e308, ci95=[-1e308, 1e308]),
    "cells that are numbers": lambda document: document.update(cells=[1]),
    "a cell outside": lambda document: document["cells"][0].update(run_dir="../../../secret"),
    "status that there is none of": lambda document: document.update(status="glorious"),
    "a curve of unlike columns": lambda document: curve(document).update(mean=[1.0] * 99),
    "another format": lambda document: document.update(format=2**80),
}


def scores(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["scores"]["toy/corridor"]["still"]
    return found


def curve(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["curves"]["toy/corridor"]["still"]["validation"]
    return found


@pytest.mark.parametrize("attack", GRIDS)
def test_a_comparison_with_bad_contents_is_called_damaged(attack: str, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    shutil.copytree(OLD / "grid", root)
    (folder,) = (root / "comparisons").iterdir()
    change(folder / "comparison.json", GRIDS[attack])
    called = refused(lambda: html(read_report_data([folder])))
    assert called == (attack not in ("a cell outside", "scores close to infinity"))
    index = Library(root).index()
    assert [grid["status"] for grid in index["grids"]] == ["damaged" if called else "incomplete"]
    assert len(index["runs"]) == 6
    json.dumps(index, allow_nan=False, ensure_ascii=False).encode()
