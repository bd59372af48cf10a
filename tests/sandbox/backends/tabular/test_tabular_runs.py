"""Whole runs: stopped and resumed, refused, and the exact optimum of an inventory."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

import sandbox
from sandbox.api.errors import MisfitError
from sandbox.backends.tabular.temporal_difference import TableLearner
from sandbox.registry.discover import registry
from sandbox.runs.directory import Run
from sandbox.training.train import train
from sandbox.workflow import resume

TOYS = Path(__file__).parents[3] / "toys" / "plugin.py"


@pytest.fixture(autouse=True)
def toys(monkeypatch, tmp_path):
    """The toy tasks, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SANDBOX_PLUGINS", str(TOYS))
    registry.cache_clear()
    yield
    registry.cache_clear()


def interrupted(iterate, calls):
    """An iteration that asks for a stop with a call in the middle of an episode."""
    left = [calls]

    def iterate_and_interrupt(self):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGTERM)
        return iterate(self)

    return iterate_and_interrupt


@pytest.mark.parametrize("algorithm", ["q-learning", "sarsa", "dyna-q"])
def test_a_stopped_run_goes_on_to_the_same_table(tmp_path, monkeypatch, algorithm):
    settings = {"steps": 1_500, "num_envs": 3, "seed": 4}
    whole = train("toy/shelf", algorithm, runs_dir=tmp_path / "whole", **settings)
    with monkeypatch.context() as patch:
        patch.setattr(TableLearner, "iterate", interrupted(TableLearner.iterate, 170))
        with pytest.raises(KeyboardInterrupt):
            train("toy/shelf", algorithm, runs_dir=tmp_path / "stopped", **settings)
    (record,) = (tmp_path / "stopped").rglob("run.json")
    stopped = Run.open(record.parent)
    assert stopped.record.steps_done == 3 * 170
    resumed = resume(stopped.path)
    assert resumed.record.steps_done == whole.record.steps_done
    np.testing.assert_array_equal(resumed.policy.values, whole.policy.values)
    np.testing.assert_array_equal(resumed.policy.states, whole.policy.states)


@pytest.mark.parametrize("algorithm", ["value-iteration", "policy-iteration"])
def test_a_task_without_a_model_is_refused_and_those_that_have_one_are_named(algorithm):
    with pytest.raises(MisfitError, match="needs the task's finite model, and the task offers none") as error:
        train("toy/corridor", algorithm)
    assert "toy/shelf" in error.value.hint
    assert not list(Path().rglob("run.json"))


def test_exact_and_learned_tables_are_run_and_evaluated():
    run = sandbox.train("toy/shelf", "policy-iteration", steps=100)
    assert run.status == "done"
    assert run.record.steps_done < 10
    table = sandbox.evaluate([run, "fill"], "toy/shelf", episodes=20)
    assert np.mean(table.values("policy-iteration")) > np.mean(table.values("fill"))


def test_learning_goes_on_from_a_saved_table():
    solved = sandbox.train("toy/shelf", "policy-iteration", steps=100)
    frozen = {"learning_rate": 1e-12, "gamma": 0.95}
    tuned = train("toy/shelf", "q-learning", init_from=solved.path, steps=200, num_envs=2, hp=frozen)
    finite = np.isfinite(solved.policy.values)
    np.testing.assert_allclose(tuned.policy.values[finite], solved.policy.values[finite])


def test_a_table_of_another_task_is_no_start_and_a_solver_takes_none():
    solved = sandbox.train("toy/shelf", "policy-iteration", steps=100)
    with pytest.raises(MisfitError, match="other actions or observations"):
        train("toy/shelf", "sarsa", init_from=solved.path, changes=["config.capacity=7"], steps=100)
    with pytest.raises(MisfitError, match="starts from no policy"):
        train("toy/shelf", "value-iteration", init_from=solved.path)
