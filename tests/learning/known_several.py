"""Several learners in a game of two steps, self-play in Nim, and PPO by RLlib."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import torch
from answer import Answer
from known_control import BLIND, in_the_corridor

import sandbox
from sandbox.api import TrainContext
from sandbox.registry.discover import registry
from sandbox.registry.resolve import resolve

EXPLORING = {"exploration_initial": 1.0, "exploration_final": 1.0, "normalize_reward": False,
             "learning_rate": 0.005, "target_rate": 0.05, "learning_starts": 100,
             "net_arch": [32]}  # fmt: skip


def paid(known: float, bound: float, steps: int, untrained: float, **hp: Any) -> Answer:
    """What both are paid in Rashid et al.'s (2018) game of two steps, where 8 is the most and 7 is safe."""

    def reached(name: str) -> float:
        run = sandbox.train("cooperation/two-step", name, steps=steps, num_envs=8, hp=hp)
        table = sandbox.evaluate([run], "cooperation/two-step", episodes=8)
        return float(np.mean(table.values(name)))

    return Answer("game of two steps, Rashid et al. (2018), section 5", known, bound, reached, untrained)


class Piles(gym.Env[Any, Any]):
    """Nim for self-play: both seats are rows; a new pile of ten where one is empty."""

    def __init__(self, game: Any, num_envs: int) -> None:
        self.game, self.num_envs = game, num_envs
        self.positions = game.start(num_envs // 2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self.positions = self.game.start(self.num_envs // 2)
        return None, {}

    def step(self, actions: Any) -> Any:
        rows = np.arange(len(self.positions))
        moves = np.asarray(actions)[rows * 2 + self.game.status(self.positions).player]
        self.positions = self.game.play(self.positions, moves)
        over = self.game.status(self.positions).over
        self.positions[over] = self.game.start(int(over.sum()))
        return None, None, None, None, {}


def winning_moves(name: str) -> float:
    """Share of won piles in which the network alone takes what leaves a multiple of four."""
    from alphazero_support import PILE, Nim

    game, algorithm = Nim(), registry().algorithm(name)
    hp = {"network": "dense", "channels": 32, "blocks": 1, "simulations": 16, "moves_per_round": 10,
          "play_simulations": 0, "random_openings": 0.8, "random_moves": 3, "batch_size": 64, "threads": 1,
          "decisive_moves": False, "learning_rate": 0.01}  # fmt: skip
    context = TrainContext(
        make_envs=lambda num_envs: Piles(game, 2 * num_envs),  # type: ignore[arg-type,return-value]
        observation_space=gym.spaces.Box(0.0, 1.0, game.observation_shape, np.float32),
        action_space=gym.spaces.Discrete(game.num_actions),
        config=resolve(algorithm.config)(**hp),
        steps=5_000,
        seed=0,
        num_envs=16,
        update=lambda steps, policy, values=None, state=None: None,
    )
    policy = resolve(algorithm.train)(context)
    piles = np.array([pile for pile in range(1, PILE + 1) if pile % 4])
    positions = np.stack([piles, np.zeros_like(piles)], 1)
    with torch.no_grad():
        planes = torch.from_numpy(game.observe(positions, np.zeros(len(piles), np.int8)))
        logits = policy.network.eval()(planes)[0].numpy()
    chosen = np.where(game.legal(positions), logits, -np.inf).argmax(1)
    return float(np.mean(chosen + 1 == piles % 4))


ANSWERS: dict[str, Answer] = {
    "iql-marl": paid(7, 0.0, 8_000, 0.0, **EXPLORING),
    "vdn": paid(7, 0.0, 8_000, 0.0, **EXPLORING),
    "qmix": paid(8, 0.0, 16_000, 0.0, **EXPLORING),
    "ippo": paid(8, 0.0, 8_000, 0.0, n_steps=32, learning_rate=0.01, net_arch=[32]),
    "mappo": paid(8, 0.0, 8_000, 0.0, n_steps=32, learning_rate=0.01, net_arch=[32]),
    "alphazero": Answer("Nim: leave a multiple of four", 1.0, 0.0, winning_moves, 0.4, ("numba",)),
    "rllib-ppo": in_the_corridor(60_000, **{key: BLIND[key] for key in ("gamma", "net_arch", "stochastic")}),
}
