"""The policy's distributions, its files, and what it refuses."""

import subprocess
import sys
import time

import gymnasium as gym
import numpy as np
import pytest
import torch
import toy_corridor
import toy_forage
import toy_regulator
import toy_stall
from gymnasium.vector.utils import batch_space
from pydantic import ValidationError
from support import SeededSync, context, trained, weights_of

from sandbox.api import DamagedRunError, MisfitError, Policy, RunFailedError, StopTraining
from sandbox.backends.actors.distributions import distribution_for
from sandbox.backends.actors.observations import Normaliser, flat_size, flatten
from sandbox.backends.reinforce.config import ReinforceConfig
from sandbox.backends.reinforce.policy import ReinforcePolicy, load
from sandbox.backends.reinforce.train import train

BOX = gym.spaces.Box(-1, 1, (3,), np.float32)
ACTION_SPACES = [
    gym.spaces.Discrete(4),
    gym.spaces.Discrete(3, start=-1),
    gym.spaces.MultiDiscrete([2, 3, 4]),
    gym.spaces.MultiDiscrete([[2, 3], [4, 5]]),
    gym.spaces.MultiBinary(3),
    gym.spaces.MultiBinary([2, 2]),
    gym.spaces.Box(-2, 4, (2,), np.float32),
    gym.spaces.Box(np.array([0.0, -np.inf]), np.array([np.inf, np.inf]), dtype=np.float64),
    gym.spaces.Box(0, 9, (2, 2), np.int64),
]
OBSERVATION_SPACES = [
    BOX,
    gym.spaces.Box(0, 255, (2, 3), np.uint8),
    gym.spaces.Discrete(5, start=2),
    gym.spaces.MultiDiscrete([2, 3, 4]),
    gym.spaces.MultiBinary([2, 2]),
    gym.spaces.Dict(b=gym.spaces.Discrete(3), a=BOX, c=gym.spaces.Dict(d=gym.spaces.MultiBinary(2))),
]


@pytest.mark.parametrize("space", OBSERVATION_SPACES, ids=str)
def test_a_batch_is_flattened_as_gymnasium_flattens_each_of_its_rows(space):
    batched = batch_space(space, 6)
    batched.seed(0)
    batch = batched.sample()
    flat = flatten(space, batch)
    assert flat.dtype == np.float32
    assert flat.shape == (6, flat_size(space))
    for row, single in enumerate(gym.vector.utils.iterate(batched, batch)):
        np.testing.assert_array_equal(flat[row], gym.spaces.flatten(space, single).astype(np.float32))


@pytest.mark.parametrize("space", ACTION_SPACES, ids=str)
def test_actions_lie_in_their_space_drawn_or_chosen(space):
    policy = ReinforcePolicy(BOX, space, ReinforceConfig(log_std_init=1.0))
    policy.reset(50, seed=0)
    observation = np.random.default_rng(0).uniform(-1, 1, (50, 3)).astype(np.float32)
    for deterministic in (True, False):
        actions = policy.act(observation, deterministic=deterministic)
        assert actions.shape == (50, *space.shape)
        assert all(space.contains(action) for action in actions)
    assert isinstance(policy, Policy)


