"""Episode seeds from a range, and the log that lets a stopped training go on."""

from __future__ import annotations

from typing import Literal

import numpy as np

from sandbox.api.types import (
    Bools,
    Element,
    Environment,
    Json,
    Options,
    Reset,
    Seeds,
    Step,
    VectorEnvironment,
    VectorStep,
)
from sandbox.envs.env_state import (
    copied,
    get_state,
    restore_counters,
    same,
    set_state,
    stacked,
    wrapper_counters,
)
from sandbox.envs.wrappers import AnyVectorWrapper, AnyWrapper, reset_with

Mode = Literal["state", "replay", "none"]


class EpisodeSeeds(AnyWrapper):
    """Gives every episode an explicit seed from a range, so that no other range is ever touched.

    Args:
        env: The environment.
        seed: The run's seed.
        env_index: Index of this environment among the run's.
        low: Smallest episode seed.
        high: One above the largest.
        resume: How the environment can be restored.
    """

    def __init__(
        self, env: Environment, seed: int, env_index: int, low: int, high: int, resume: Mode = "none"
    ) -> None:
        super().__init__(env)
        self._stream = np.random.default_rng([seed, env_index])
        self._range = (low, high)
        self._env_index, self._resume = env_index, resume
        self._seed: int | None = None
        self._actions: list[Element] = []
        self._seen: Element = None

    def reset(self, *, seed: int | None = None, options: Options | None = None) -> Reset:
        """Start the next episode; a given ``seed`` restarts the stream instead of being used itself."""
        if seed is not None:
            self._stream = np.random.default_rng([seed])
        self._seed = int(self._stream.integers(*self._range))
        self._actions = []
        observation, info = self.env.reset(seed=self._seed, options=options)
        self._seen = observation
        return observation, info

    def step(self, action: Element) -> Step:
        """Step, and note the action where the episode may have to be played again."""
        if self._resume != "replay":
            return self.env.step(action)
        self._actions.append(copied(action))
        outcome = self.env.step(action)
        self._seen = outcome[0]
        return outcome

    def training_state(self) -> Json:
        """What `restore_training_state` needs."""
        state: Json = {"stream": self._stream.bit_generator.state, "seed": self._seed}
        if self._seed is None or self._resume == "none":
            return state
        if self._resume == "replay":
            return state | {"actions": stacked(self._actions), "seen": self._seen}
        return state | {"env": get_state(self.env.unwrapped), "layers": wrapper_counters(self.env)}

    def restore_training_state(self, states: list[Json]) -> bool:
        """Become what this environment was.

        Args:
            states: What `training_state` gave, of every environment.

        Returns:
            Whether a replayed episode has led to the observation that it led to before.
        """
        state = states[self._env_index]
        self._stream.bit_generator.state = state["stream"]
        self._seed, self._actions = state["seed"], []
        if self._seed is None or self._resume == "none":
            return True
        # A reset also brings wrappers into the state that they have within an episode.
        observation, _ = self.env.reset(seed=self._seed)
        if self._resume == "state":
            set_state(self.env.unwrapped, state["env"])
            restore_counters(self.env, state["layers"])
            return True
        for action in state["actions"]:
            self._actions.append(action)
            observation = self.env.step(action)[0]
        self._seen = observation
        return same(observation, state["seen"])


