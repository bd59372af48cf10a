"""From a recorded log to the policy that is to be used, or refused, on the command line."""

import json
from pathlib import Path

import pytest


@pytest.fixture
def log(sandbox):
    pytest.importorskip("minari")

    def write(*options, episodes=60):
        done = sandbox(
            "record", "toy/shelf", "--agent", "fill", "--episodes", episodes, "--json", "-q", *options
        )
        assert done.code == 0, done.err
        return Path(done.document["folder"])

    return write


def test_a_log_with_exploration_gives_a_run_that_eval_opens(sandbox, log):
    options = ("--scenario", "toy/shelf", "--algo", "lspi", "--gamma", 0.9, "--json", "-q")
    done = sandbox("improve", log("--explore", 0.5), *options)
    assert done.code == 0, done.err
    document = done.document
    assert document["episodes"] == {"train": 30, "held_out": 30}
    assert set(document["candidates"]["lspi"]["estimates"]) == {
        "fitted_q",
        "chained",
        "doubly_robust",
        "weighted_importance_sampling",
        "importance_sampling",
    }
    assert (document["deployed"] is None) == ("cloned by bc" in document["statement"])
    kept = json.loads((Path(document["run_dir"]) / "improvement.json").read_text())
    assert kept["statement"] == document["statement"]
    assert sandbox("eval", document["run_dir"], "--episodes", 2, "-q").code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--algo", "dqn"), "dqn does not learn from logs alone."),
        (("--algo", "decision-transformer"), "only policies of what is seen now are judged"),
        (("--gamma", 1.5), "gamma must lie between 0 and 1"),
        (("--mapping", "map.yaml"), "A mapping belongs to a table"),
        (("--level", "1.5"), "the level in 0.5 to 1"),
    ],
)
def test_what_cannot_be_done_exits_with_2(sandbox, log, options, message):
    done = sandbox("improve", log("--explore", 0.5), "--scenario", "toy/shelf", *options, "-q")
    assert done.code == 2
    assert message in done.words
    assert "Traceback" not in done.err
    assert list(Path("runs").rglob("run.json")) == []


def test_a_log_of_another_task_is_refused_with_the_difference(sandbox, log):
    done = sandbox("improve", log("--explore", 0.5), "--scenario", "toy/corridor", "-q")
    assert done.code == 2
    assert "does not fit toy/corridor" in done.words


def test_qualities_keep_probabilities_and_say_what_they_are(sandbox, log):
    from sandbox.datasets.read import read_dataset

    expert = read_dataset(log("--quality", "expert", "--name", "toy/expert-v0", episodes=3))
    assert (expert.facts["quality"], expert.facts["score"]) == ("expert", 1.0)
    assert (expert.probabilities == 1).all()
    everywhere = read_dataset(log("--quality", "random", "--name", "toy/random-v0", episodes=3))
    assert everywhere.probabilities.min() < 0.5
    done = sandbox("record", "toy/shelf", "--agent", "fill", "--episodes", 3, "--quality", "good", "-q")
    assert done.code == 2
    assert "Unknown quality 'good'" in done.words
    done = sandbox("record", "toy/shelf", "--agent", "fill", "--episodes", 3, "--quality", "medium", "-q")
    assert done.code == 2
    assert "there is no half way" in done.words, "filling the shelf earns less than random orders"
