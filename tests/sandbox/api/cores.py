"""Cores for the tests of `sandbox.api.batched`: a walk with everything that a core can have, and games."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import gymnasium as gym
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from sandbox.api import Rewards, RewardTerm


class WalkConfig(BaseModel):
    """Parameters of the walk."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(4, ge=2, le=100, description="cells to each side of the middle")
    horizon: int = Field(15, ge=1, le=1000, description="steps until truncation")


REWARDS = Rewards(
    [RewardTerm("moved", weight=1.0, unit="cells"), RewardTerm("place", weight=-0.25, unit="cells")]
)


class Walk:
    """A walk on a line with slips; falls off an end (terminated) or is cut off (truncated).

    Action 0 left, 1 right, 2 stay; a move onto the last cell is masked. Everything is written in place,
    and the transition is the core itself, as naive code would have it.
    """

    def __init__(self, config: WalkConfig, num_envs: int) -> None:
        self.config = config
        self.observation_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.action_space = gym.spaces.Discrete(3)
        self.place = np.zeros(num_envs, np.int64)
        self.steps = np.zeros(num_envs, np.int64)
        self.slips = np.zeros((num_envs, config.horizon), np.bool_)
        self.moved = np.zeros(num_envs)

    def begin(self, row: int, rng: np.random.Generator) -> None:
        self.place[row] = rng.integers(-1, 2)
        self.slips[row] = rng.random(self.config.horizon) < 0.3
        self.steps[row] = 0
        self.moved[row] = -99

    def step(self, actions):
        move = np.array([-1, 1, 0])[actions]
        rows = np.arange(len(actions))
        self.moved[:] = np.where(self.slips[rows, self.steps], -move, move)
        self.place += self.moved.astype(np.int64)
        self.steps += 1
        return self

    def observe(self):
        seen = self.place / self.config.width, self.steps / self.config.horizon
        return np.stack(seen, 1).astype(np.float32)

    def masks(self):
        edge = self.config.width - 1
        return np.stack((self.place > -edge, self.place < edge, np.ones(len(self.place), bool)), 1)

    def ends(self):
        fell = np.abs(self.place) >= self.config.width
        return fell, ~fell & (self.steps >= self.config.horizon)

    def metrics(self, row: int):
        return {"steps": self.steps[row], "place": self.place[row]}

    def render(self, row: int):
        picture = np.zeros((1, 2 * self.config.width + 1, 3), np.uint8)
        picture[0, self.place[row] + self.config.width] = 255
        return picture


class TalkingWalk(Walk):
    """The same, with infos of its own."""

    def info(self):
        return {"clock": self.steps, "trail": np.stack((self.place, self.steps), 1)}


class SlipperyWalk(Walk):
    """The same, which tells of its slips where there was one, and of its whole state."""

    state_space = gym.spaces.Box(-100, 100, (2,), np.int64)

    def begin(self, row: int, rng: np.random.Generator) -> None:
        super().begin(row, rng)
        self.slipped = np.zeros(len(self.place), np.bool_)

    def step(self, actions):
        self.slipped = self.slips[np.arange(len(actions)), self.steps]
        return super().step(actions)

    def info(self):
        if not self.slipped.any():
            return {}
        return {"slip": np.where(self.slipped, "slipped", None), "_slip": self.slipped}

    def state(self):
        return np.stack((self.place, self.steps), 1)


class FastWalk(Walk):
    """The same, whose parts for some rows are written out."""

    def begin_rows(self, rows, rngs):
        for row, rng in zip(rows, rngs, strict=True):
            self.begin(row, rng)

    def observe_rows(self, rows):
        return self.observe()[rows]

    def masks_rows(self, rows):
        return self.masks()[rows]

    def metrics_rows(self, rows):
        return {"steps": self.steps[rows], "place": self.place[rows]}


class FarWalk(Walk):
    """The same, whose actions are counted from 5."""

    def __init__(self, config: WalkConfig, num_envs: int) -> None:
        super().__init__(config, num_envs)
        self.action_space = gym.spaces.Discrete(3, start=5)

    def step(self, actions):
        return super().step(actions - 5)


@dataclass(frozen=True)
class State:
    """Place and steps as a value that is replaced, not changed."""

    place: np.ndarray
    steps: int


