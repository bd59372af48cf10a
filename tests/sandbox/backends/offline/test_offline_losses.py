"""Losses of offline learning against numbers by hand, and against TorchRL's."""

import gymnasium as gym
import numpy as np
import pytest
import torch

from sandbox.api import Dataset, TrainContext
from sandbox.api.errors import MisfitError
from sandbox.backends.actors.plain import load as load_actor
from sandbox.backends.offline.config import (
    CQLConfig,
    DecisionTransformerConfig,
    IQLConfig,
    LSPIConfig,
    TD3BCConfig,
)
from sandbox.backends.offline.cql_continuous import ConservativeActorCritic
from sandbox.backends.offline.iql import ImplicitQ, expectile_loss, weighted_imitation
from sandbox.backends.offline.lspi import LeastSquares
from sandbox.backends.offline.td3_bc import TD3BC, imitating_loss
from sandbox.backends.offline.transformer import DecisionTransformer, returns_to_go
from sandbox.backends.offline.transformer_policy import load as load_transformer

TORQUE = gym.spaces.Box(-2.0, 2.0, (1,))
CHOICE = gym.spaces.Discrete(3, start=4)


def logged(actions, rewards, length=1, terminated=True):
    """Episodes of some steps, all observations the same."""
    count = len(actions)
    episodes = count // length
    last = np.zeros(count, bool)
    last[length - 1 :: length] = True
    return Dataset(
        observations=np.zeros((count + episodes, 1), np.float32),
        actions=np.asarray(actions),
        rewards=np.asarray(rewards, float),
        terminated=last & terminated,
        truncated=last & (not terminated),
        lengths=np.full(episodes, length),
    )


def context(dataset, config, space, steps=600):
    def refuse(num_envs):
        raise AssertionError("an environment was asked for in training")

    return TrainContext(
        make_envs=refuse,
        observation_space=gym.spaces.Box(-1, 1, (1,)),
        action_space=space,
        config=config,
        steps=steps,
        seed=0,
        num_envs=1,
        update=lambda steps, policy, values=None, state=None: None,
        dataset=dataset,
    )


def trained(learner):
    done = 0
    while done < learner.total:
        done += learner.iterate()[0]
    return learner


SMALL = {"learning_rate": 0.01, "net_arch": [16], "batch_size": 64, "target_rate": 0.05}


def peaked(count=400, seed=0):
    """One step each; a torque of 1 pays most: r = -(a - 1)²."""
    torque = np.random.default_rng(seed).uniform(-2, 2, (count, 1)).astype(np.float32)
    return logged(torque, -((torque[:, 0] - 1.0) ** 2))


def test_an_expectile_weighs_what_lies_above_by_tau_and_what_lies_below_by_the_rest():
    loss = expectile_loss(torch.tensor([1.0, -2.0]), 0.8)
    assert loss.item() == pytest.approx((0.8 * 1 + 0.2 * 4) / 2)


def test_the_weight_of_a_recorded_action_is_capped():
    dataset = logged(np.zeros((4, 1), np.float32), [0.0] * 4)
    learner = ImplicitQ(context(dataset, IQLConfig(**SMALL), TORQUE))
    batch = learner.records.batch(np.arange(4))
    plain = weighted_imitation(learner.learned, batch, torch.zeros(4), 3.0)
    capped = weighted_imitation(learner.learned, batch, torch.full((4,), 50.0), 3.0)
    assert capped.item() == pytest.approx(100 * plain.item(), rel=1e-5)


def test_values_set_how_much_imitation_counts():
    value, action, recorded = torch.tensor([2.0, 4.0]), torch.tensor([[0.5], [0.0]]), torch.zeros(2, 1)
    assert imitating_loss(value, action, recorded, 2.5).item() == pytest.approx(-2.5 + 0.125)


def test_returns_to_go_are_sums_of_what_is_still_to_come():
    dataset = logged(np.zeros((4, 1)), [1.0, 2.0, 3.0, 4.0], length=2)
    assert returns_to_go(dataset).tolist() == [3.0, 2.0, 7.0, 4.0]


@pytest.mark.parametrize(
    ("learner", "config", "tolerance"),
    [
        (ImplicitQ, IQLConfig(**SMALL, temperature=10.0), 0.4),
        (TD3BC, TD3BCConfig(**SMALL, alpha=20.0), 0.4),
        (ConservativeActorCritic, CQLConfig(**SMALL, alpha=0.01, sampled_actions=4), 0.5),
    ],
)
def test_the_best_recorded_torque_is_found(learner, config, tolerance, tmp_path):
    policy = trained(learner(context(peaked(), config, TORQUE, 800))).policy()
    seen = np.zeros((1, 1), np.float32)
    assert policy.act(seen)[0, 0] == pytest.approx(1.0, abs=tolerance)
    policy.save(tmp_path)
    assert load_actor(tmp_path).act(seen) == policy.act(seen)


