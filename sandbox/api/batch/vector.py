"""All rows of a core as a Gymnasium vector environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from sandbox.api.batch.actions import ActionReader
from sandbox.api.batch.core import keeps_precision
from sandbox.api.batch.rows import Rows, any_true, copied_rows, with_presence
from sandbox.api.batch.state import Restore, keeper_of, upgraded
from sandbox.api.batch.types import Array, Config, Core, Flags, Info, Observation, Space
from sandbox.api.extension import Observer
from sandbox.api.reward import RewardSpec
from sandbox.api.types import Element, VectorEnvironment

Seeds = int | Sequence[int | None] | None


class BatchedVectorEnv(VectorEnvironment):
    """A core of ``num_envs`` rows; row r with seed s plays the episodes of `BatchedEnv` with seed s.

    An episode that ends is followed by the next in the same step (autoreset mode SAME_STEP).

    Attributes:
        core: The core; what baselines read.
        config: The task's parameters.
        reward: The task's reward.
    """

    metadata: Info = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012

    def __init__(
        self,
        core: Core,
        config: Config,
        reward: RewardSpec,
        num_envs: int,
        restore: Restore = "state",
    ) -> None:
        self.core = core
        self.config, self.reward, self.num_envs, self.render_mode = config, reward, num_envs, None
        self.single_observation_space = self.core.observation_space
        self.single_action_space = self.core.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._rows = Rows(self.core, num_envs, reward)
        self._keeper = keeper_of(self._rows, restore)
        self._read = ActionReader(self.single_action_space, (num_envs,), keeps_precision(core))
        if hasattr(core, "branch"):
            self.branch = self._branch

    def reset(self, *, seed: Seeds = None, options: Info | None = None) -> tuple[Observation, Info]:
        """Begin an episode in every row, or in those of ``options["reset_mask"]``.

        Args:
            seed: One a row; None goes on with the row's generator. An int s seeds row r with s + r.
            options: ``reset_mask``, shape ``(num_envs,)``.
        """
        seed_rows(self.core.rngs, seed)
        mask = (options or {}).get("reset_mask")
        self._begin(np.arange(self.num_envs) if mask is None else np.flatnonzero(mask))
        return self._rows.observe(), self._rows.present()

    def step(self, actions: Element) -> tuple[Observation, Array, Flags, Flags, Info]:
        """One step of all rows; those that ended are reset, their last observation is in ``final_obs``."""
        rows = self._rows
        read = self._read(actions)
        self._keeper.stepped(read)
        total, terms = rows.step(read)
        terminated, truncated = rows.ends()
        observation, everyone = rows.observe(), rows.everyone
        outcome: Info = {"reward_terms": with_presence(terms, everyone), "_reward_terms": everyone}
        present = rows.present()
        if terminated is rows.nobody or not any_true(done := terminated | truncated):
            return observation, total, terminated, truncated, present | outcome
        ended = np.flatnonzero(done)
        # A term may be an array of the core's own, which the next episode overwrites.
        outcome["reward_terms"] = with_presence({name: x.copy() for name, x in terms.items()}, everyone)
        final_obs = copied_rows(observation, ended, self.num_envs)
        final_info = _final(present) | outcome
        final_info |= {"metrics": with_presence(rows.metrics(ended), done), "_metrics": done}
        self._begin(ended)
        observation = rows.observe_again(observation, ended)
        info = rows.present_again(present, ended) | outcome
        info |= {"final_obs": final_obs, "_final_obs": done, "final_info": final_info, "_final_info": done}
        return observation, total, terminated, truncated, info

    def observe_with(self, observer: Observer) -> None:
        """Show something else from now on."""
        self._rows.observer = observer
        self.single_observation_space = observer.space
        self.observation_space = batch_space(observer.space, self.num_envs)

    @property
    def state_space(self) -> Space:
        """Space of `state` of one row; an environment has one if its core has."""
        space: Space = self.core.state_space
        return space

    def state(self) -> Array:
        """The whole state of every row, where observations show only a part of it."""
        state: Array = self.core.state()
        return state

    def get_state(self) -> Info:
        """All that the future depends on, the generators included, as plain data."""
        generators = [rng.bit_generator.state for rng in self.core.rngs]
        return {"core": self._keeper.get(), "generators": generators}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` gave, bit by bit."""
        state = upgraded(self.core, state)
        self._keeper.set(state["core"])
        for rng, saved in zip(self.core.rngs, state["generators"], strict=True):
            rng.bit_generator.state = saved

    def close_extras(self, **kwargs: Any) -> None:
        """Free what the core holds."""
        if hasattr(self.core, "close"):
            self.core.close()

    def _branch(self, state: Mapping[str, Any], seeds: Sequence[int]) -> tuple[Observation, Info]:
        """Go on from a state of the single environment, row r as that does after ``redraw(seeds[r])``."""
        self.core.rngs[:] = [np.random.default_rng(seed) for seed in seeds]
        self.core.branch(state["core"], self.core.rngs)
        return self._rows.observe(), self._rows.present()

    def _begin(self, rows: Array) -> None:
        self._keeper.began(rows)
        self._rows.begin(rows)


def seed_rows(rngs: list[np.random.Generator], seed: Seeds) -> None:
    """Give rows generators of their own, as Gymnasium seeds a single environment."""
    if seed is None:
        return
    seeds = [int(seed) + row for row in range(len(rngs))] if isinstance(seed, int | np.integer) else seed
    for row, value in enumerate(seeds):
        if value is not None:
            rngs[row] = seeding.np_random(int(value))[0]


def _final(present: Info) -> Info:
    """What was true when episodes ended, without the masks of a next step that there is not."""
    return {name: values for name, values in present.items() if not name.endswith("action_mask")}