class LockstepWalk:
    """All rows begin and end together; the state is a frozen value, the noise drawn step by step.

    Observes a dictionary; the actions are continuous.
    """

    def __init__(self, config: WalkConfig, num_envs: int) -> None:
        self.config, self.count = config, num_envs
        self.observation_space = gym.spaces.Dict(place=gym.spaces.Box(-np.inf, np.inf, (1,), np.float32))
        self.action_space = gym.spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.state = State(np.zeros(num_envs), 0)
        self.weights = np.arange(3.0)
        self.weights.flags.writeable = False
        self.generators: list[np.random.Generator] = [np.random.default_rng(0)] * num_envs

    def begin(self, row: int, rng: np.random.Generator) -> None:
        self.generators[row] = rng
        place = self.state.place.copy()
        place[row] = rng.normal()
        self.state = State(place, 0)

    def step(self, actions):
        moved = actions[:, 0] + [rng.normal() for rng in self.generators]
        self.state = replace(self.state, place=self.state.place + moved, steps=self.state.steps + 1)
        return {"moved": moved, "place": self.state.place}

    def observe(self):
        return {"place": self.state.place[:, None].astype(np.float32)}

    def ends(self):
        return False, self.state.steps >= self.config.horizon

    def metrics(self, row: int):
        return {"steps": self.state.steps, "place": self.state.place[row]}


class QueueWalk(Walk):
    """Holds something that cannot be saved by itself."""

    def __init__(self, config: WalkConfig, num_envs: int) -> None:
        super().__init__(config, num_envs)
        self.queues = [deque() for _ in range(num_envs)]

    def step(self, actions):
        for queue, action in zip(self.queues, actions, strict=True):
            queue.append(int(action))
        return super().step(actions)

    def begin(self, row, rng):
        super().begin(row, rng)
        self.queues[row].clear()

    def observe(self):
        seen = super().observe()
        seen[:, 0] += [0.001 * sum(queue) for queue in self.queues]
        return seen.clip(-1, 1)


TAG = Rewards(
    [
        RewardTerm("time", weight=-1.0, unit="steps"),
        RewardTerm("touch", weight=5.0, unit="touches"),
        RewardTerm("distance", unit="cells"),
    ]
)["default"]
REACH = {"walker": 1, "runner": 2, "jumper": 3}
SIGHT = {"walker": 2, "runner": 3, "jumper": 5}
PREY_MOVES = np.array((-1, 0, 0, 1))


class Tag:
    """``toy/tag`` of ``tests/toys`` as a core: three unlike hunters leave when they touch the prey."""

    agents = tuple(REACH)

    def __init__(self, config, num_envs: int) -> None:
        self.config = config
        box = gym.spaces.Box
        self.observation_space = {name: box(-1.0, 1.0, (SIGHT[name],), np.float32) for name in REACH}
        self.action_space = {name: gym.spaces.Discrete(2 * REACH[name] + 1) for name in REACH}
        self.jumps = np.zeros((3, 7), np.int64)
        for agent, reach in enumerate(REACH.values()):
            sizes = [sign * size for size in range(1, reach + 1) for sign in (-1, 1)]
            self.jumps[agent, 1 : 2 * reach + 1] = sizes
        self.place = np.zeros((num_envs, 3), np.int64)
        self.prey, self.prey_move, self.steps = np.zeros((3, num_envs), np.int64)
        self.missed = np.zeros(num_envs, np.int64)

    def begin(self, row, rng):
        cells = rng.permutation(self.config.length)
        self.prey[row], self.place[row] = cells[0], cells[1:4]
        self.prey_move[row] = self.steps[row] = self.missed[row] = 0

    def masks(self):
        there = self.place[:, :, None] + self.jumps
        return (there >= 0) & (there < self.config.length)

    def step(self, actions):
        allowed = np.take_along_axis(self.masks(), actions[:, :, None], 2)[:, :, 0]
        jump = np.where(allowed & self.active, self.jumps[np.arange(3), actions], 0)
        self.place = self.place + jump
        draws = np.array([rng.choice(PREY_MOVES) for rng in self.rngs])
        moved = (self.prey + draws).clip(0, self.config.length - 1)
        self.prey_move, self.prey = moved - self.prey, moved
        self.steps = self.steps + 1
        distance = np.abs(self.place - self.prey[:, None])
        self.touched = distance == 0
        return {"time": 1.0, "touch": self.touched, "distance": distance}

    def observe(self):
        scale = 2 / (self.config.length - 1)
        seen = np.zeros((len(self.prey), 3, 5), np.float32)
        seen[:, :, 0] = self.place * scale - 1
        seen[:, :, 1] = (self.prey * scale - 1)[:, None]
        seen[:, 1:, 2] = self.prey_move[:, None]
        seen[:, 2, 3:] = self.active[:, :2]
        return seen

    def ends(self):
        late = self.steps >= self.config.horizon
        truncated = late[:, None] & ~self.touched
        self.missed = (truncated & self.active).sum(1)
        return self.touched, truncated

    def metrics(self, row):
        return {"duration": self.steps[row], "touched": 3 - self.missed[row]}