class EnvSeeds(AnyVectorWrapper):
    """Gives every episode of a native vector environment an explicit seed, and logs the actions.

    For native ones in DISABLED autoreset mode whose episodes are a function of seed and actions.
    Environment i has the stream of seeds that it would have as a single environment.

    Args:
        env: The native environment.
        seed: The run's seed.
        low: Smallest episode seed.
        high: One above the largest.
    """

    def __init__(self, env: VectorEnvironment, seed: int, low: int, high: int) -> None:
        super().__init__(env)
        self._streams = [np.random.default_rng([seed, index]) for index in range(env.num_envs)]
        self._range = (low, high)
        self._seeds: list[int | None] = [None] * env.num_envs
        self._actions: list[Element] = []
        self._starts = np.zeros(env.num_envs, np.int64)
        """Index in ``_actions`` of the first action of each environment's episode."""
        self._seen: Element = None

    def reset(self, *, seed: Seeds = None, options: Options | None = None) -> Reset:
        """Start the next episode in all environments or those of ``options["reset_mask"]``."""
        if seed is not None:
            seeds = seed if isinstance(seed, list) else [seed + index for index in range(self.num_envs)]
            self._streams = [np.random.default_rng([value]) for value in seeds]
        mask = (options or {}).get("reset_mask")
        rows = np.ones(self.num_envs, np.bool_) if mask is None else np.asarray(mask, np.bool_)
        for env_index in np.flatnonzero(rows).tolist():
            self._seeds[env_index] = int(self._streams[env_index].integers(*self._range))
        self._starts[rows] = len(self._actions)
        if (first := int(self._starts.min())) > 0:
            del self._actions[:first]
            self._starts -= first
        return self._begin(rows, options)

    def step(self, actions: Element) -> VectorStep:
        """Step and note the actions."""
        self._actions.append(copied(actions))
        outcome = self.env.step(actions)
        self._seen = outcome[0]
        return outcome

    def training_state(self) -> Json:
        """What `restore_training_state` needs."""
        return {
            "streams": [stream.bit_generator.state for stream in self._streams],
            "seeds": list(self._seeds),
            "actions": stacked(self._actions),
            "starts": self._starts.copy(),
            "seen": self._seen,
        }

    def restore_training_state(self, state: Json) -> bool:
        """Become what it was; where the episode began later, anything is played until then."""
        for stream, saved in zip(self._streams, state["streams"], strict=True):
            stream.bit_generator.state = saved
        self._seeds, self._starts = list(state["seeds"]), np.asarray(state["starts"]).copy()
        self._actions = []
        if None in self._seeds:
            return True
        observation, _ = self._begin(np.ones(self.num_envs, np.bool_), None)
        over = np.zeros(self.num_envs, np.bool_)
        for time, actions in enumerate(state["actions"]):
            due = over | ((self._starts == time) if time else over)
            if due.any():
                self._begin(due, {"reset_mask": due})
            self._actions.append(actions)
            observation, _, terminated, truncated, _ = self.env.step(actions)
            over = np.asarray(terminated) | np.asarray(truncated)
        due = over | (self._starts == len(self._actions)) if self._actions else over
        if due.any():
            observation, _ = self._begin(due, {"reset_mask": due})
        self._seen = observation
        return same(observation, state["seen"])

    def _begin(self, rows: Bools, options: Options | None) -> Reset:
        seeds = [seed if chosen else None for seed, chosen in zip(self._seeds, rows, strict=True)]
        observation, info = reset_with(self.env, seeds, options)
        self._seen = observation
        return observation, info


class NativeSeeds(AnyVectorWrapper):
    """Seeds a native vector environment from a range once, whatever seed a learner names.

    From there it goes on with its own generators.
    """

    def __init__(self, env: VectorEnvironment, seed: int, low: int, high: int, resume: Mode = "none") -> None:
        super().__init__(env)
        self._stream: np.random.Generator | None = np.random.default_rng([seed, 0])
        self._range = (low, high)
        self._seed, self._resume, self._starts = seed, resume, 0

    def reset(self, *, seed: Seeds = None, options: Options | None = None) -> Reset:
        """Start an episode in every environment."""
        if seed is not None:
            self._stream = np.random.default_rng(seed)
        seeds = None
        if self._stream is not None:
            seeds = self._stream.integers(*self._range, self.num_envs).tolist()
            self._stream = None
        return reset_with(self.env, seeds, options)

    def training_state(self) -> Json:
        """What `restore_training_state` needs."""
        state: Json = {"started": self._stream is None, "starts": self._starts}
        if self._resume == "state" and self._stream is None:
            state["env"] = get_state(self.env.unwrapped)
        return state

    def restore_training_state(self, state: Json) -> bool:
        """Become what it was, or be ready for new episodes with seeds of their own."""
        self._starts = state["starts"]
        if not state["started"]:
            return True
        if self._resume == "state":
            self.reset()
            set_state(self.env.unwrapped, state["env"])
        else:
            self._starts += 1
            self._stream = np.random.default_rng([self._seed, 0, self._starts])
        return True
