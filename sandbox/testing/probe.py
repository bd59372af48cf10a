"""Small tasks of every kind of space, on which algorithms are tested."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from sandbox.api import Domain, FiniteModel, Metric, RewardSpec, RewardTerm, Task
from sandbox.api.masks import mask_size
from sandbox.api.types import Array, Bools, Element, Info, Space
from sandbox.testing import odd_spaces
from sandbox.testing.probe_game import game_task
from sandbox.testing.probe_models import DRIFT, WALKER, Copies, SmoothWalk
from sandbox.testing.probe_models import finite_model as model_of
from sandbox.testing.probe_several import several_task

PLAIN = ("Box", "Discrete", "MultiDiscrete", "MultiBinary", "Dict")
CELLS = 5


class ProbeConfig(BaseModel):
    """A walk on a line towards its middle."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    observation: str = Field("Box", description="kind of the observation space, or an odd one's name")
    action: str = Field("Discrete", description="kind of the action space, or an odd one's name")
    masked: bool = Field(False, description="whether moves off the line are masked")
    horizon: int = Field(16, ge=1, le=1000, description="steps until truncation")
    nan_at: int = Field(0, ge=0, le=1000, description="step whose reward is no number; 0 for none")


REWARDS = {"middle": RewardSpec((RewardTerm("distance", lambda far: far, -1.0, "cells"),))}


class Probe(gym.Env[Any, Any]):
    """A place on `CELLS` cells; actions move it left or right, noise moves it now and then."""

    metadata = {"render_modes": []}  # noqa: RUF012 - Gymnasium's convention
    cells = CELLS

    def __init__(self, config: ProbeConfig, reward: RewardSpec, render_mode: str | None = None) -> None:
        self.config, self.reward, self.render_mode = config, reward, render_mode
        self.observation_space = _space(config.observation, odd_spaces.observations())
        self.action_space = _space(config.action, odd_spaces.actions())
        self.place = self.steps = 0
        self.total = 0.0

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Element, Info]:
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)  # odd observations are samples
        self.place, self.steps, self.total = int(self.np_random.integers(CELLS)), 0, 0.0
        return self._observe(), self._info()

    def step(self, action: Element) -> tuple[Element, float, bool, bool, Info]:
        drift = int(self.np_random.integers(-1, 2)) if self.np_random.random() < DRIFT else 0
        self.place = int(np.clip(self.place + self.move(action) + drift, 0, CELLS - 1))
        self.steps += 1
        breakdown = self.reward(float(abs(self.place - CELLS // 2)))
        self.total += float(breakdown.total)
        truncated = self.steps >= self.config.horizon
        info = self._info() | {"reward_terms": breakdown.terms}
        if truncated:
            info["metrics"] = {"score": self.total}
        broken = self.config.nan_at and self.steps == self.config.nan_at
        return self._observe(), float("nan") if broken else float(breakdown.total), False, truncated, info

    def move(self, action: Element) -> int:
        """Where an action leads: -1, 0 or 1 cells."""
        first = float(np.ravel(action)[0]) if self.config.action != "empty box" else 0.0
        return int(np.sign(first)) if self.config.action == "Box" else 1 if first > 0 else -1

    def mask(self) -> Bools:
        """Moves that stay on the line: of every part of the action the first value goes left."""
        allowed: Bools = np.ones(mask_size(self.action_space), bool)
        if self.place == 0:
            allowed[0] = False
        return allowed

    def get_state(self) -> dict[str, Any]:
        numbers = {"place": self.place, "steps": self.steps, "total": self.total}
        return numbers | {"rng": self.np_random.bit_generator.state}

    def set_state(self, state: dict[str, Any]) -> None:
        self.place, self.steps, self.total = int(state["place"]), int(state["steps"]), float(state["total"])
        self.np_random.bit_generator.state = state["rng"]

    def _info(self) -> Info:
        return {"action_mask": self.mask()} if self.config.masked else {}

    def _observe(self) -> Element:
        return self.observed(self.place)

    def observed(self, place: int) -> Element:
        """What is observed in a place; of an odd space a sample, whatever the place."""
        if not self.shows_place:
            sample: Element = self.observation_space.sample()
            return sample
        here: Array = np.eye(CELLS, dtype=np.float32)[place]
        kinds: dict[str, Element] = {
            "Box": here,
            "Discrete": np.int64(place),
            "MultiDiscrete": np.array([place, place % 2], np.int64),
            "MultiBinary": here.astype(np.int8),
            "Dict": {"here": here, "side": np.int64(place > CELLS // 2)},
        }
        return kinds[self.config.observation]

    @property
    def shows_place(self) -> bool:
        """Whether the place can be told from what is observed."""
        return self.config.observation in PLAIN

    def places_of(self, seen: Element) -> Array:
        """The places that are observed in these rows; 0 for an odd space."""
        kind = self.config.observation
        if not self.shows_place:
            rows = next(iter(seen.values())) if isinstance(seen, Mapping) else seen
            return np.zeros(len(rows), np.int64)
        rows = np.asarray(seen["here"] if isinstance(seen, Mapping) else seen)
        places: Array = (
            rows if kind == "Discrete" else rows[:, 0] if kind == "MultiDiscrete" else rows.argmax(1)
        )
        return places.astype(np.int64)


def _space(kind: str, odd: dict[str, Space]) -> Space:
    spaces: dict[str, Space] = {
        "Box": gym.spaces.Box(-1.0, 1.0, (CELLS,), np.float32),
        "Discrete": gym.spaces.Discrete(CELLS),
        "MultiDiscrete": gym.spaces.MultiDiscrete([CELLS, 2]),
        "MultiBinary": gym.spaces.MultiBinary(CELLS),
        "Dict": gym.spaces.Dict(
            {"here": gym.spaces.Box(0.0, 1.0, (CELLS,), np.float32), "side": gym.spaces.Discrete(2)}
        ),
    }
    return (spaces | odd)[kind]


def make(config: ProbeConfig, reward: RewardSpec, render_mode: str | None = None) -> Probe:
    """The environment of a scenario."""
    return Probe(config, reward, render_mode)


def simulator(config: ProbeConfig, reward: RewardSpec, num_envs: int) -> Copies:
    """Copies for planners."""
    return Copies(Probe(config, reward), reward, num_envs)


def finite_model(config: ProbeConfig, reward: RewardSpec) -> FiniteModel:
    """The places and what leads from one to another."""
    return model_of(Probe(config, reward), reward, config.masked, config.horizon)


def dynamics(config: ProbeConfig) -> SmoothWalk:
    """A walk with gradients that looks like this one."""
    return SmoothWalk(_space(config.observation, odd_spaces.observations()), CELLS, config.horizon)


def _task(name: str, masks: bool) -> Task:
    return Task(
        name=name,
        title="A walk to the middle of a line",
        config=ProbeConfig,
        make=make,
        rewards=REWARDS,
        default_reward="middle",
        metrics=(Metric("score", "1", "higher", "sum of rewards"),),
        masks=masks,
        cheap=True,
        resume="state",
        baselines=(WALKER,),
        finite_model=finite_model,
        simulator=simulator,
        dynamics=dynamics,
    )


domain = Domain(
    "probe",
    "Tasks to test algorithms on",
    (
        _task("free", False),
        _task("masked", True),
        several_task("several", REWARDS, False),
        several_task("several-masked", REWARDS, True),
        game_task(REWARDS),
    ),
)
