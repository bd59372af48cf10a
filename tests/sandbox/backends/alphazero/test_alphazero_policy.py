"""The trained policy: with and without search, on disk, and exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

pytest.importorskip("pyspiel")

from sandbox.api import DamagedRunError, MisfitError
from sandbox.backends.alphazero.config import AlphaZeroConfig
from sandbox.backends.alphazero.network import Evaluator
from sandbox.backends.alphazero.policy import AlphaZeroPolicy, load
from sandbox.envs.make import make_vec
from sandbox.registry.policies import load_policy

SMALL = AlphaZeroConfig(channels=8, blocks=1, play_simulations=16)
SPACES = (gym.spaces.Box(0.0, 1.0, (3, 3, 3), np.float32), gym.spaces.Discrete(9))


def policy(config: AlphaZeroConfig = SMALL, seed: int = 0) -> AlphaZeroPolicy:
    """One that has learned nothing, its normalisation statistics aside."""
    made = AlphaZeroPolicy(*SPACES, config, seed)
    made.network.train()
    made.network(torch.rand(64, 3, 3, 3))
    return made


def boards(seeds: int = 4) -> Any:
    """Copies of tic-tac-toe against an opponent, both seats rows."""
    changes = ["config.game=tic-tac-toe", "config.opponent=random"]
    envs = make_vec("games/tic-tac-toe", seeds, changes=changes)
    seen, info = envs.reset(seed=list(range(seeds)))  # type: ignore[arg-type]
    return envs, seen, info["action_mask"]


def test_the_fused_network_says_what_the_network_says() -> None:
    made = policy()
    planes = np.random.default_rng(0).random((10, 3, 3, 3), np.float32)
    with torch.no_grad():
        logits, values = made.network.eval()(torch.from_numpy(planes))
    fused = Evaluator(made.network)(planes)
    assert np.allclose(fused[0], logits.numpy(), atol=1e-5)
    assert np.allclose(fused[1], values.numpy(), atol=1e-5)


def test_a_saved_policy_acts_the_same_with_and_without_search(tmp_path: Path) -> None:
    made = policy()
    made.save(tmp_path)
    again = load_policy(tmp_path)
    envs, seen, mask = boards()
    for deterministic in (True, False):
        for bound in (False, True):
            answers = []
            for one in (made, again):
                if bound:
                    one.bind(envs, None)  # type: ignore[attr-defined]
                one.reset(len(seen), 3)
                answers.append(one.act(seen, mask, deterministic).tolist())
            assert answers[0] == answers[1]
            assert mask[np.arange(len(seen)), answers[0]].all()


def test_with_search_it_takes_a_win_that_the_network_does_not_know() -> None:
    made = policy()
    envs, _, _ = boards(1)
    base = envs.unwrapped.joint_envs.unwrapped
    base.match.opponent = None
    base.match.seats[:] = -1
    base.positions = base.game.start(1)
    for move in (0, 3, 1, 4):
        base.positions = base.game.play(base.positions, np.array([move]))
    made.bind(envs, None)
    made.reset(2)
    seen, mask = base.match.observations()[0], base.match.masks()[0]
    assert made.act(seen, mask).tolist() == [2, 0]
    row, waiting = made.explain()
    assert waiting == []
    assert sum(one.figures["visits"] for one in row) == SMALL.play_simulations
    assert {one.action for one in row} == {2, 5, 6, 7, 8}
    best = next(one for one in row if one.action == 2)
    assert (best.figures["value"], best.figures["policy"]) == (1.0, 1.0)


def test_without_an_environment_it_plays_by_its_network() -> None:
    made = policy()
    _, seen, mask = boards()
    logits, _ = Evaluator(made.network)(seen)
    assert made.act(seen, mask).tolist() == np.where(mask, logits, -np.inf).argmax(1).tolist()
    assert made.explain() == [[]] * len(seen)
    assert np.allclose(
        made.module()(torch.from_numpy(seen), torch.from_numpy(mask)).numpy(), made.act(seen, mask)
    )


def test_another_game_is_refused() -> None:
    with pytest.raises(MisfitError, match="9 actions"):
        policy().bind(make_vec("games/connect-four", 1), None)


def test_other_spaces_are_refused() -> None:
    with pytest.raises(MisfitError, match="planes"):
        AlphaZeroPolicy(gym.spaces.Box(0, 1, (4,)), gym.spaces.Discrete(2), SMALL)


@pytest.mark.parametrize("change", [{"channels": 4096}, {"blocks": 79}, {"channels": "x"}, {"c_visit": -1}])
def test_a_description_that_does_not_fit_its_weights_is_refused(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    from sandbox.backends.policy_files import read_policy, write_policy

    policy().save(tmp_path)
    saved = read_policy(tmp_path)
    document = {key: value for key, value in saved.document.items() if key != "format"}
    write_policy(tmp_path, {**document, **change}, saved.tensors)
    with pytest.raises(DamagedRunError):
        load(tmp_path)


def test_seeds_decide_on_the_first_weights_and_leave_torchs_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    weights = [AlphaZeroPolicy(*SPACES, SMALL, seed).network.state_dict() for seed in (1, 1, 2)]
    assert torch.rand(1) == expected
    same = [torch.equal(weights[0][name], weights[1][name]) for name in weights[0]]
    assert all(same)
    assert not torch.equal(weights[0]["policy_out.weight"], weights[2]["policy_out.weight"])
