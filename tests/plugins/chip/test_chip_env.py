"""The environment keeps its promises: legal by construction, terms add up, copies play the same episodes."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import sandbox
from sandbox.scenarios.given import as_problem
from sandbox_chip import costs
from sandbox_chip.config import ChipConfig
from sandbox_chip.env import ChipEnv, ChipVectorEnv
from sandbox_chip.reward import PRESETS

SMALL = {"grid": 12, "macros_min": 5, "macros_max": 7}


def single(**changes: object) -> ChipEnv:
    return ChipEnv(ChipConfig(**{**SMALL, **changes}), PRESETS["wirelength-congestion"])


def play(env: ChipEnv, seed: int) -> tuple[list[float], dict[str, float], list[dict[str, float]]]:
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


@pytest.mark.parametrize("orientation", ["fixed", "mirror", "any"])
def test_masked_actions_are_legal_and_growths_add_up_to_the_wirelength(orientation: str) -> None:
    env = single(orientation=orientation)
    for seed in range(5):
        _, metrics, terms = play(env, seed)
        episode = env.episode
        x, y, turned = episode.centres()
        assert metrics["overlap"] == 0
        grown = sum(term["wirelength"] for term in terms)
        assert grown == pytest.approx((metrics["hpwl"] - episode.problem.base) / episode.problem.scale)
        if metrics["placed"] == 1:
            assert metrics["hpwl"] == pytest.approx(costs.hpwl(episode.problem.netlist, x, y, turned))
            assert metrics["proxy"] == pytest.approx(
                metrics["wirelength"] + metrics["density"] / 2 + metrics["congestion"] / 2
            )


def test_the_mask_is_exactly_what_fits() -> None:
    env = single()
    _, info = env.reset(seed=1)
    for _ in range(3):
        episode = env.episode
        taken = np.zeros((12, 12), bool)
        arrays = episode.arrays
        for macro in range(episode.index):
            x, y, k = episode.places[macro]
            taken[y : y + arrays.cells_h[k, macro], x : x + arrays.cells_w[k, macro]] = True
        wide, high = arrays.cells_w[0, episode.index], arrays.cells_h[0, episode.index]
        for cell, allowed in enumerate(info["action_mask"]):
            y, x = divmod(cell, 12)
            fits = x + wide <= 12 and y + high <= 12 and not taken[y : y + high, x : x + wide].any()
            assert allowed == fits
        _, _, _, _, info = env.step(int(np.flatnonzero(info["action_mask"])[0]))


def test_an_illegal_action_goes_to_the_nearest_legal_cell() -> None:
    env = single()
    env.reset(seed=2)
    env.step(0)
    _, _, _, _, info = env.step(0)  # the corner is taken by the first macro
    assert info["moved"]
    assert costs.overlap(env.episode.problem.netlist, *env.episode.centres()) == 0


def test_a_dead_end_costs_more_than_any_placement() -> None:
    # Macros in a checkerboard far apart leave the last ones no room.
    env = single(grid=8, netlist="generated:blocks", macros_min=9, macros_max=9, utilisation_min=0.6)
    dead = []
    for seed in range(60):
        _, metrics, terms = play(env, seed)
        if metrics["placed"] < 1:
            dead.append(metrics["wirelength"])
            assert terms[-1]["dead_end"] == pytest.approx(1 - metrics["placed"])
            problem, episode = env.episode.problem, env.episode
            # Every net of an unplaced macro counts as spanning the canvas.
            nets = set(problem.arrays.entry_net[problem.arrays.entry_start[episode.index] :].tolist())
            width, height = problem.netlist.size
            assert metrics["hpwl"] >= len(nets) * (width + height)
    assert dead


def test_copies_of_the_vector_environment_play_the_single_environments_episodes() -> None:
    config, reward = ChipConfig(**SMALL), PRESETS["wirelength"]
    envs, seeds = ChipVectorEnv(config, reward, 3), [11, 12, 13]
    alone = [ChipEnv(config, reward) for _ in seeds]
    observation, info = envs.reset(seed=seeds)
    firsts = [env.reset(seed=seed) for env, seed in zip(alone, seeds, strict=True)]
    for copy, (first, first_info) in enumerate(firsts):
        assert (observation["planes"][copy] == first["planes"]).all()
        assert (info["action_mask"][copy] == first_info["action_mask"]).all()
    running = [True] * 3
    for _ in range(7):
        actions = [int(np.flatnonzero(mask)[-1]) for mask in info["action_mask"]]
        observation, reward_, ended, _, info = envs.step(actions)
        for copy, env in enumerate(alone):
            if not running[copy]:
                continue
            seen, own, terminated, _, own_info = env.step(actions[copy])
            assert own == pytest.approx(reward_[copy])
            assert terminated == ended[copy]
            if terminated:
                running[copy] = False
                assert (info["final_obs"][copy]["planes"] == seen["planes"]).all()
                last = info["final_info"]["metrics"]
                assert {name: last[name][copy] for name in own_info["metrics"]} == own_info["metrics"]
            else:
                assert (observation["features"][copy] == seen["features"]).all()
    assert not any(running)


def test_a_state_goes_on_bit_by_bit() -> None:
    envs = ChipVectorEnv(ChipConfig(**SMALL), PRESETS["wirelength"], 2)
    other = ChipVectorEnv(ChipConfig(**SMALL), PRESETS["wirelength"], 2)
    _, info = envs.reset(seed=5)
    for _ in range(8):  # past the end of an episode
        _, _, _, _, info = envs.step([int(np.flatnonzero(mask)[0]) for mask in info["action_mask"]])
    other.set_state(envs.get_state())
    for _ in range(8):
        actions = [int(np.flatnonzero(mask)[0]) for mask in info["action_mask"]]
        one, two = envs.step(actions), other.step(actions)
        assert (one[0]["planes"] == two[0]["planes"]).all()
        assert (one[1] == two[1]).all()
        info = one[4]


def test_baselines_rank_as_they_should_on_unseen_designs() -> None:
    table = sandbox.evaluate(
        ["greedy", "hill-climbing", "rebuild", "random"], as_problem("chip/small", ["evaluation.episodes=6"])
    )
    means = {agent.name: table.mean(agent.name) for agent in table.agents}
    assert max(means["hill-climbing"], means["rebuild"]) < means["greedy"] < 0.8 * means["random"]
    again = sandbox.evaluate(["rebuild"], as_problem("chip/small", ["evaluation.episodes=6"]))
    assert (again.values("rebuild") == table.values("rebuild")).all()
