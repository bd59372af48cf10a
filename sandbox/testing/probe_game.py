"""A small game for two, on which algorithms that search with the rules of a game are tested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from sandbox.api import Metric, Task, batched
from sandbox.api.game import Status, Symmetry
from sandbox.api.types import Array, Bools, Space
from sandbox.testing import odd_spaces

AGENTS = ("first", "second")
CHOICES = 5
"""Actions where nothing else is asked for."""

PILE = 6


class GameConfig(BaseModel):
    """A pile of which two players take in turn; who takes the last one wins."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    observation: str = Field("Box", description="kind of the observation space, or an odd one's name")
    action: str = Field("Discrete", description="kind of the action space, or an odd one's name")
    masked: bool = Field(True, description="of no effect: there are always masks")
    horizon: int = Field(16, ge=2, le=1000, description="of no effect: the pile ends the game")
    nan_at: int = Field(0, ge=0, le=1000, description="move whose reward is no number; 0 for none")


@dataclass(frozen=True)
class Take:
    """The rules; a position is what is left, and the player to move."""

    num_actions: int
    observation_shape: tuple[int, int, int]
    name: str = "take"
    max_length: int = PILE
    symmetries: tuple[Symmetry, ...] = ()

    def start(self, count: int) -> Array:
        """Full piles."""
        return np.tile(np.array([PILE, 0], np.int64), (count, 1))

    def play(self, positions: Array, actions: Array) -> Array:
        """Take as many as the action's number and one more."""
        after = positions.copy()
        running = positions[:, 0] > 0
        after[running, 0] -= np.asarray(actions)[running] + 1
        after[running, 1] = 1 - after[running, 1]
        return after

    def status(self, positions: Array) -> Status:
        """Who finds nothing left has lost."""
        over = positions[:, 0] <= 0
        outcome = np.where(over, np.where(positions[:, 1] == 1, 1.0, -1.0), 0.0)
        return Status(positions[:, 1].astype(np.int8), over, outcome.astype(np.float32))

    def legal(self, positions: Array) -> Bools:
        """No more than there are."""
        legal: Bools = np.arange(1, self.num_actions + 1) <= positions[:, :1]
        return legal

    def observe(self, positions: Array, players: Array) -> Array:
        """What is left as a share, with a sign that says whose turn it is, on all planes."""
        share = positions[:, 0] / PILE * np.where(positions[:, 1] == players, 1.0, -1.0)
        shape = (len(positions), *self.observation_shape)
        return np.broadcast_to(share[:, None, None, None], shape).astype(np.float32)


class Taking:
    """The game as an environment: whoever waits has the first action, which is ignored."""

    agents = AGENTS

    def __init__(self, config: GameConfig, num_envs: int) -> None:
        self.config = config
        odd: dict[str, Space] = {"Box": gym.spaces.Box(-1.0, 1.0, (2, 1, PILE)), **odd_spaces.observations()}
        self.observation_space: Any = odd[config.observation]
        odd = {"Discrete": gym.spaces.Discrete(CHOICES), **odd_spaces.actions()}
        self.action_space: Any = odd[config.action]
        shape: tuple[int, ...] = self.observation_space.shape or ()
        planes = (shape[0], shape[1], shape[2]) if len(shape) == 3 else (2, 1, PILE)
        self.game = Take(int(getattr(self.action_space, "n", CHOICES)), planes)
        self.positions = self.game.start(num_envs)
        self.moves = np.zeros(num_envs, np.int64)

    def begin(self, row: int, rng: np.random.Generator) -> None:
        """A full pile."""
        self.positions[row], self.moves[row] = self.game.start(1)[0], 0

    def step(self, actions: Array) -> Array:
        """The move of the player whose turn it is; what is left, shape ``(num_envs, 2)``."""
        chosen = np.asarray(actions).reshape(*self._both, -1)[:, :, 0].astype(np.int64)
        rows = np.arange(len(chosen))
        mover = self.positions[:, 1]
        legal = self.game.legal(self.positions)
        wanted = np.clip(chosen[rows, mover] - self._start, 0, self.game.num_actions - 1)
        wanted = np.where(legal[rows, wanted], wanted, legal.argmax(1))
        self.positions = self.game.play(self.positions, wanted)
        self.moves += 1
        left = np.broadcast_to(self.positions[:, :1], self._both).astype(np.float64)
        broken = (self.moves == self.config.nan_at) & (self.config.nan_at > 0)
        return np.where(broken[:, None], np.nan, left)

    def observe(self) -> Array:
        """What the game shows; of an odd space without three axes, its first value."""
        space = self.observation_space
        if len(space.shape) == 3:
            rows = [self.game.observe(self.positions, np.full(len(self.moves), seat)) for seat in range(2)]
            return np.stack(rows, 1).astype(space.dtype)
        first = np.maximum(space.low, -1.0) if isinstance(space, gym.spaces.Box) else space.start
        return np.broadcast_to(first, (*self._both, *space.shape)).astype(space.dtype)

    def masks(self) -> Bools:
        """Legal moves of the player to move, the first action of the other."""
        allowed = np.zeros((*self._both, self._mask_size), np.bool_)
        allowed[:, :, 0] = True
        if isinstance(self.action_space, gym.spaces.Discrete):
            running = np.flatnonzero(~self.game.status(self.positions).over)
            allowed[running, self.positions[running, 1]] = self.game.legal(self.positions[running])
        else:
            allowed[:] = True
        return allowed

    def ends(self) -> tuple[Bools, bool]:
        """The game ends for both at once."""
        over = self.game.status(self.positions).over
        return np.broadcast_to(over[:, None], self._both).copy(), False

    def metrics(self, row: int) -> dict[str, float]:
        """1 if the first player has won."""
        return {"score": float(self.game.status(self.positions[row : row + 1]).outcome[0] > 0)}

    @property
    def _both(self) -> tuple[int, int]:
        return len(self.positions), 2

    @property
    def _start(self) -> int:
        return int(np.ravel(getattr(self.action_space, "start", 0))[0])

    @property
    def _mask_size(self) -> int:
        space = self.action_space
        return (
            int(np.sum(space.nvec)) if isinstance(space, gym.spaces.MultiDiscrete) else self.game.num_actions
        )


make, make_vec = batched(Taking)


def game_task(rewards: Any) -> Task:
    """The task."""
    return Task(
        name="game",
        title="Two players who take from a pile",
        config=GameConfig,
        make=make,
        make_vec=make_vec,
        rewards=rewards,
        metrics=(Metric("score", "1", "higher", "1 if the first player has won"),),
        agents="parallel",
        masks=True,
        game=True,
        cheap=True,
        resume="state",
    )