def test_probabilities_and_entropies_are_those_of_torch():
    torch.manual_seed(0)
    logits = torch.randn(7, 9)
    choices = torch.stack([torch.randint(0, n, (7,)) for n in (2, 3, 4)], 1)
    ours = distribution_for(gym.spaces.MultiDiscrete([2, 3, 4]))
    theirs = [torch.distributions.Categorical(logits=part) for part in logits.split([2, 3, 4], 1)]
    expected = sum(part.log_prob(choices[:, i]) for i, part in enumerate(theirs))
    torch.testing.assert_close(ours.log_prob(logits, choices, None), expected)
    torch.testing.assert_close(ours.entropy(logits, None), sum(part.entropy() for part in theirs))

    ours, theirs = (
        distribution_for(gym.spaces.MultiBinary(9)),
        torch.distributions.Bernoulli(logits=logits),
    )
    bits = theirs.sample()
    torch.testing.assert_close(ours.log_prob(logits, bits, None), theirs.log_prob(bits).sum(1))
    torch.testing.assert_close(ours.entropy(logits, None), theirs.entropy().sum(1))

    ours = distribution_for(gym.spaces.Box(-1, 1, (4,)))
    theirs = torch.distributions.Normal(logits[:, :4], logits[:, 4:8].exp())
    raw = theirs.sample()
    torch.testing.assert_close(ours.log_prob(logits[:, :8], raw, None), theirs.log_prob(raw).sum(1))
    torch.testing.assert_close(ours.entropy(logits[:, :8], None), theirs.entropy().sum(1))


def test_draws_have_the_probabilities_that_are_claimed():
    rng, n = np.random.default_rng(0), 40_000
    four_errors = 4 * 0.5 / np.sqrt(n)
    logits = np.tile(np.log([0.1, 0.2, 0.7]).astype(np.float32), (n, 1))
    drawn = distribution_for(gym.spaces.Discrete(3)).draw(logits, None, rng)[:, 0]
    assert np.abs(np.bincount(drawn) / n - [0.1, 0.2, 0.7]).max() < four_errors
    mask = np.tile([True, False, True], (n, 1))
    drawn = distribution_for(gym.spaces.Discrete(3)).draw(logits, mask, rng)[:, 0]
    assert np.abs(np.bincount(drawn, minlength=3) / n - [0.125, 0, 0.875]).max() < four_errors
    bits = distribution_for(gym.spaces.MultiBinary(2)).draw(np.full((n, 2), np.log(0.25 / 0.75)), None, rng)
    assert np.abs(bits.mean(0) - 0.25).max() < four_errors
    normal = distribution_for(gym.spaces.Box(-1, 1, (1,))).draw(
        np.tile([0.5, np.log(0.2)], (n, 1)), None, rng
    )
    assert normal.mean() == pytest.approx(0.5, abs=4 * 0.2 / np.sqrt(n))
    assert normal.std() == pytest.approx(0.2, rel=0.02)


def test_a_masked_action_has_no_probability_no_gradient_and_no_chance():
    distribution = distribution_for(gym.spaces.Discrete(3))
    logits = torch.tensor([[50.0, 0.0, 0.0]], requires_grad=True)
    mask = torch.tensor([[False, True, True]])
    log_prob = distribution.log_prob(logits, torch.tensor([[1]]), mask)
    assert log_prob.exp().item() == pytest.approx(0.5)
    assert distribution.entropy(logits, mask).item() == pytest.approx(np.log(2))
    (log_prob + distribution.entropy(logits, mask)).backward()
    assert logits.grad[0, 0] == 0
    rng = np.random.default_rng(0)
    drawn = distribution.draw(np.tile(logits.detach().numpy(), (50_000, 1)), mask.numpy(), rng)
    assert (drawn > 0).all()
    assert distribution.draw(logits.detach().numpy(), mask.numpy(), None) == 1


def test_a_bounded_continuous_action_is_in_half_widths_of_its_range():
    distribution = distribution_for(gym.spaces.Box(-2, 4, (1,), np.float32))
    np.testing.assert_allclose(
        distribution.action(np.array([[0.0], [0.5], [1.0], [7.0]])), [[1], [2.5], [4], [4]]
    )
    unbounded = distribution_for(gym.spaces.Box(-np.inf, np.inf, (1,), np.float32))
    np.testing.assert_allclose(unbounded.action(np.array([[123.0]])), [[123.0]])


