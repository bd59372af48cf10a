"""Advantages, losses and mixing where agents come and go, against numbers worked out by hand."""

import numpy as np
import pytest
import torch

from sandbox.backends.multi_agent import estimates, values
from sandbox.backends.multi_agent.networks import CentralCritic, MonotonicMixer

GAMMA, LAMBDA = 0.5, 0.5


def gae(rewards, values, following, done, present, cut_off=None):
    shaped = [np.array(x, float)[:, None, :] for x in (rewards, values)]
    flags = [np.array(x, bool)[:, None, :] for x in (done, present)]
    last = np.zeros_like(shaped[0]) if cut_off is None else np.array(cut_off, float)[:, None, :]
    return estimates.advantages(*shaped, np.array([following], float), last, *flags, GAMMA, LAMBDA)[:, 0]


def test_nothing_flows_back_over_the_end_of_an_agent_that_leaves_before_the_other():
    # The first terminates in the first step and is absent in the second, the second goes on.
    found = gae(
        rewards=[[1, 1], [0, 2]],
        values=[[0.5, 1], [9, 2]],
        following=[9, 4],
        done=[[True, False], [False, False]],
        present=[[True, True], [False, True]],
    )
    # First: 1 - 0.5. Second: δ₁ = 2 + 0.5·4 - 2 = 2; δ₀ = 1 + 0.5·2 - 1 = 1; A₀ = 1 + 0.25·2.
    assert found.tolist() == [[0.5, 1.5], [0, 2]]


def test_an_agent_that_was_cut_off_keeps_the_value_of_what_it_saw_last():
    found = gae([[1]], [[0]], [100], [[True]], [[True]], cut_off=[[6]])
    assert found.tolist() == [[1 + GAMMA * 6]]


def test_absent_agents_count_neither_in_the_scale_of_advantages_nor_in_means():
    advantage = np.array([[1.0, 50.0], [3.0, 70.0]])
    present = np.array([[True, False], [True, False]])
    assert estimates.standardised(advantage, present, per_agent=False).tolist() == pytest.approx(
        np.array([[-1, 0], [1, 0]])
    )
    weights = estimates.presence_weights(torch.from_numpy(present), per_agent=False)
    assert estimates.mean_over(torch.from_numpy(advantage), weights).item() == pytest.approx(2)


def test_agents_with_networks_of_their_own_weigh_alike_however_long_they_were_there():
    present = torch.tensor([[True, True], [False, True], [False, True]])
    weights = estimates.presence_weights(present, per_agent=True)
    assert weights.sum(0).tolist() == pytest.approx([1, 1])
    loss = torch.tensor([[6.0, 1.0], [99.0, 2.0], [99.0, 3.0]])
    assert estimates.mean_over(loss, weights).item() == pytest.approx((6 + 2) / 2)


def test_ratios_are_clipped_only_where_that_lowers_the_gain():
    log_prob = torch.log(torch.tensor([1.5, 0.5, 1.5, 0.5]))
    gain = torch.tensor([1.0, 1.0, -1.0, -1.0])
    loss = estimates.clipped_loss(log_prob, torch.zeros(4), gain, 0.2)
    assert loss.tolist() == pytest.approx([-1.2, -0.5, 1.5, 0.8])


def test_the_estimates_are_those_of_torchrl_where_all_agents_stay():
    functional = pytest.importorskip("torchrl.objectives.value.functional")
    rng = np.random.default_rng(0)
    rewards, predicted = rng.standard_normal((2, 6, 1, 3))
    following = rng.standard_normal((1, 3))
    done = np.zeros(rewards.shape, bool)
    done[3] = True
    ours = estimates.advantages(
        rewards, predicted, following, np.zeros_like(rewards), done, ~np.zeros_like(done), 0.9, 0.8
    )
    after = np.concatenate((predicted[1:], following[None]))
    tensors = [torch.tensor(x).permute(1, 2, 0).unsqueeze(-1) for x in (predicted, after, rewards, done)]
    theirs, _ = functional.generalized_advantage_estimate(0.9, 0.8, *tensors)
    assert ours == pytest.approx(theirs.squeeze(-1).permute(2, 0, 1).numpy())


def batch(**changes):
    """Two agents, one step; the second has left."""
    fields = {
        "inputs": torch.zeros(1, 2, 1),
        "action": torch.zeros(1, 2, dtype=torch.int64),
        "reward": torch.tensor([[4.0, 0.0]]),
        "present": torch.tensor([[True, False]]),
        "goes_on": torch.tensor([[True, False]]),
        "following": torch.zeros(1, 2, 1),
        "next_mask": torch.ones(1, 2, 2, dtype=torch.bool),
    }
    return values.Batch(**(fields | changes))


def test_a_sum_of_utilities_is_over_those_who_are_there():
    utilities, later = torch.tensor([[3.0, 100.0]]), torch.tensor([[2.0, 100.0]])
    loss = values.team_loss(utilities, later, batch(), 0.5, (values.total, values.total))
    # r = (4 + 0) / 2 = 2, y = 2 + 0.5 · 2 = 3: no error.
    assert loss.item() == 0
    ended = batch(goes_on=torch.tensor([[False, False]]))
    assert values.team_loss(utilities, later, ended, 0.5, (values.total, values.total)).item() == 1


def test_independent_errors_leave_absent_agents_out():
    weights = estimates.presence_weights(batch().present, per_agent=False)
    loss = values.independent_loss(
        torch.tensor([[3.0, 9.0]]), torch.tensor([[2.0, 9.0]]), batch(), 0.5, weights
    )
    assert loss.item() == pytest.approx((3 - 4 - 0.5 * 2) ** 2)


def test_the_next_action_is_allowed_and_by_double_learning_the_learners_own():
    learning = torch.tensor([[[1.0, 2.0, 9.0]]])
    target = torch.tensor([[[5.0, 4.0, 7.0]]])
    mask = torch.tensor([[[True, True, False]]])
    assert values.best_next(learning, target, mask, double=True).item() == 4
    assert values.best_next(learning, target, mask, double=False).item() == 5


def test_the_mixed_value_rises_in_every_utility_and_does_not_know_who_is_absent():
    torch.manual_seed(0)
    mixer = MonotonicMixer(3, 6, 8, 16)
    utilities = torch.randn(50, 3, requires_grad=True)
    state, everyone = torch.randn(50, 6), torch.ones(50, 3)
    mixer(utilities, everyone, state).sum().backward()
    assert (utilities.grad >= 0).all()
    assert (utilities.grad > 0).any()
    two = torch.tensor([[1.0, 1.0, 0.0]]).expand(50, -1)
    other = utilities.detach().clone()
    other[:, 2] += 5
    assert torch.equal(mixer(utilities, two, state), mixer(other, two, state))


def test_the_central_critic_does_not_see_who_is_absent():
    torch.manual_seed(0)
    critic = CentralCritic(2, 3, [8], "tanh")
    seen = torch.randn(4, 2, 3)
    present = torch.tensor([[True, False]] * 4)
    changed = seen.clone()
    changed[:, 1] += 1
    assert torch.equal(critic(seen, present), critic(changed, present))
    assert not torch.equal(critic(seen, present), critic(seen, torch.ones(4, 2, dtype=torch.bool)))
