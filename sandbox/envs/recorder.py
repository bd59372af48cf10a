"""Hears of the episodes that end in the environments of a training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from sandbox.envs.infos import add_terms, final_metrics
from sandbox.envs.wrappers import AnyVectorWrapper


class EpisodeLog(AnyVectorWrapper):
    """Tells of every episode that ends in a vector environment.

    Rows whose agent is absent (``info["acted"]``) do not count.
    """

    def __init__(
        self,
        env: VectorEnv[Any, Any, Any],
        heard_return: Callable[[float], None],
        heard_metrics: Callable[[dict[str, float]], None],
        heard_terms: Callable[[dict[str, float]], None] = lambda terms: None,
    ) -> None:
        super().__init__(env)
        self._heard_return, self._heard_metrics = heard_return, heard_metrics
        self._heard_terms = heard_terms
        self._sums: NDArray[np.float64] = np.zeros(env.num_envs)
        self._terms: dict[str, NDArray[np.float64]] = {}
        self._all = np.ones(env.num_envs, bool)

    def sums(self) -> dict[str, Any]:
        """What the episodes that are being played have gathered so far."""
        return {"return": self._sums.copy(), "terms": dict(self._terms)}

    def restore(self, sums: Mapping[str, Any]) -> None:
        """Go on from what `sums` gave."""
        self._sums = np.array(sums["return"])
        self._terms = {name: np.array(values) for name, values in sums["terms"].items()}

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start over."""
        self._sums[:] = 0.0
        self._terms.clear()
        return self.env.reset(seed=seed, options=options)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Step and note the episodes that ended."""
        observation, reward, terminated, truncated, info = self.env.step(actions)
        self._sums += reward
        done = np.asarray(terminated) | np.asarray(truncated)
        if isinstance(info.get("reward_terms", info.get("final_info")), dict):
            add_terms(self._terms, info, self._all, done)
        if done.any():
            acted = info.get("acted")
            for row in np.flatnonzero(done):
                if acted is None or acted[row]:
                    self._heard_return(float(self._sums[row]))
                    if self._terms:
                        self._heard_terms({name: float(sums[row]) for name, sums in self._terms.items()})
                metrics = final_metrics(info, int(row))
                if metrics:
                    self._heard_metrics(metrics)
            self._sums[done] = 0.0
            for sums in self._terms.values():
                sums[done] = 0.0
        return observation, reward, terminated, truncated, info
