"""Eat every item on a small grid. Forbidden actions are masked; taken anyway, they do nothing and count."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from sandbox.api import RewardSpec, RewardTerm

UP, DOWN, LEFT, RIGHT, EAT = range(5)
MOVES = np.array([(-1, 0), (1, 0), (0, -1), (0, 1)])


class ForageConfig(BaseModel):
    """Parameters of the grid."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(4, ge=2, le=16, description="cells along a side, cells")
    items: int = Field(3, ge=1, le=64, description="items to eat, items")
    horizon: int = Field(40, ge=1, le=10_000, description="steps until truncation")

    @model_validator(mode="after")
    def _room(self) -> ForageConfig:
        if self.items >= self.size**2:
            raise ValueError(f"{self.items} items do not fit on {self.size**2} cells beside the forager")
        return self


@dataclass(frozen=True, slots=True)
class Transition:
    """One step: items eaten in it, and whether the action was forbidden."""

    eaten: int
    forbidden: bool


REWARDS = {
    "clear": RewardSpec(
        (
            RewardTerm("eaten", lambda step: float(step.eaten), 1.0, "items", description="items eaten"),
            RewardTerm("time", lambda step: 1.0, -0.1, "steps", description="1 for every step"),
            RewardTerm(
                "forbidden", lambda step: float(step.forbidden), 0.0, "actions", description="against mask"
            ),
        )
    )
}


class ForageEnv(gym.Env[Any, Any]):
    """A forager on a ``size × size`` grid.

    Observation: ``(2 · size²,)`` in {0, 1}: where the items are, then where the forager is, row by row.
    Action: up, down, left, right, eat. Mask: no step off the grid, no eating on an empty cell.
    Terminated when everything is eaten, truncated at the horizon.
    """

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 5}  # noqa: RUF012 - Gymnasium's convention

    def __init__(self, config: ForageConfig, reward: RewardSpec, render_mode: str | None = None) -> None:
        self.config, self.reward, self.render_mode = config, reward, render_mode
        self.observation_space = gym.spaces.Box(0.0, 1.0, (2 * config.size**2,), np.float32)
        self.action_space = gym.spaces.Discrete(5)
        self.items: Any = np.zeros((config.size, config.size), np.bool_)
        self.place: Any = np.zeros(2, np.int64)
        self.steps = self.eaten = self.forbidden = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        size = self.config.size
        cells = self.np_random.permutation(size * size)[: self.config.items + 1]
        self.items = np.zeros((size, size), np.bool_)
        self.items.flat[cells[1:]] = True
        self.place = np.array(divmod(int(cells[0]), size))
        self.steps = self.eaten = self.forbidden = 0
        return self._observe(), {"action_mask": self.mask()}

    def mask(self) -> Any:
        """Allowed actions, shape ``(5,)``."""
        there = self.place + MOVES
        inside = ((there >= 0) & (there < self.config.size)).all(1)
        return np.append(inside, self.items[tuple(self.place)])

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        forbidden = not self.mask()[action]
        eaten = 0
        if not forbidden and action == EAT:
            self.items[tuple(self.place)] = False
            eaten = 1
        elif not forbidden:
            self.place = self.place + MOVES[action]
        self.steps += 1
        self.eaten += eaten
        self.forbidden += forbidden
        terminated = not self.items.any()
        truncated = not terminated and self.steps >= self.config.horizon
        breakdown = self.reward(Transition(eaten, forbidden))
        info: dict[str, Any] = {
            "reward_terms": breakdown.terms,
            "action_mask": self.mask(),
            "forbidden": forbidden,
        }
        if terminated or truncated:
            info["metrics"] = {
                "duration": float(self.steps),
                "eaten": float(self.eaten),
                "forbidden": float(self.forbidden),
            }
        return self._observe(), float(breakdown.total), bool(terminated), truncated, info

    def _observe(self) -> Any:
        here = np.zeros_like(self.items)
        here[tuple(self.place)] = True
        return np.concatenate((self.items.ravel(), here.ravel())).astype(np.float32)

    def render(self) -> Any:
        """Text, or a picture with nine pixels a cell: items green, the forager red."""
        if self.render_mode == "rgb_array":
            picture = np.full((self.config.size, self.config.size, 3), 255, np.uint8)
            picture[self.items] = (0, 128, 0)
            picture[tuple(self.place)] = (255, 0, 0)
            return picture.repeat(9, 0).repeat(9, 1)
        if self.render_mode != "ansi":
            return None
        cells = np.where(self.items, "*", ".")
        cells[tuple(self.place)] = "@"
        return "\n".join("".join(row) for row in cells)


def make(config: ForageConfig, reward: RewardSpec, render_mode: str | None = None) -> ForageEnv:
    """The environment of a scenario."""
    return ForageEnv(config, reward, render_mode)


class GreedyPolicy:
    """Walks to the nearest item, rows before columns, and eats it; reads only the observation."""

    def __init__(self, size: int) -> None:
        self.size = size

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        pass

    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> Any:
        return np.array([self._choose(row) for row in np.asarray(observation)])

    def _choose(self, row: Any) -> int:
        items, here = row.reshape(2, self.size, self.size) > 0.5
        if not items.any():  # a row whose episode has ended
            return UP
        offsets = np.argwhere(items) - np.argwhere(here)[0]
        down, right = offsets[np.abs(offsets).sum(1).argmin()]
        if down:
            return DOWN if down > 0 else UP
        if right:
            return RIGHT if right > 0 else LEFT
        return EAT

    def save(self, directory: Path) -> None:
        raise NotImplementedError("a baseline is made from its environment, not from a file")


def make_greedy(env: Any) -> GreedyPolicy:
    """Nearest item first."""
    return GreedyPolicy(env.config.size)


def draw_replay(request: Any) -> None:
    """Items and the forager on the grid, and the reward of every step."""
    from sandbox.api.replay import write_replay

    episodes = [_replay(request, agent, seed) for agent in request.agents for seed in request.seeds]
    write_replay(request.path, request.scenario, episodes)


def _replay(request: Any, agent: Any, seed: int) -> Any:
    from sandbox.api.replay import Episode, Kind, Rectangles, Scene, StepLog, Things

    log, frames, size = StepLog(request.weights), [], 0

    def watch(env: Any, moment: Any) -> None:
        nonlocal size
        log.add(moment)
        size = env.config.size
        rows, columns = np.nonzero(env.items)
        frames.append(
            {
                "id": [*(rows * size + columns + 1), 0],
                "x": [*columns, env.place[1]],
                "y": [*-rows, -env.place[0]],
                "kind": [*np.ones(len(rows)), 0],
            }
        )

    record = request.play(agent, seed, watch)
    kinds = [Kind(name="forager", colour="bad"), Kind(name="item", shape="circle", length=0.5)]
    grid = Rectangles(boxes=[(-0.5, 0.5 - size, size, size)], line="line")
    return Episode(
        agent=agent.name,
        seed=seed,
        frames=len(frames),
        metrics=record.metrics,
        scene=Scene(shapes=[grid], things=[Things.of(frames, kinds)]),
        series=log.series(),
        texts=log.texts(),
    )
