"""The decision process: what a step does, earns and leaves as it was."""

from __future__ import annotations

import numpy as np
import pytest
from diffusion_support import image_env, image_envs, set_env, set_envs

from sandbox.api import MisfitError
from sandbox_diffusion.baselines import Pretrained, best_of_16, pretrained
from sandbox_diffusion.config import DenoisingConfig
from sandbox_diffusion.goals import digit_probability
from sandbox_diffusion.networks.load import reference
from sandbox_diffusion.quality import distances, make_reference, pixels


def play(envs, policy, seed=0):
    """Play one episode of every environment; the last step's outcome."""
    observation, _ = envs.reset(seed=seed)
    policy.reset(envs.num_envs, seed)
    rewards = 0.0
    for _ in range(envs.core.process.num_steps):
        rows = observation.reshape(-1, observation.shape[-1])
        actions = policy.act(rows).reshape(*observation.shape[:-1], -1)
        observation, reward, terminated, _, info = envs.step(actions)
        rewards = rewards + reward
    assert terminated.all()
    return rewards, info


def test_the_next_image_is_the_action() -> None:
    env = image_env(steps=5)
    first, _ = env.reset(seed=3)
    action = np.linspace(-1, 1, 64).astype(np.float32)
    second, reward, terminated, truncated, _ = env.step(action)
    assert first[-1] == 0.0
    assert second[-1] == pytest.approx(0.2)
    assert second[:-1].tolist() == action.tolist()
    assert (reward, terminated, truncated) == (0.0, False, False)


def test_the_last_step_earns_the_goal_of_the_image() -> None:
    env = image_env(steps=2, goal="brightness")
    env.reset(seed=0)
    env.step(np.zeros(64, np.float32))
    _, reward, terminated, _, info = env.step(np.full(64, 0.5, np.float32))
    assert terminated
    assert reward == pytest.approx(0.75)  # half way from grey to white
    assert info["metrics"]["goal"] == pytest.approx(0.75)
    assert info["metrics"]["judged"] == pytest.approx(0.75)


def test_the_mean_itself_lies_half_a_nat_a_pixel_below_what_is_drawn() -> None:
    means, denoiser = reference(DenoisingConfig())
    env = image_env()
    observation, _ = env.reset(seed=0)
    mean = means(observation[None, :-1], np.zeros(1, np.int64))[0]
    _, _, _, _, info = env.step(mean)
    assert info["reward_terms"]["kl"] == pytest.approx(-32.0)
    # A step that is moved by one standard deviation in one pixel has half a nat more.
    observation, _ = env.reset(seed=0)
    moved = mean + np.eye(64, dtype=np.float32)[5] * denoiser.sigma.numpy()[0]
    _, _, _, _, info = env.step(moved)
    assert info["reward_terms"]["kl"] == pytest.approx(-31.5, abs=1e-3)


def test_the_pretrained_model_has_no_divergence_from_itself() -> None:
    envs = image_envs(256)
    _, info = play(envs, pretrained(envs))
    kl = info["final_info"]["metrics"]["kl"]
    # A mean of 256 sums of 20 · 64 terms (z² − 1) / 2, of variance 1/2 each: standard error 25.3 / 16.
    assert abs(kl.mean()) < 4 * 25.3 / 16
    assert kl.std() == pytest.approx(25.3, rel=0.2)


def test_an_action_that_is_noise_leads_where_the_image_does() -> None:
    config = DenoisingConfig(steps=4)
    envs, noisy = image_envs(8, steps=4), image_envs(8, steps=4, action="noise")
    _, by_image = play(envs, Pretrained(config), seed=5)
    _, by_noise = play(noisy, Pretrained(config.model_copy(update={"action": "noise"})), seed=5)
    for name, values in by_image["final_info"]["metrics"].items():
        np.testing.assert_allclose(by_noise["final_info"]["metrics"][name], values, atol=1e-3)


def test_the_best_of_sixteen_earns_more_and_is_less_diverse() -> None:
    envs = set_envs(2, images=48)
    _, model = play(envs, pretrained(envs))
    _, best = play(envs, best_of_16(envs))
    before, after = model["final_info"]["metrics"], best["final_info"]["metrics"]
    assert before["goal"].mean() < 0.3
    assert after["goal"].mean() > 0.7
    assert after["judged"].mean() > 0.6
    assert after["diversity"].mean() < before["diversity"].mean()
    assert after["frechet"].mean() < before["frechet"].mean()


def test_a_sets_reward_is_that_of_its_images_and_diversity_their_distance() -> None:
    env = set_env(images=4, steps=2)
    env.reset(seed=0)
    images = np.random.default_rng(0).uniform(-1, 1, (4, 64)).astype(np.float32)
    actions = dict(zip(env.possible_agents, images, strict=True))
    env.step(actions)
    _, rewards, terminations, _, infos = env.step(actions)
    assert all(terminations.values())
    expected = digit_probability(pixels(images).reshape(-1, 1, 8, 8), 8)
    assert list(rewards.values()) == pytest.approx(expected.tolist())
    apart = distances(pixels(images)) / make_reference(env.config).distance
    assert [info["reward_terms"]["diversity"] for info in infos.values()] == pytest.approx(apart.tolist())
    assert infos["image_0"]["metrics"]["diversity"] == pytest.approx(apart.mean())
    assert infos["image_0"]["metrics"]["goal"] == pytest.approx(expected.mean())


def test_images_stay_within_bounds() -> None:
    env = image_env(steps=3)
    env.reset(seed=0)
    observation, *_ = env.step(np.full(64, 100.0, np.float32))
    assert observation[:-1].max() == 6.0


def test_actions_that_are_no_numbers_are_refused() -> None:
    env = image_env(steps=3)
    env.reset(seed=0)
    with pytest.raises(MisfitError, match="not finite"):
        env.step(np.full(64, np.nan, np.float32))


def test_pictures_show_every_image_of_a_set() -> None:
    from sandbox_diffusion.env import make_set
    from sandbox_diffusion.reward import SET_REWARDS

    config = set_env(images=20).config
    env = make_set(config, SET_REWARDS["goal"], "rgb_array")
    env.reset(seed=0)
    picture = env.render()
    assert picture.shape == (3 * 34 + 2, 8 * 34 + 2, 3)  # 20 images, eight in a row
    assert picture.dtype == np.uint8
