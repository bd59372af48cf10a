"""What a policy has cost before a run starts from it, on records and in the environment, is counted."""

import pytest

import sandbox
from sandbox.outputs.record import record


@pytest.mark.usefixtures("toys")
def test_offline_updates_and_environment_steps_are_both_counted(tmp_path, monkeypatch):
    pytest.importorskip("minari")
    monkeypatch.chdir(tmp_path)
    made = record("toy/shelf", "fill", 5)
    small = {"net_arch": [8], "activation": "tanh"}
    cloned = sandbox.train("toy/shelf", "bc", data=made.path, steps=120, hp=small)
    assert cloned.record.init_budget is None
    online = sandbox.train("toy/shelf", "reinforce", init_from=cloned.path, steps=64, hp=small, num_envs=2)
    spent = online.record.init_budget
    assert (spent.offline_updates, spent.environment_steps) == (120, 0)
    again = sandbox.train("toy/shelf", "reinforce", init_from=online.path, steps=64, hp=small, num_envs=2)
    spent = again.record.init_budget
    assert (spent.offline_updates, spent.environment_steps) == (120, online.record.steps_done)
