"""Algorithms with one fault each, for the suite that finds it; `sound` has none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from sandbox.api import Algorithm, Capabilities, Interaction, driven


class Nothing(BaseModel):
    """Nothing can be set."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Drawn:
    """An action drawn with learned weights, the mask heeded."""

    def __init__(self, weights: Any, heeds: bool = True, offset: int = 0, name: str = "sound") -> None:
        self.weights, self.heeds, self.offset = np.asarray(weights, float), heeds, offset
        self.name = name

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        self.rng = np.random.default_rng(seed)

    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> Any:
        rows = len(observation)
        scores = np.tile(self.weights, (rows, 1))
        if not deterministic:
            scores = scores + self.rng.random(scores.shape)
        if mask is not None and self.heeds:
            scores = np.where(mask, scores, -np.inf)
        return scores.argmax(1) + self.offset

    def save(self, directory: Path) -> None:
        document = {"weights": self.weights.tolist(), "heeds": self.heeds, "offset": self.offset}
        (directory / "policy.json").write_text(json.dumps({"algorithm": self.name, **document}))


def load(directory: Path) -> Drawn:
    """Read what ``save`` wrote."""
    document = json.loads((directory / "policy.json").read_text())
    return Drawn(document["weights"], document["heeds"], document["offset"])


def forgetful(directory: Path) -> Drawn:
    """Read what ``save`` wrote, but for the last weight."""
    policy = load(directory)
    policy.weights[-1] = 9.0
    return policy


class Sound:
    """Adds what actions earned, and noise of its own, to their weights."""

    heeds, offset, forgets, draws, name = True, 0, False, False, "sound"

    def __init__(self, context: Any) -> None:
        self.play = Interaction(context)
        self.rng = np.random.default_rng(None if self.draws else context.seed)
        space = context.action_space
        self.weights = np.zeros(space.n)
        self.first = int(getattr(space, "start", 0)) + self.offset

    def iterate(self) -> tuple[int, dict[str, float]]:
        for _ in range(8):
            policy = self.policy()
            policy.rng = self.rng
            seen = self.play.step(policy.act(self.play.observation, self.play.mask, deterministic=False))
            np.add.at(self.weights, seen.action - self.first, 0.01 * seen.reward)
        self.weights += 0.1 * self.rng.standard_normal(len(self.weights))
        return 8 * self.play.rows, {}

    def policy(self) -> Drawn:
        return Drawn(self.weights.copy(), self.heeds, self.first, self.name)

    def get_state(self) -> dict[str, Any]:
        rng = {} if self.forgets else {"rng": self.rng.bit_generator.state}
        return {"weights": self.weights, "play": self.play.get_state(), **rng}

    def set_state(self, state: dict[str, Any]) -> None:
        self.weights = np.array(state["weights"])
        self.play.set_state(state["play"])
        if not self.forgets:
            self.rng.bit_generator.state = state["rng"]


class Deaf(Sound):
    """Takes no heed of masks."""

    heeds = False


class Beside(Sound):
    """Acts one beside its space."""

    offset = 1


class Forgets(Sound):
    """Leaves its generator out of its state."""

    forgets = True


class Draws(Sound):
    """Draws from the operating system."""

    draws = True


class Loses(Sound):
    """Is read by `forgetful`."""

    name = "loses"


def _algorithm(name: str, learner: type[Sound], loader: Any = load, actions: str = "Discrete") -> Algorithm:
    return Algorithm(
        name=name,
        family="policy-gradient",
        backend="tests",
        capabilities=Capabilities(frozenset({"Box"}), frozenset({actions}), masks=True, exact_resume=True),
        config=Nothing,
        train=driven(learner),
        load=loader,
        description="One fault.",
    )


sound = _algorithm("sound", Sound)
deaf = _algorithm("deaf", Deaf)
beside = _algorithm("beside", Beside)
forgets = _algorithm("forgets", Forgets)
draws = _algorithm("draws", Draws)
loses = _algorithm("loses", Loses, forgetful)
boasts = _algorithm("boasts", Sound, actions="MultiBinary")