def test_implicit_and_least_squares_values_choose_the_arm_that_pays(tmp_path):
    arms = np.tile([4, 5, 6], 100)
    dataset = logged(arms, np.tile([0.0, 1.0, -1.0], 100))
    seen = np.zeros((1, 1), np.float32)
    for learner, config in ((ImplicitQ, IQLConfig(**SMALL)), (LeastSquares, LSPIConfig(features=4))):
        assert trained(learner(context(dataset, config, CHOICE, 300))).policy().act(seen).tolist() == [5]


def test_a_transformer_does_what_led_to_the_return_that_is_asked_for(tmp_path):
    """Arms 4 and 6 pay 1 and 0: asked for 1 or 0 it pulls the one or the other."""
    dataset = logged(np.tile([4, 6], 100), np.tile([1.0, 0.0], 100))
    small = {"context": 1, "width": 16, "layers": 1, "dropout": 0.0, "learning_rate": 0.01}
    config = DecisionTransformerConfig(**small, batch_size=32)
    policy = trained(DecisionTransformer(context(dataset, config, CHOICE, 150))).policy()
    seen = np.zeros((1, 1), np.float32)
    for target, arm in ((1.0, 4), (0.0, 6)):
        policy.target_return = target
        policy.reset(1)
        assert policy.act(seen).tolist() == [arm]
    policy.save(tmp_path)
    again = load_transformer(tmp_path)
    again.reset(1)
    assert again.act(seen).tolist() == [6]


def test_a_transformer_reduces_the_return_by_what_it_expects_to_have_earned():
    dataset = logged(np.zeros((200, 1), np.float32), np.ones(200), length=2)
    small = {"context": 2, "width": 16, "layers": 1, "dropout": 0.0, "learning_rate": 0.01}
    config = DecisionTransformerConfig(**small, batch_size=32)
    policy = trained(DecisionTransformer(context(dataset, config, TORQUE, 150))).policy()
    policy.reset(1)
    assert policy.target_return == 2.0
    policy.act(np.zeros((1, 1), np.float32))
    assert float(policy._remaining[0]) == pytest.approx(1.0, abs=0.1)


def test_actions_without_bounds_are_refused_by_what_searches_between_them():
    dataset = logged(np.zeros((4, 1), np.float32), [0.0] * 4)
    unbounded = gym.spaces.Box(-np.inf, np.inf, (1,))
    with pytest.raises(MisfitError, match="between bounds"):
        TD3BC(context(dataset, TD3BCConfig(), unbounded))


def test_the_expectile_and_the_policy_loss_are_those_of_torchrl():
    pytest.importorskip("torchrl")
    from tensordict import TensorDict
    from tensordict.nn import NormalParamExtractor, ProbabilisticTensorDictModule, TensorDictModule
    from torch.distributions import Independent, Normal
    from torchrl.modules import ProbabilisticActor, ValueOperator
    from torchrl.objectives import IQLLoss

    learner = ImplicitQ(context(peaked(32), IQLConfig(net_arch=[8], normalize_reward=False), TORQUE))
    policy, batch = learner.learned, learner.records.batch(np.arange(32))

    class Actor(torch.nn.Module):
        def forward(self, observation):
            mean, log_std = policy.actor(observation).chunk(2, -1)
            return mean, log_std.exp()

    def normal(loc, scale):
        return Independent(Normal(loc, scale), 1)

    actor = ProbabilisticActor(
        TensorDictModule(Actor(), ["observation"], ["loc", "scale"]),
        ["loc", "scale"],
        distribution_class=normal,
    )

    class Q(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.q = learner.q

        def forward(self, observation, action):
            return self.q.nets[0](torch.cat((observation, action), -1))

    value = ValueOperator(learner.v, in_keys=["observation"])
    q = ValueOperator(Q(), in_keys=["observation", "action"])
    loss = IQLLoss(actor, q, value, num_qvalue_nets=1, temperature=3.0, expectile=0.8, loss_function="l2")
    data = TensorDict({"observation": batch.seen, "action": batch.action}, [32])
    theirs_v, _ = loss.value_loss(data)
    theirs_pi, _ = loss.actor_loss(data)
    with torch.no_grad():
        first = learner.q.nets[0](torch.cat((batch.seen, batch.action), 1)).squeeze(1)
        advantage = first - learner.v(batch.seen).squeeze(1)
    assert expectile_loss(advantage, 0.8).item() == pytest.approx(theirs_v.mean().item(), rel=1e-4)
    ours = weighted_imitation(policy, batch, advantage, 3.0)
    assert ours.item() == pytest.approx(theirs_pi.mean().item(), rel=1e-4)
    del NormalParamExtractor, ProbabilisticTensorDictModule
