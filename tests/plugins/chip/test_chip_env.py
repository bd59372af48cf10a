"""The environments keep their promises: legal placements, terms that add up, episodes that repeat."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import sandbox
from sandbox.api import InvalidValueError
from sandbox_chip import costs
from sandbox_chip.config import ChipConfig
from sandbox_chip.env import make, make_vec, spaces
from sandbox_chip.reward import PRESETS

SMALL = {"grid": 12, "macros_min": 5, "macros_max": 7}


def single(**changes: object) -> Any:
    return make(ChipConfig(**{**SMALL, **changes}), PRESETS["wirelength-congestion"])


def play(env: Any, seed: int) -> tuple[list[float], dict[str, float], list[dict[str, float]]]:
    """An episode of random legal actions: rewards, metrics, terms."""
    _, info = env.reset(seed=seed)
    rng, rewards, terms = np.random.default_rng(seed), [], []
    while True:
        _, reward, terminated, _, info = env.step(rng.choice(np.flatnonzero(info["action_mask"])))
        rewards.append(reward)
        terms.append(info["reward_terms"])
        if terminated:
            return rewards, info["metrics"], terms


def test_gymnasium_finds_no_fault() -> None:
    check_env(single(), skip_render_check=True)


@pytest.mark.parametrize(("orientation", "choices"), [("fixed", 1), ("mirror", 4), ("any", 8)])
def test_spaces_grow_with_the_orientations_to_choose_from(orientation: str, choices: int) -> None:
    observation, action = spaces(ChipConfig(grid=20, orientation=orientation))
    assert action.n == choices * 20 * 20
    assert observation["planes"].shape == (5 + 3 * choices, 20, 20)
    assert observation["features"].shape == (18,)


@pytest.mark.parametrize("orientation", ["fixed", "mirror", "any"])
def test_masked_actions_are_legal_and_growths_add_up_to_the_wirelength(orientation: str) -> None:
    env = single(orientation=orientation)
    for seed in range(5):
        _, metrics, terms = play(env, seed)
        problem = env.core.episode.problem
        assert metrics["overlap"] == 0
        grown = sum(term["wirelength"] for term in terms)
        assert grown == pytest.approx((metrics["hpwl"] - problem.fixed_wirelength) / problem.scale)
        if metrics["placed"] == 1:
            expected = costs.hpwl(problem.netlist, *env.core.episode.centres())
            assert metrics["hpwl"] == pytest.approx(expected)
            assert metrics["proxy"] == pytest.approx(
                metrics["wirelength"] + metrics["density"] / 2 + metrics["congestion"] / 2
            )


def test_the_reward_is_the_weighted_sum_of_the_terms() -> None:
    env = single()
    rewards, _, terms = play(env, 3)
    for reward, values in zip(rewards, terms, strict=True):
        weighted = sum(env.reward.weights[name] * value for name, value in values.items())
        assert reward == pytest.approx(weighted)


def test_the_proxy_term_comes_once_and_is_the_metric() -> None:
    _, metrics, terms = play(single(), 2)
    assert [term["proxy"] for term in terms[:-1]] == [0] * (len(terms) - 1)
    assert terms[-1]["proxy"] == metrics["proxy"]


def test_the_mask_is_exactly_what_fits() -> None:
    env = single()
    _, info = env.reset(seed=1)
    for _ in range(3):
        state, arrays = env.core.episode.state, env.core.episode.problem.arrays
        taken = np.zeros((12, 12), bool)
        for macro in range(state.num_placed):
            x, y, k = state.places[macro]
            taken[y : y + arrays.footprint_h[k, macro], x : x + arrays.footprint_w[k, macro]] = True
        wide, high = arrays.footprint_w[0, state.num_placed], arrays.footprint_h[0, state.num_placed]
        for cell, allowed in enumerate(info["action_mask"]):
            y, x = divmod(cell, 12)
            fits = x + wide <= 12 and y + high <= 12 and not taken[y : y + high, x : x + wide].any()
            assert allowed == fits
        _, _, _, _, info = env.step(int(np.flatnonzero(info["action_mask"])[0]))


def test_an_illegal_action_goes_to_the_nearest_legal_cell() -> None:
    env = single()
    env.reset(seed=2)
    _, _, _, _, info = env.step(0)
    assert not info["moved"]
    _, _, _, _, info = env.step(0)  # the corner is taken by the first macro
    assert info["moved"]
    assert costs.overlap(env.core.episode.problem.netlist, *env.core.episode.centres()) == 0


def test_a_dead_end_costs_more_than_any_placement() -> None:
    # Macros at random leave the last ones no room.
    env = single(grid=8, netlist="generated:blocks", macros_min=9, macros_max=9, utilisation_min=0.6)
    dead_ends = []
    for seed in range(60):
        _, metrics, terms = play(env, seed)
        if metrics["placed"] < 1:
            dead_ends.append(metrics["wirelength"])
            assert terms[-1]["dead_end"] == pytest.approx(1 - metrics["placed"])
            assert all(term["dead_end"] == 0 for term in terms[:-1])
            problem, placed = env.core.episode.problem, env.core.episode.state.num_placed
            # Every net of a macro that is not placed counts as spanning the canvas.
            nets = set(problem.arrays.entry_net[problem.arrays.entry_start[placed] :].tolist())
            width, height = problem.netlist.size
            assert metrics["hpwl"] >= len(nets) * (width + height)
    assert dead_ends


def test_a_seed_repeats_its_episode_and_later_episodes_differ() -> None:
    env, other = single(), single()
    first = play(env, 7)
    assert play(other, 7) == first
    designs = set()
    env.reset(seed=7)
    for _ in range(3):
        designs.add(env.core.episode.problem.netlist.name)
        env.reset()
    assert len(designs) == 3


def test_a_design_seed_fixes_the_design_of_every_episode() -> None:
    env = single(design_seed=3)
    names = set()
    for seed in range(4):
        env.reset(seed=seed)
        names.add(env.core.episode.problem.netlist.name)
    (name,) = names
    assert name.endswith("-3")


def test_what_is_asked_at_the_wrong_time_or_does_not_exist_is_refused() -> None:
    env = single()
    with pytest.raises(gym.error.ResetNeeded):
        env.step(0)
    env.reset(seed=0)
    for action in (-1, 144):
        with pytest.raises(InvalidValueError, match=rf"The action \[{action}\] is not in") as caught:
            env.step(action)
        assert caught.value.hint == "Allowed: 0 to 143."
    play(env, 0)
    with pytest.raises(gym.error.ResetNeeded):
        env.step(0)
    with pytest.raises(InvalidValueError, match="cannot render as 'human'"):
        make(ChipConfig(**SMALL), PRESETS["wirelength"], "human")


def test_a_picture_of_the_placement_shows_the_macros_where_they_are() -> None:
    pytest.importorskip("matplotlib")
    env = make(ChipConfig(**SMALL), PRESETS["wirelength"], "rgb_array")
    env.reset(seed=0)
    empty = env.render()
    assert empty.dtype == np.uint8
    assert empty.shape[2] == 3
    env.step(0)
    one_macro = env.render()
    assert (one_macro != empty).any()
    # The macro in the lower-left corner leaves the picture's upper right quarter as it was.
    height, width = empty.shape[:2]
    changed = (one_macro != empty).any(2)
    assert changed[height // 2 :, : width // 2].sum() > 1000
    assert not changed[height // 10 : height // 2, int(width * 0.7) : int(width * 0.9)].any()
    assert single().render() is None


def test_the_vector_environment_plays_the_single_environments_episodes() -> None:
    config, reward = ChipConfig(**SMALL), PRESETS["wirelength"]
    envs, seeds = make_vec(config, reward, 3), [11, 12, 13]
    alone = [make(config, reward) for _ in seeds]
    observation, info = envs.reset(seed=seeds)
    firsts = [env.reset(seed=seed) for env, seed in zip(alone, seeds, strict=True)]
    for index, (first, first_info) in enumerate(firsts):
        assert (observation["planes"][index] == first["planes"]).all()
        assert (info["action_mask"][index] == first_info["action_mask"]).all()
    running = [True] * 3
    for _ in range(7):
        actions = [int(np.flatnonzero(mask)[-1]) for mask in info["action_mask"]]
        observation, rewards, ended, _, info = envs.step(actions)
        for index, env in enumerate(alone):
            if not running[index]:
                continue
            seen, reward, terminated, _, single_info = env.step(actions[index])
            assert reward == pytest.approx(rewards[index])
            assert terminated == ended[index]
            for name, value in single_info["reward_terms"].items():
                assert info["reward_terms"][name][index] == value
            if terminated:
                running[index] = False
                assert (info["final_obs"][index]["planes"] == seen["planes"]).all()
                last = info["final_info"]["metrics"]
                assert {name: last[name][index] for name in single_info["metrics"]} == single_info["metrics"]
            else:
                assert (observation["features"][index] == seen["features"]).all()
    assert not any(running)


def test_the_next_episode_of_a_batch_is_the_single_environments_next_episode() -> None:
    config, reward = ChipConfig(**SMALL), PRESETS["wirelength"]
    envs, alone = make_vec(config, reward, 1), make(config, reward)
    envs.reset(seed=5)
    _, info = alone.reset(seed=5)
    for _ in range(20):
        action = int(np.flatnonzero(info["action_mask"])[0])
        observation, _, ended, _, infos = envs.step([action])
        seen, _, terminated, _, info = alone.step(action)
        assert ended[0] == terminated
        assert ("final_obs" in infos) == terminated
        if terminated:
            seen, info = alone.reset()
        np.testing.assert_array_equal(observation["planes"][0], seen["planes"])
        np.testing.assert_array_equal(infos["action_mask"][0], info["action_mask"])


def test_a_number_seeds_the_environments_one_after_another() -> None:
    config, reward = ChipConfig(**SMALL), PRESETS["wirelength"]
    by_number, by_list = make_vec(config, reward, 3), make_vec(config, reward, 3)
    first, _ = by_number.reset(seed=20)
    second, _ = by_list.reset(seed=[20, 21, 22])
    np.testing.assert_array_equal(first["features"], second["features"])
    names = {episode.problem.netlist.name for episode in by_number.core.episodes}
    assert len(names) == 3


def test_a_state_continues_bit_by_bit() -> None:
    envs = make_vec(ChipConfig(**SMALL), PRESETS["wirelength"], 2)
    other = make_vec(ChipConfig(**SMALL), PRESETS["wirelength"], 2)
    _, info = envs.reset(seed=5)
    for _ in range(8):  # past the end of an episode
        _, _, _, _, info = envs.step([int(np.flatnonzero(mask)[0]) for mask in info["action_mask"]])
    other.set_state(envs.get_state())
    for _ in range(8):
        actions = [int(np.flatnonzero(mask)[0]) for mask in info["action_mask"]]
        step, other_step = envs.step(actions), other.step(actions)
        assert (step[0]["planes"] == other_step[0]["planes"]).all()
        assert (step[1] == other_step[1]).all()
        info = step[4]


def test_a_single_environments_state_continues_bit_by_bit() -> None:
    env, other = single(orientation="any"), single(orientation="any")
    _, info = env.reset(seed=9)
    for _ in range(3):
        _, _, _, _, info = env.step(int(np.flatnonzero(info["action_mask"])[5]))
    other.reset(seed=1)
    other.set_state(env.get_state())
    assert other.core.episode.state.wirelength == env.core.episode.state.wirelength
    np.testing.assert_array_equal(other.core.episode.state.rudy, env.core.episode.state.rudy)
    action = int(np.flatnonzero(info["action_mask"])[0])
    step, other_step = env.step(action), other.step(action)
    assert step[1:4] == other_step[1:4]
    # The next episode is the same one as well.
    np.testing.assert_array_equal(env.reset()[0]["planes"], other.reset()[0]["planes"])


def test_baselines_rank_as_they_should_on_unseen_designs() -> None:
    table = sandbox.evaluate(["greedy", "hill-climbing", "rebuild", "random"], "chip/small", episodes=6)
    means = {agent.name: table.mean(agent.name) for agent in table.agents}
    assert max(means["hill-climbing"], means["rebuild"]) < means["greedy"] < 0.8 * means["random"]
    again = sandbox.evaluate(["rebuild"], "chip/small", episodes=6)
    assert (again.values("rebuild") == table.values("rebuild")).all()
