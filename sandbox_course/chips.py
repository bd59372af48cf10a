"""Placers: pre-trained on generated chips, and tuned on one that pre-training has not seen."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox_course.learning import first_name, learn, mean_of, played

MANY, ONE = "chip/small", "chip/fine-tune"


@dataclass(frozen=True)
class Pretrained:
    """A saved policy, and the processor time that it took (s)."""

    path: Path
    seconds: float


def pretrained(seed: int, steps: int, folder: Path) -> Pretrained:
    """A placer trained on many generated chips."""
    begun = time.process_time()
    policy = learn(MANY, "ppo", seed=seed, steps=steps)
    seconds = time.process_time() - begun
    path = folder / "pretrained"
    path.mkdir(parents=True)
    policy.save(path)
    return Pretrained(path, seconds)


def tuned(seed: int, steps: int, start: Path | None) -> tuple[float, float]:
    """Mean wirelength cost on the one chip after so many steps of training on it, and the processor time."""
    begun = time.process_time()
    policy: Any = learn(ONE, "ppo", seed=seed, steps=steps, init_from=start)
    seconds = time.process_time() - begun
    table = played([policy], ONE, seed=seed, episodes=5)
    return mean_of(table, first_name(table)), seconds
