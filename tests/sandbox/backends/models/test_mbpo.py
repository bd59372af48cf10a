"""Soft actor-critic finds a known best action, and rollouts follow the model."""

import gymnasium as gym
import numpy as np
import pytest

from sandbox.api import DamagedRunError, TrainContext

torch = pytest.importorskip("torch")

from sandbox.backends.models.config import MbpoConfig  # noqa: E402
from sandbox.backends.models.ensemble import Steps, fit_model  # noqa: E402
from sandbox.backends.models.mbpo import Mbpo, load  # noqa: E402
from sandbox.backends.models.sac import SoftActorCritic, SquashedActor  # noqa: E402

SEEN, ACTIONS = gym.spaces.Box(-4, 4, (1,)), gym.spaces.Box(-2, 2, (1,))


class Drift(gym.vector.VectorEnv):
    """x' = x + 0.5 a with a in half ranges, r = -x'²; cut off after 20 steps."""

    def __init__(self, num_envs):
        self.num_envs, self.closed = num_envs, False
        self.single_observation_space, self.single_action_space = SEEN, ACTIONS
        self.rng, self.time = np.random.default_rng(0), 0

    def reset(self, *, seed=None, options=None):
        self.x, self.time = self.rng.uniform(-1, 1, (self.num_envs, 1)).astype(np.float32), 0
        return self.x.copy(), {}

    def step(self, actions):
        self.x, self.time = self.x + 0.25 * np.asarray(actions, np.float32), self.time + 1
        reward, ended = -(self.x[:, 0] ** 2), np.full(self.num_envs, self.time == 20)
        info = {}
        if ended[0]:
            info = {"final_obs": list(self.x.copy()), "final_info": {}}
            self.reset()
        return self.x.copy(), reward, np.zeros(self.num_envs, bool), ended, info


def learner(**config):
    return Mbpo(
        TrainContext(
            make_envs=Drift,
            observation_space=SEEN,
            action_space=ACTIONS,
            config=MbpoConfig(**{"net_arch": [32], "policy_arch": [32], "random_steps": 200, **config}),
            steps=1_000,
            seed=0,
            num_envs=2,
            update=lambda *_, **__: None,
        )
    )


def test_the_best_action_of_a_single_step_is_found():
    rng = np.random.default_rng(0)
    sac = SoftActorCritic(1, 1, [32], 5e-3, gamma=0.99, target_rate=0.01, seed=0)
    for _ in range(400):
        seen = rng.uniform(-1, 1, (64, 1)).astype(np.float32)
        action = rng.uniform(-1, 1, (64, 1)).astype(np.float32)
        reward = -10 * (action[:, 0] - 0.5 * seen[:, 0]) ** 2
        sac.update(Steps(seen, action, reward, seen, np.ones(64, np.bool_)), rng)
    mode = sac.actor(torch.tensor([[-1.0], [0.0], [1.0]])).detach().numpy()[:, 0]
    np.testing.assert_allclose(mode, [-0.5, 0.0, 0.5], atol=0.2)


def test_the_density_of_squashed_actions_sums_to_one():
    torch.manual_seed(0)
    actor = SquashedActor(1, 1, [8])
    noise = torch.linspace(-6, 6, 4001)[:, None]
    action, log_prob = actor.sample(torch.zeros(len(noise), 1), noise)
    density, place = log_prob.exp().detach().numpy(), action.detach().numpy()[:, 0]
    assert np.trapezoid(density, place) == pytest.approx(1.0, abs=1e-3)


def test_rollouts_start_where_the_policy_has_been_and_follow_the_model():
    fitted = {"random_steps": 400, "max_epochs": 400, "patience": 400, "learning_rate": 5e-3}
    mbpo = learner(rollouts=500, rollout_length=3, **fitted)
    mbpo.iterate()
    steps = mbpo.experience.all()
    fit_model(mbpo.ensemble, steps, mbpo.config, mbpo.rng)
    imagined = mbpo.imagine(steps)
    assert len(imagined) == 3 * 500
    assert np.isin(imagined.observation[:500], steps.observation).all()
    error = imagined.following - (imagined.observation + 0.5 * imagined.action)
    assert np.abs(error).mean() < 0.1
    assert np.abs(imagined.reward + imagined.following[:, 0] ** 2).mean() < 0.3


def test_the_actor_is_saved_and_a_changed_file_is_refused(tmp_path):
    mbpo = learner(updates_per_step=0.1, rollouts=50)
    for _ in range(2):
        mbpo.iterate()
    mbpo.policy().save(tmp_path)
    seen = np.linspace(-1, 1, 7, dtype=np.float32)[:, None]
    np.testing.assert_array_equal(load(tmp_path).act(seen), mbpo.policy().act(seen))
    file = tmp_path / "policy.json"
    file.write_text(file.read_text().replace("32", "33"))
    with pytest.raises(DamagedRunError):
        load(tmp_path)


def test_going_on_from_a_state_gives_the_same_networks():
    whole, again = learner(updates_per_step=0.5, rollouts=50), learner(updates_per_step=0.5, rollouts=50)
    for _ in range(2):
        whole.iterate()
    state = whole.get_state()
    envs = whole.play.envs
    again.set_state(state)
    again.play.envs, again.play.observation, again.play.info = envs, whole.play.observation, whole.play.info
    kept = (envs.x.copy(), envs.time, envs.rng.bit_generator.state)
    whole.iterate()
    envs.x, envs.time, envs.rng.bit_generator.state = kept
    again.iterate()
    for first, second in zip(whole.sac.actor.parameters(), again.sac.actor.parameters(), strict=True):
        np.testing.assert_array_equal(first.detach().numpy(), second.detach().numpy())