def test_the_normaliser_knows_the_mean_and_deviation_of_all_it_has_seen():
    data = np.random.default_rng(0).normal([5, -3], [2, 0.1], (1000, 2)).astype(np.float32)
    normaliser = Normaliser(2)
    np.testing.assert_array_equal(normaliser(data[:3]), data[:3].clip(-10, 10))
    for part in np.split(data, [1, 10, 400]):
        normaliser.update(part)
    np.testing.assert_allclose(normaliser.mean, data.astype(float).mean(0))
    np.testing.assert_allclose(normaliser.var, data.astype(float).var(0))
    scaled = normaliser(data)
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(0), 1, atol=1e-3)


def regulator(n):
    config = toy_regulator.RegulatorConfig(axes=2, horizon=8)
    envs = toy_regulator.make_vec(config, toy_regulator.REWARDS["quadratic"], n)
    envs.reset(seed=11)
    return envs


def forage(n):
    def make():
        return toy_forage.make(
            toy_forage.ForageConfig(size=2, items=2, horizon=8), toy_forage.REWARDS["clear"]
        )

    return SeededSync(make, n, seed=3)


def stall(n):
    return SeededSync(
        lambda: toy_stall.make(toy_stall.StallConfig(), toy_stall.REWARDS["spending"]), n, seed=4
    )


def corridor(n):
    return toy_corridor.make_vec(toy_corridor.CorridorConfig(), toy_corridor.REWARDS["steps"], n)


FULL = {"baseline": True, "gae": True, "gamma": 0.9, "normalize_observation": True, "entropy_coef": 0.01}


@pytest.mark.parametrize("make_envs", [regulator, forage, stall])
def test_a_saved_policy_acts_as_the_one_in_memory(make_envs, tmp_path):
    policy = trained(make_envs, 600, **FULL)
    policy.save(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {
        "policy.json", "weights.safetensors", "normaliser.npz",
    }  # fmt: skip
    again = load(tmp_path)
    envs = make_envs(4)
    observation, info = envs.reset(seed=1)
    for deterministic in (True, False):
        for player in (policy, again):
            player.reset(4, seed=9)
        for _ in range(5):
            mask = info.get("action_mask")
            actions = [player.act(observation, mask, deterministic) for player in (policy, again)]
            np.testing.assert_array_equal(*actions)
            observation, *_, info = envs.step(actions[0])
    envs.close()


@pytest.mark.parametrize("make_envs", [regulator, forage, corridor])
def test_the_same_seed_gives_the_same_weights_and_another_does_not(make_envs):
    first, again, other = (trained(make_envs, 500, seed=seed, **FULL) for seed in (1, 1, 2))
    np.testing.assert_array_equal(weights_of(first), weights_of(again))
    assert not np.array_equal(weights_of(first), weights_of(other))


def test_the_value_network_may_have_layers_of_its_own_and_is_saved_too(tmp_path):
    policy = trained(regulator, 300, baseline=True, net_arch=[], value_net_arch=[7])
    policy.save(tmp_path)
    assert [tuple(p.shape) for p in policy.critic.parameters()] == [(7, 2), (7,), (1, 7), (1,)]
    rows = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    np.testing.assert_array_equal(load(tmp_path).values(rows), policy.values(rows))


def test_rescaling_the_value_network_changes_its_units_but_not_its_values():
    critic = trained(regulator, 300, baseline=True).critic
    rows = torch.randn(6, 2)
    before, std = critic(rows), critic.std.clone()
    critic.rescale(torch.tensor([100.0, -900.0, 3000.0]))
    assert critic.std > 2 * std
    torch.testing.assert_close(critic(rows), before, rtol=1e-4, atol=1e-3)


def test_training_leaves_the_process_wide_generators_alone():
    torch.manual_seed(5)
    np.random.seed(5)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    trained(corridor, 300, baseline=True)
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])


def test_a_policy_meant_to_be_stochastic_samples_even_where_the_mode_is_asked_for(tmp_path):
    policy = trained(corridor, 300, stochastic=True)
    policy.save(tmp_path)
    for player in (policy, load(tmp_path)):
        player.reset(200, seed=0)
        assert set(player.act(np.ones((200, 1), np.float32), deterministic=True)) == {0, 1}
    plain = trained(corridor, 300)
    assert len(set(plain.act(np.ones((200, 1), np.float32), deterministic=True))) == 1


