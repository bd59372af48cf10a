"""Each command's JSON document has the promised keys, and its text says the same to people."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from calls import Outcome, files

from sandbox.records.words import RULE
from sandbox.registry.discover import registry
from sandbox.runs.checksums import seal, unseal

Sandbox = Callable[..., Outcome]

RUN_KEYS = {"scenario", "run_dir", "algorithm", "seed", "steps", "train_seconds", "steps_per_second"}
SHORT = ("--steps", "400", "--set", "evaluation.validations=1", "--quiet")

LIST_KEYS = {
    "domains": {"name", "title", "tasks", "default_scenario", "available"},
    "scenarios": {"id", "task", "title", "metric", "agents"},
    "suites": {"id", "title", "scenarios", "algorithms", "seeds", "error"},
    "algorithms": {"name", "family", "backend", "available"},
    "baselines": {"task", "name"},
    "plugins": {"name", "group", "distribution", "version", "status", "error"},
}


def test_list_holds_everything(sandbox: Sandbox) -> None:
    document = sandbox("list", "--json").document
    assert set(document) == set(LIST_KEYS) - {"suites"}
    assert "toy/corridor" in [scenario["id"] for scenario in document["scenarios"]]
    assert "ppo" in [algorithm["name"] for algorithm in document["algorithms"]]
    assert {"task": "toy/corridor", "name": "optimal"} in document["baselines"]


@pytest.mark.parametrize("kind", LIST_KEYS)
def test_list_of_one_kind_holds_only_that(kind: str, sandbox: Sandbox) -> None:
    document = sandbox("list", kind, "--json").document
    assert list(document) == [kind]
    assert document[kind]
    for item in document[kind]:
        assert LIST_KEYS[kind] <= set(item)
    text = sandbox("list", kind).out
    for item in document[kind]:
        assert str(item.get("name") or item["id"]) in text


def test_broken_scenario_is_named_by_list_and_doctor_and_harms_no_other(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "scenarios/toy").mkdir(parents=True)
    (tmp_path / "scenarios/toy/broken.yaml").write_text("a: [1\n")
    listed = sandbox("list", "scenarios")
    assert "The scenario toy/broken cannot be used" in listed.out
    assert "broken.yaml, line 2" in listed.out
    ids = [scenario["id"] for scenario in sandbox("list", "scenarios", "--json").document["scenarios"]]
    assert "toy/corridor" in ids
    assert "toy/broken" not in ids
    assert any("toy/broken" in resolved for resolved in sandbox("doctor", "--json").document["problems"])


def test_info_states_spaces_reward_metrics_baselines_and_parameters(sandbox: Sandbox) -> None:
    document = sandbox("info", "toy/corridor", "--json").document
    assert document["scenario"] == "toy/corridor"
    assert document["spaces"] == {
        "agent": {"observation": "1 number in [0, 1]", "action": "one of 2 choices (0 to 1)"}
    }
    assert document["reward"]["preset"] == "steps"
    assert [term["weight"] for term in document["reward"]["presets"]["goal"] if term["weight"]] == [1.0]
    assert document["metric"] == "steps"
    assert [baseline["name"] for baseline in document["baselines"]] == ["optimal", "epsilon-right"]
    assert document["references"][0]["value"] == pytest.approx(11.65685424949238)
    assert document["seeds"]["test"] == [0, 100_000]
    horizon = next(field for field in document["config"] if field["name"] == "horizon")
    assert horizon["allowed"].startswith("≥ 1")
    assert len(document["hash"]) == 64


def test_info_says_whether_a_stopped_training_goes_on_exactly(sandbox: Sandbox) -> None:
    assert sandbox("info", "toy/forage", "--json").document["resume"] == "replay"
    assert sandbox("info", "toy/corridor", "--json").document["resume"] == "state"
    assert "played again from its seed and actions" in sandbox("info", "toy/forage").out
    object.__setattr__(registry().task("toy/stall"), "resume", "none")
    assert sandbox("info", "toy/stall", "--json").document["resume"] == "none"
    assert "not exact" in sandbox("info", "toy/stall").out


def test_info_shows_what_overrides_change(sandbox: Sandbox) -> None:
    plain = sandbox("info", "toy/corridor", "--json").document
    changed = sandbox("info", "toy/corridor", "--set", "horizon=7", "--reward", "step=-2", "--json").document
    assert next(field for field in changed["config"] if field["name"] == "horizon")["value"] == 7
    assert {term["name"]: term["weight"] for term in changed["reward"]["terms"]} == {
        "step": -2.0,
        "goal": 0.0,
    }
    assert changed["hash"] != plain["hash"]
    text = sandbox("info", "toy/corridor", "--set", "horizon=7").out
    assert "7 (default 2000)" in text


@pytest.mark.parametrize("scenario", ["toy/regulator", "toy/forage", "toy/tag", "toy/stall", "traffic"])
def test_info_reads_within_eighty_columns(
    scenario: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    outcome = sandbox("info", scenario)
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    too_long = [line for line in lines if len(line) > 80 and not line.startswith(("File ", "Next: "))]
    assert too_long == []
    for section in ("Spaces", "Reward: preset", "Metrics (ranked by", "Baselines", "Parameters"):
        assert any(line.startswith(section) for line in lines)


def test_run_trains_and_compares_with_every_baseline(sandbox: Sandbox, tmp_path: Path) -> None:
    outcome = sandbox("run", "toy/corridor", "--algo", "reinforce", "--episodes", 8, "--json", *SHORT)
    assert outcome.code == 0, outcome.err
    document = outcome.document
    assert set(document) == RUN_KEYS | {"evaluation"}
    evaluation = document["evaluation"]
    assert {"metric", "unit", "better", "episodes", "seeds", "agents"} <= set(evaluation)
    assert evaluation["seeds"] == list(range(8))
    assert set(evaluation["agents"]) == {"reinforce", "reinforce-best", "optimal", "epsilon-right", "random"}
    for agent in evaluation["agents"].values():
        assert {"mean", "std", "ci95", "metrics", "reward_terms", "return"} <= set(agent)
        low, high = agent["ci95"]
        assert low <= agent["mean"] <= high
        assert agent["return"] == pytest.approx(-agent["metrics"]["steps"])
    record = json.loads((tmp_path / document["run_dir"] / "run.json").read_text())
    assert record["status"] == "done"
    assert record["command"][:4] == ["sandbox", "run", "toy/corridor", "--algo"]
    assert json.loads((tmp_path / document["run_dir"] / "evaluation.json").read_text()) == evaluation


def test_run_shows_the_verdict_and_where_everything_is(sandbox: Sandbox) -> None:
    outcome = sandbox("run", "toy/corridor", "--algo", "reinforce", "--episodes", 8, *SHORT)
    assert outcome.code == 0, outcome.err
    for name in ("reinforce", "optimal", "epsilon-right", "random", "best baseline"):
        assert name in outcome.out
    assert "optimum" in outcome.out
    assert "11.66" in outcome.out
    words = " ".join(outcome.out.split())
    verdicts = ("reinforce beats ", "reinforce loses to ", "No clear difference between reinforce and ")
    assert sum(verdict + "the best baseline, " in words for verdict in verdicts) == 1
    assert RULE in words
    assert "Holm" not in words, "an evaluation corrects nothing"
    assert "Everything is in runs/toy/corridor/reinforce/0-" in words
    assert outcome.err == ""


def test_what_a_run_keeps_is_shown_with_the_verdict_that_it_got(sandbox: Sandbox) -> None:
    made = sandbox("run", "toy/corridor", "--algo", "reinforce", "--episodes", 8, *SHORT).out
    agents = [line.split()[0] for line in made.splitlines() if re.match(r" \w\S* +-?\d", line)]
    assert {"reinforce", "random"} < set(agents)
    words = " ".join(made.partition(" an agent, the same ones for all.")[2].split())
    verdict = re.search(r"(reinforce (beats|loses to)|No clear difference).*? called clear", words)
    assert verdict
    for again in (sandbox("runs", "show", "latest").out, sandbox("resume", "latest").out):
        results = again.partition("Results: steps")[2]
        kept = [line.split()[0] for line in results.splitlines() if re.match(r" \w\S* +-?\d", line)]
        assert kept == [name for name in agents if name in kept], "best first"
        assert {"reinforce", "random"} < set(kept)
        assert verdict[0] in " ".join(results.split())


def test_run_from_a_run_repeats_it_to_the_last_digit(sandbox: Sandbox, tmp_path: Path) -> None:
    options = ("--hp", "learning_rate=0.01", "--set", "horizon=300", "--seed", 5)
    first = sandbox(
        "run", "toy/corridor", "--algo", "reinforce", "--episodes", 6, "--json", *options, *SHORT
    ).document
    again = sandbox("run", "--from", first["run_dir"], "--json", "--quiet").document
    assert again["run_dir"] != first["run_dir"]
    assert (again["seed"], again["steps"]) == (5, first["steps"])
    assert again["evaluation"]["agents"] == first["evaluation"]["agents"]
    one, two = (json.loads((tmp_path / doc["run_dir"] / "run.json").read_text()) for doc in (first, again))
    for key in ("scenario", "scenario_hash", "hyperparameters", "num_envs", "algorithm"):
        assert one[key] == two[key]


def test_run_from_a_run_whose_scenario_has_changed_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    trained = sandbox("train", "toy/corridor", "--algo", "reinforce", "--json", *SHORT).document
    file = tmp_path / trained["run_dir"] / "run.json"
    file.write_bytes(seal({**unseal(file.read_bytes()), "scenario_hash": "0" * 64}))
    outcome = sandbox("run", "--from", trained["run_dir"], "--json")
    assert outcome.code == 2
    assert "cannot be repeated" in outcome.document["error"]["message"]


@pytest.fixture
def trained(sandbox: Sandbox) -> dict[str, Any]:
    outcome = sandbox("train", "toy/corridor", "--algo", "reinforce", "--seed", 3, "--json", *SHORT)
    assert outcome.code == 0, outcome.err
    document: dict[str, Any] = outcome.document
    return document


def test_train_says_where_the_run_is(trained: dict[str, Any]) -> None:
    assert set(trained) == RUN_KEYS
    assert trained["run_dir"].startswith("runs/toy/corridor/reinforce/3-")
    assert trained["seed"] == 3
    assert trained["steps"] >= 400


def test_eval_plays_a_run_beside_a_baseline_on_the_runs_own_scenario(
    trained: dict[str, Any], sandbox: Sandbox
) -> None:
    before = {name for name in files(Path()) if not name.startswith("runs/episodes")}
    document = sandbox("eval", trained["run_dir"], "optimal", "--episodes", 4, "--json", "--quiet").document
    assert set(document) == RUN_KEYS | {"evaluation"}
    assert document["run_dir"] == trained["run_dir"]
    assert list(document["evaluation"]["agents"]) == ["reinforce", "optimal"]
    # What baselines played is kept for the next command; nothing else is written.
    assert {name for name in files(Path()) if not name.startswith("runs/episodes")} == before


def test_eval_of_baselines_alone_belongs_to_no_run(sandbox: Sandbox) -> None:
    document = sandbox(
        "eval", "random", "optimal", "--scenario", "toy/corridor", "--episodes", 4, "--json"
    ).document
    assert document["scenario"] == "toy/corridor"
    assert document["run_dir"] is None
    assert document["evaluation"]["best_baseline"] == "optimal"


def test_eval_is_the_same_twice(sandbox: Sandbox) -> None:
    argv = ("eval", "random", "optimal", "--scenario", "toy/corridor", "--episodes", 4, "--json", "--quiet")
    first, second = (sandbox(*argv).document["evaluation"] for _ in range(2))
    assert first["agents"] == second["agents"]


def test_runs_lists_shows_and_removes(trained: dict[str, Any], sandbox: Sandbox, tmp_path: Path) -> None:
    folder = trained["run_dir"]
    listed = sandbox("runs", "--json").document["runs"]
    assert [(run["run_dir"], run["status"]) for run in listed] == [(folder, "done")]
    assert Path(folder).name in sandbox("runs", "ls").out
    shown = sandbox("runs", "show", folder, "--json").document["runs"][0]
    assert shown["scenario_hash"] == sandbox("info", "toy/corridor", *SHORT[2:4], "--json").document["hash"]
    assert "learning_rate=" in sandbox("runs", "show", folder).out
    assert sandbox("runs", "rm", folder, "--yes", "--json").document == {"removed": [folder]}
    assert not (tmp_path / folder).exists()
    assert sandbox("runs", "--json").document == {"runs": []}


def test_damaged_run_is_listed_as_such_and_can_be_removed(
    trained: dict[str, Any], sandbox: Sandbox, tmp_path: Path
) -> None:
    record = tmp_path / trained["run_dir"] / "run.json"
    record.write_bytes(record.read_bytes()[:100])
    listed = sandbox("runs", "--json").document["runs"]
    assert [run["status"] for run in listed] == ["damaged"]
    assert "Damaged: " in sandbox("runs").out
    assert sandbox("runs", "rm", trained["run_dir"], "--yes").code == 0
    assert not record.parent.exists()


@pytest.mark.parametrize("text", ['{"metric": "steps"', "[]", '{"metric": 1, "unit": 2}', '{"agents": [1]}'])
def test_damaged_evaluation_of_a_run_is_called_so(
    text: str, trained: dict[str, Any], sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / trained["run_dir"] / "evaluation.json").write_text(text)
    for argv in (("runs", "show", trained["run_dir"]), ("run", "--from", trained["run_dir"])):
        outcome = sandbox(*argv, "--json")
        assert outcome.code == 2
        assert outcome.document["error"]["kind"] == "damaged-run"
        assert "evaluation.json" in outcome.document["error"]["message"]


def test_removing_one_wrong_name_removes_nothing(
    trained: dict[str, Any], sandbox: Sandbox, tmp_path: Path
) -> None:
    assert sandbox("runs", "rm", trained["run_dir"], "none", "--yes").code == 2
    assert (tmp_path / trained["run_dir"] / "run.json").is_file()


def test_doctor_finds_nothing_wrong_where_all_is_well(sandbox: Sandbox, tmp_path: Path) -> None:
    document = sandbox("doctor", "--json").document
    assert document["packages"]["gymnasium"]
    assert {"name": "toy", "missing": [], "install": None} in document["domains"]
    assert document["runs_dir"] == {"path": str(tmp_path / "runs"), "problem": None}
    assert not any("Runs cannot be kept" in scenario for scenario in document["problems"])
    assert files(tmp_path) == set()


def test_doctor_says_that_runs_cannot_be_kept(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    document = sandbox("doctor", "--runs-dir", "taken", "--json").document
    assert "is a file, not a folder" in document["runs_dir"]["problem"]
    assert any("Runs cannot be kept" in scenario for scenario in document["problems"])


def test_version_and_help(sandbox: Sandbox) -> None:
    assert sandbox("--version").out.startswith("sandbox-rl ")
    for argv in ((), ("--help",), ("run", "--help"), ("runs", "-h")):
        outcome = sandbox(*argv)
        assert outcome.code == 0
        assert outcome.out.startswith("Usage: sandbox")


def test_titles_from_a_file_cannot_steer_the_terminal(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "scenarios/toy").mkdir(parents=True)
    text = 'title: "a\\e[2Jb"\ntask: toy/corridor\nmetric: steps\nsources: ["c\\e[2Jd"]\n'
    (tmp_path / "scenarios/toy/mine.yaml").write_text(text)
    for argv in (("list", "scenarios"), ("info", "toy/mine")):
        out = sandbox(*argv).out
        assert "a [2Jb" in out
        assert "\x1b[2J" not in out


def test_help_says_in_a_whole_sentence_what_each_command_does(
    sandbox: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    commands = sandbox("--help").out.partition("Commands:")[2].strip().splitlines()
    assert len(commands) > 15
    assert [line for line in commands if not line.endswith(".") or line.endswith("...")] == []
