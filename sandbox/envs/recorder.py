"""Records the episodes that end in a vector environment."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sandbox.api.types import Element, Json, Options, Reset, Seeds, VectorEnvironment, VectorStep
from sandbox.envs.infos import add_terms, final_metrics
from sandbox.envs.wrappers import AnyVectorWrapper, reset_with


class EpisodeLog(AnyVectorWrapper):
    """Calls back at every episode that ends in a vector environment.

    Rows whose agent is absent (``info["acted"]``) do not count.

    Args:
        env: The vector environment.
        on_return: Called with the return of every row's episode.
        on_metrics: Called with the metrics of every environment's episode.
        on_terms: Called with the reward terms of every row's episode, summed over its steps.
    """

    def __init__(
        self,
        env: VectorEnvironment,
        on_return: Callable[[float], None],
        on_metrics: Callable[[dict[str, float]], None],
        on_terms: Callable[[dict[str, float]], None] = lambda terms: None,
    ) -> None:
        super().__init__(env)
        self._on_return, self._on_metrics = on_return, on_metrics
        self._on_terms = on_terms
        self._sums: NDArray[np.float64] = np.zeros(env.num_envs)
        self._terms: dict[str, NDArray[np.float64]] = {}
        self._all = np.ones(env.num_envs, bool)

    def sums(self) -> Json:
        """The sums of the episodes under way."""
        return {"return": self._sums.copy(), "terms": dict(self._terms)}

    def restore(self, sums: Json) -> None:
        """Go on from what `sums` gave."""
        self._sums = np.array(sums["return"])
        self._terms = {name: np.array(values) for name, values in sums["terms"].items()}

    def reset(self, *, seed: Seeds = None, options: Options | None = None) -> Reset:
        """Start over."""
        self._sums[:] = 0.0
        self._terms.clear()
        return reset_with(self.env, seed, options)

    def step(self, actions: Element) -> VectorStep:
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
                    self._on_return(float(self._sums[row]))
                    if self._terms:
                        self._on_terms({name: float(sums[row]) for name, sums in self._terms.items()})
                metrics = final_metrics(info, int(row))
                if metrics:
                    self._on_metrics(metrics)
            self._sums[done] = 0.0
            for sums in self._terms.values():
                sums[done] = 0.0
        return observation, reward, terminated, truncated, info