def test_fine_tuning_starts_from_the_saved_weights_and_normaliser(tmp_path):
    saved = trained(regulator, 2000, **FULL)
    saved.save(tmp_path)
    config = ReinforceConfig(**FULL, learning_rate=1e-12, value_learning_rate=1e-12)
    tuned = train(context(regulator, config, steps=1, initial=tmp_path))
    np.testing.assert_allclose(weights_of(tuned), weights_of(saved), atol=1e-6)
    assert tuned.normaliser.count > saved.normaliser.count > 1000
    # Without being asked for, normalisation is kept: the weights are worthless without it.
    plain = train(context(regulator, ReinforceConfig(learning_rate=1e-12), steps=1, initial=tmp_path))
    assert plain.normaliser is not None


def test_an_initial_policy_that_does_not_fit_is_refused_by_layer(tmp_path):
    trained(regulator, 100, net_arch=[8]).save(tmp_path)
    with pytest.raises(MisfitError, match=r"net\.0\.weight: 16 × 2 is needed, 8 × 2 is given"):
        train(context(regulator, ReinforceConfig(net_arch=[16]), initial=tmp_path))
    with pytest.raises(MisfitError, match="activation tanh"):
        train(context(regulator, ReinforceConfig(net_arch=[8], activation="relu"), initial=tmp_path))
    with pytest.raises(MisfitError, match="not normalised"):
        train(context(regulator, ReinforceConfig(net_arch=[8], normalize_observation=True), initial=tmp_path))


def test_a_damaged_policy_is_not_loaded(tmp_path):
    trained(corridor, 100).save(tmp_path)
    file = tmp_path / "weights.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(DamagedRunError):
        load(tmp_path)


def test_diverging_training_says_so():
    def make_envs(n):
        envs = regulator(n)
        step = envs.step
        envs.step = lambda actions: (*(parts := step(actions))[:1], parts[1] * np.nan, *parts[2:])
        return envs

    with pytest.raises(RunFailedError, match="no longer a finite number after"):
        trained(make_envs, 100)


def test_a_request_to_stop_ends_training_and_closes_the_environments():
    closed = []

    def make_envs(n):
        envs = corridor(n)
        envs.close = lambda **kwargs: closed.append(True)
        return envs

    def update(steps, policy, values=None, state=None):
        raise StopTraining

    with pytest.raises(StopTraining):
        train(context(make_envs, update=update))
    assert closed[-1]
    assert len(closed) == 2  # the environment whose spaces were read, and the training's


@pytest.mark.parametrize(
    "wrong",
    [{"gae": True}, {"gamma": 0.0}, {"gamma": 1.1}, {"learning_rate": float("nan")}, {"net_arch": [0]},
     {"episodes_per_update": 0}, {"unknown": 1}, {"activation": "gelu"}],
    ids=str,
)  # fmt: skip
def test_impossible_hyperparameters_are_refused(wrong):
    with pytest.raises(ValidationError):
        ReinforceConfig(**wrong)


def test_every_hyperparameter_is_described():
    assert all(field.description for field in ReinforceConfig.model_fields.values())


def test_acting_on_one_observation_takes_a_fraction_of_a_millisecond():
    policy = ReinforcePolicy(BOX, gym.spaces.Discrete(4), ReinforceConfig())
    observation, times = np.zeros((1, 3), np.float32), []
    for _ in range(300):
        start = time.perf_counter()
        policy.act(observation)
        times.append(time.perf_counter() - start)
    assert np.median(times) < 1e-3  # about 65 µs were measured


def test_listing_the_algorithm_does_not_import_torch():
    code = (
        "import sys, sandbox.backends.reinforce.plugin as p; assert p.reinforce.name == 'reinforce';"
        "assert not {'torch', 'gymnasium', 'pydantic', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
