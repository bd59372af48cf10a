"""An algorithm that learns nothing and costs nothing: for grids whose cells are to be counted, not judged.

    sandbox compare toy/corridor --algo still --plugin tests/toys/plugin.py --plugin tests/toys/still.py

Its policy takes action 1 with a probability that the seed gives; in the corridor that has a known value.
"""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from sandbox.api import Algorithm, Capabilities, TrainContext


class StillConfig(BaseModel):
    """What a cell does instead of learning."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: float = Field(0.0, ge=0.0, description="wall time of a run in s, spent waiting")
    work: float = Field(0.0, ge=0.0, description="processor time of a run in s, spent computing")
    right: float | None = Field(
        None, ge=0.0, le=1.0, description="probability of action 1; 0.4 + seed/100 if absent"
    )
    fail: bool = Field(False, description="whether the run fails")
    die_unless: str = Field("", description="file without which the process is killed, after making it")


class StillPolicy:
    """Takes action 1 with probability ``right``.

    Args:
        right: The probability.
    """

    def __init__(self, right: float) -> None:
        self._right = right
        self._rng = np.random.default_rng(0)

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Restart the generator."""
        self._rng = np.random.default_rng(seed)

    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> Any:
        """Actions 0 and 1, one a row."""
        return (self._rng.random(len(observation)) < self._right).astype(np.int64)

    def save(self, directory: Path) -> None:
        """Write ``policy.json``."""
        text = json.dumps({"algorithm": "still", "right": self._right})
        (directory / "policy.json").write_text(text)


def train(context: TrainContext) -> StillPolicy:
    """Take as many steps as are asked for, as little work as is asked for."""
    config = context.config
    right = 0.4 + context.seed / 100 if config.right is None else config.right
    policy = StillPolicy(right)
    if config.fail:
        raise ArithmeticError("asked to fail")
    if config.die_unless and not Path(config.die_unless).exists():
        Path(config.die_unless).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    parts = 20
    for part in range(1, parts + 1):
        if config.seconds:  # even a sleep of nothing gives the processor away
            time.sleep(config.seconds / parts)
        until = time.process_time() + config.work / parts
        while time.process_time() < until:
            sum(range(2_000))
        context.update(context.steps * part // parts, lambda: policy)
    return policy


def load(directory: Path) -> StillPolicy:
    """Read what ``save`` wrote."""
    return StillPolicy(json.loads((directory / "policy.json").read_text())["right"])


still = Algorithm(
    name="still",
    family="planning",
    backend="tests",
    capabilities=Capabilities(frozenset({"Box", "Discrete"}), frozenset({"Discrete"})),
    config=StillConfig,
    train=train,
    load=load,
    description="Learns nothing.",
)
