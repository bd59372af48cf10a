"""What exact solvers tell of their rounds, and what they refuse before a run begins."""

import json
from pathlib import Path

import pytest

import sandbox
from sandbox.api.errors import MisfitError
from sandbox.cli.main import main
from sandbox.registry.discover import registry

TOYS = Path(__file__).parents[3] / "toys" / "plugin.py"


@pytest.fixture(autouse=True)
def toys(monkeypatch, tmp_path):
    """The toy tasks, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SANDBOX_PLUGINS", str(TOYS))
    registry.cache_clear()
    yield
    registry.cache_clear()


def rounds(run, figure):
    """The figure of every record that has it, by round."""
    records = [json.loads(line) for line in (run.path / "progress.jsonl").read_text().splitlines()]
    return {record["steps"]: record[figure] for record in records if figure in record}


@pytest.mark.parametrize("algorithm", ["policy-iteration", "value-iteration"])
def test_every_round_is_recorded(algorithm):
    run = sandbox.train("toy/shelf", algorithm, steps=500)
    values = rounds(run, "train/value")
    assert list(values) == list(range(1, run.record.steps_done + 1))
    assert values[1] < values[run.record.steps_done]


def test_policy_iteration_prints_its_rounds(capsys):
    assert main(["train", "toy/shelf", "--algo", "policy-iteration", "--steps", "100"]) == 0
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Round ")]
    assert len(told) >= 3
    assert told[0].startswith("Round 1: value ")
    assert told[-1].endswith("states changed 0")


def test_a_solver_that_is_given_a_policy_leaves_no_run_behind():
    start = sandbox.train("toy/shelf", "policy-iteration", steps=100)
    with pytest.raises(MisfitError, match="value-iteration starts from no policy"):
        sandbox.train("toy/shelf", "value-iteration", init_from=start.path, runs_dir="others")
    assert not Path("others").exists()
