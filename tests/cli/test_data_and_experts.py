"""``--data`` and ``--expert`` on the command line: from a recording to the verdict, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.registry.discover import registry

TOYS = Path(__file__).parents[1] / "toys"


@pytest.fixture
def learners(sandbox, monkeypatch):
    """The command line with the algorithms of ``tests/toys/learners.py``."""
    monkeypatch.setenv("SANDBOX_PLUGINS", f"{TOYS / 'plugin.py'},{TOYS / 'learners.py'}")
    registry.cache_clear()
    return sandbox


def test_what_an_agent_did_is_recorded_learned_from_and_compared(learners):
    pytest.importorskip("minari")
    made = learners("record", "toy/shelf", "--agent", "fill", "--episodes", 60, "--json", "-q").document
    done = learners(
        "run", "toy/shelf", "--algo", "count", "--data", made["folder"], "--episodes", 5, "--json", "-q"
    )
    assert done.code == 0, done.err
    agents = done.document["evaluation"]["agents"]
    assert agents["count"]["mean"] == agents["fill"]["mean"]
    assert learners("resume", done.document["run_dir"], "-q").code == 0
    assert learners("eval", done.document["run_dir"], "random", "--episodes", 2, "-q").code == 0


def test_a_learner_asks_the_expert_that_is_named(learners):
    done = learners("train", "toy/shelf", "--algo", "ask", "--expert", "every-third", "--json", "-q")
    assert done.code == 0, done.err
    assert done.document["steps"] >= 2_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--algo", "count"], "count learns from a dataset, and none is given."),
        (["--algo", "count", "--data", "nowhere"], "does not exist"),
        (["--algo", "ask", "--expert", "fil"], "Unknown expert 'fil'."),
        (["--algo", "dqn", "--expert", "fill"], "dqn has no use for an expert."),
        (["--algo", "solve", "--set", "config.capacity=500"], "has too many states to write down"),
    ],
)
def test_what_is_missing_or_of_no_use_exits_with_2_and_leaves_nothing(learners, tmp_path, options, message):
    done = learners("train", "toy/shelf", *options, "-q")
    assert done.code == 2
    assert message in done.words
    assert "Traceback" not in done.err
    assert list((tmp_path / "runs").rglob("run.json")) == []


def test_listings_say_who_needs_what(learners):
    algorithms = {
        entry["name"]: entry for entry in learners("list", "algorithms", "--json").document["algorithms"]
    }
    assert (algorithms["count"]["data"], algorithms["count"]["needs"]) == ("offline", ["dataset"])
    assert (algorithms["ppo"]["data"], algorithms["ppo"]["needs"]) == ("online", [])
    assert algorithms["sarsa"]["learning"] == "online, on-policy, model-free"
    assert algorithms["dyna-q"]["learning"] == "online, off-policy, model-based"
    assert algorithms["policy-iteration"]["learning"] == "offline, model-based"
    assert algorithms["descend"]["model_based"], "what follows a gradient through the dynamics needs them"
    assert (algorithms["sac"]["on_policy"], algorithms["solve"]["on_policy"]) == (False, None)
    assert "online, off-policy, model-free, needs expert" in learners("list", "algorithms").out
    assert learners("info", "toy/shelf", "--json").document["models"] == ["finite_model"]
