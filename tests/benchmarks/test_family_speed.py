"""Speeds of the families beside the reference libraries' own scripts."""

from argparse import Namespace

import pytest

from benchmarks.families import speed
from sandbox.registry.discover import registry

pytest.importorskip("torch")


def test_sides_take_turns_and_the_first_round_does_not_count():
    calls = []
    sides = (lambda steps: calls.append(("ours", steps))), (lambda steps: calls.append(("theirs", steps)))
    rows = speed.alternated(sides, 50, 10, 2)
    assert calls == [("ours", 60), ("ours", 10), ("theirs", 60), ("theirs", 10)] * 3
    assert len(rows) == 2


def test_what_is_compared_is_registered():
    for name in (*speed.TASKS, *speed.OFFLINE):
        assert registry().algorithm(name).name == name


def test_an_unknown_algorithm_is_refused(capsys):
    with pytest.raises(SystemExit):
        speed.main(["--only", "alphazero"])
    assert "there is no 'alphazero'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["bc", "iql", "cql", "td3-bc", "decision-transformer"])
def test_torchrls_objective_learns_from_the_same_records(name):
    pytest.importorskip("torchrl")
    pytest.importorskip("transformers")
    for train in speed.offline_sides(name):
        train(3)


def test_the_script_takes_as_many_steps_as_our_training(monkeypatch):
    from stable_baselines3 import DQN

    taken = []
    learn = DQN.learn

    def counted(self, *arguments, **options):
        learn(self, *arguments, **options)
        taken.append((self.num_timesteps, self.learning_starts, self.batch_size))
        return self

    monkeypatch.setattr(DQN, "learn", counted)
    chosen = Namespace(only="dqn", repeats=1, steps=120, updates=1)
    document, lines = speed.measure(chosen)
    assert taken == [(220, 100, 32), (100, 100, 32)] * 4
    assert document["dqn"]["count"] == 120
    assert lines[-1].startswith("| dqn | SB3 | steps | ")
