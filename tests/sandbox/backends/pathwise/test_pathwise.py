"""Following the gradient through the dynamics reaches optima that are known."""

from pathlib import Path

import numpy as np
import pytest
import torch

import sandbox
from benchmarks.families.pathwise import trained
from sandbox.api import MisfitError, Resume, StopTraining, TrainContext, read_state
from sandbox.backends.pathwise.config import PathwiseConfig
from sandbox.backends.pathwise.learner import HeldInside, train
from sandbox.envs.models import models_of
from sandbox.outputs.export import export
from sandbox.registry.discover import registry
from sandbox.scenarios.given import as_scenario

TOYS = Path(__file__).parents[3] / "toys"


@pytest.fixture(autouse=True)
def _toys(monkeypatch, tmp_path):
    monkeypatch.setenv("SANDBOX_PLUGINS", str(TOYS / "plugin.py"))
    monkeypatch.chdir(tmp_path)
    registry.cache_clear()
    yield
    registry.cache_clear()


def test_lost_sales_with_lead_time_1_is_within_half_a_percent_of_its_optimum():
    assert trained("inventory/lost-sales-l1-p4", seed=0, steps=1_000_000)["gap"] < 0.5


@pytest.mark.parametrize("scenario", ["inventory/lost-sales-l2-p4", "toy/regulator"])
def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(scenario):
    resolved = as_scenario(scenario)
    env = sandbox.make(resolved)
    config = PathwiseConfig(copies=8, segment=4, tail=4, normalize_observation=True)
    folder = Path("state")
    folder.mkdir()

    def learned(stop, resume=None):
        calls = []

        def update(steps, policy, values=None, state=None):
            calls.append(steps)
            if stop and len(calls) == 2:
                state(folder, None)
                raise StopTraining

        return train(
            TrainContext(
                make_envs=lambda n: None,
                observation_space=env.observation_space,
                action_space=env.action_space,
                config=config,
                steps=20 * 8 * 8 * 4 if "lost" in scenario else 20 * 8 * 32 * 4,
                seed=0,
                num_envs=1,
                update=update,
                models=models_of(resolved),
                resume=resume,
            )
        )

    whole = learned(stop=False)
    with pytest.raises(StopTraining):
        learned(stop=True)
    assert read_state(folder, "learner")["state"]["steps"] > 0
    again = learned(stop=False, resume=Resume(folder, environments=True))
    rows = np.random.default_rng(0).normal(size=(16, *env.observation_space.shape)).astype(np.float32)
    np.testing.assert_array_equal(whole.act(rows), again.act(rows))


def test_at_a_bound_the_gradient_passes_only_where_it_leads_inside():
    raw = torch.tensor([-2.0, -2.0, 0.5, 3.0, 3.0], requires_grad=True)
    held = HeldInside.apply(raw, torch.tensor(-1.0), torch.tensor(1.0))
    assert held.tolist() == [-1, -1, 0.5, 1, 1]
    held.backward(torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0]))
    assert raw.grad.tolist() == [0, -1, 1, 1, 0]


def test_what_is_played_while_learning_is_whole_orders():
    scenario = as_scenario("inventory/lost-sales-l2-p4")
    dynamics = models_of(scenario).dynamics
    limit = dynamics.model.orders.max_quantity[0]
    action = torch.tensor([[2 * 6.15 / limit - 1], [2 * 6.6 / limit - 1], [-1.0], [1.0]])
    whole = (dynamics.played(action, torch) + 1) * limit / 2
    assert whole.flatten().tolist() == pytest.approx([6, 7, 0, limit], abs=1e-5)
    state = {"stock": torch.zeros(4), "pipeline": torch.zeros(4, 1)}
    following, _ = dynamics.step(state, dynamics.played(action, torch), torch.zeros(4, 1), torch)
    assert following["pipeline"].flatten().tolist() == pytest.approx([6, 7, 0, limit], abs=1e-5)


@pytest.mark.slow
def test_dual_sourcing_is_within_a_twentieth_of_a_percent_of_its_optimum():
    assert trained("inventory/dual-sourcing-l2-c105", seed=0, steps=1_500_000)["gap"] < 0.05


def test_its_policy_is_exported_like_that_of_any_actor():
    pytest.importorskip("onnxruntime")
    run = sandbox.train("toy/regulator", "pathwise", steps=64 * 32 * 4, hp={"copies": 64})
    assert export(run).path.exists()


@pytest.mark.parametrize(
    ("scenario", "changes", "message"),
    [
        ("inventory/lost-sales-l2-p4", ["config.orders=discrete"], "takes Box"),
        ("inventory/joint-replenishment", ["config.orders=continuous"], "the task offers none"),
    ],
)
def test_a_task_without_gradients_is_refused_and_nothing_is_written(scenario, changes, message):
    with pytest.raises(MisfitError, match=message):
        sandbox.train(as_scenario(scenario, changes), "pathwise", steps=1_000)
    assert not Path("runs").exists()
