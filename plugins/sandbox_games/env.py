"""Games as environments: two agents that move in turn, one agent against an opponent, and batches of both."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from sandbox.api import InvalidValueError, ObservationField, RewardSpec
from sandbox_games.judge import judged
from sandbox_games.match import Match
from sandbox_games.reward import Transition

Array = NDArray[Any]
Info = dict[str, Any]

AGENTS = ("first", "second")
"""The two seats."""

METADATA: Info = {"name": "games", "render_modes": ["rgb_array"], "render_fps": 2, "is_parallelizable": True}


def make(config: Any, reward: RewardSpec, render_mode: str | None = None) -> TwoPlayerEnv:
    """The environment of a task with two agents."""
    return TwoPlayerEnv(config, reward, render_mode)


def make_vec(config: Any, reward: RewardSpec, num_envs: int) -> TwoPlayerVectorEnv:
    """``num_envs`` copies of it, batched natively."""
    return TwoPlayerVectorEnv(config, reward, num_envs)


def make_versus(config: Any, reward: RewardSpec, render_mode: str | None = None) -> VersusEnv:
    """The environment of the task with one agent."""
    return VersusEnv(config, reward, render_mode)


def make_versus_vec(config: Any, reward: RewardSpec, num_envs: int) -> VersusVectorEnv:
    """``num_envs`` copies of it, batched natively."""
    return VersusVectorEnv(config, reward, num_envs)


class GameCore:
    """What the four environments have in common: the games, their metrics, their state.

    Attributes:
        game: The rules, see `sandbox.api.game.Game`.
        match: The games that are played.
    """

    def __init__(self, config: Any, reward: RewardSpec, copies: int) -> None:
        self.config, self.reward = config, reward
        self.match = Match(config.game, config.opponent, config.seat, config.opening, copies)
        self.game = self.match.game
        self.judges = hasattr(config, "judge_from")

    @property
    def positions(self) -> Array:
        """The present positions, one row a copy."""
        return self.match.positions

    @positions.setter
    def positions(self, positions: Array) -> None:
        """Go on from other positions; their moves so far are not known."""
        self.match.positions = positions
        self.match.refresh()

    def metrics(self, row: int) -> dict[str, float]:
        """What is reported of a game that has ended."""
        metrics = self.match.metrics(row)
        return metrics | judged(self.match, row, self.config.judge_from) if self.judges else metrics

    def action_text(self, action: Any, row: int = 0) -> str:
        """A move as people write it: the letter of its column, with the row where stones do not fall."""
        from sandbox_games.boards import drawing

        return drawing(self.match).labels.get(int(action)) or f"move {int(action)}"


def observation_fields(env: GameCore) -> list[ObservationField]:
    """What the numbers of a player's observation are."""
    fields: list[ObservationField] = env.game.fields()
    return fields


def row_spaces(game: Any) -> tuple[gym.spaces.Box, gym.spaces.Discrete[Any]]:
    """Observation and action space of one player."""
    observation = gym.spaces.Box(0.0, 1.0, game.observation_shape, np.float32)
    return observation, gym.spaces.Discrete(game.num_actions)


def _checked(render_mode: str | None) -> str | None:
    if render_mode not in (None, "rgb_array"):
        raise InvalidValueError(f"Games cannot render as '{render_mode}'.", "Use rgb_array.")
    return render_mode


class TwoPlayerEnv(GameCore, ParallelEnv):  # type: ignore[misc]
    """Two agents that move in turn.

    - **Observation**: what the game shows the player, see `sandbox_games.rules`; the last plane is 1 if it
      is one's move.
    - **Action**: the game's. Whoever waits has action 0 alone in the mask, and it is ignored. A forbidden
      action is replaced by the next legal one.
    - **Reward**: the sum of the task's terms for the player.
    - **Termination**: the game is over, for both at once. There is no truncation: games are of bounded
      length.
    - **Agents**: both, or against an opponent the one whose seat it is; the other is absent all the game.
    """

    metadata: Info = METADATA

    def __init__(self, config: Any, reward: RewardSpec, render_mode: str | None = None) -> None:
        GameCore.__init__(self, config, reward, 1)
        self.render_mode = _checked(render_mode)
        self.possible_agents = list(AGENTS)
        self.agents: list[str] = []
        self._np_random: np.random.Generator | None = None
        self._observation_space, self._action_space = row_spaces(self.game)

    def observation_space(self, agent: str) -> gym.spaces.Box:
        """The same for both."""
        return self._observation_space

    def action_space(self, agent: str) -> gym.spaces.Discrete[Any]:
        """The same for both."""
        return self._action_space

    @property
    def np_random(self) -> np.random.Generator:
        """The environment's generator, seeded by the operating system until a seed is given."""
        if self._np_random is None:
            self._np_random, _ = seeding.np_random()
        return self._np_random

    def reset(
        self, seed: int | None = None, options: Info | None = None
    ) -> tuple[dict[str, Array], dict[str, Info]]:
        """Begin a game."""
        if seed is not None:
            self._np_random, _ = seeding.np_random(seed)
        self.match.begin(np.array([0]), [self.np_random], [seed])
        self.agents = [agent for agent, here in zip(AGENTS, self.match.present()[0], strict=True) if here]
        masks = self.match.masks()[0]
        infos = {agent: {"action_mask": masks[AGENTS.index(agent)]} for agent in self.agents}
        return self._observations(), infos

    def step(self, actions: dict[str, Any]) -> tuple[Any, Any, Any, Any, Any]:
        """The move of the player whose turn it is, and the opponent's answer."""
        if not self.agents:
            raise gym.error.ResetNeeded("The game is over or has not begun: call reset() before step().")
        joint = np.array([[int(actions.get(agent, 0)) for agent in AGENTS]])
        breakdown = self.reward(self.match.play(joint, [self.np_random]))
        over = bool(self.match.status.over[0])
        masks, observations, agents = self.match.masks()[0], self._observations(), self.agents
        infos: dict[str, Info] = {}
        for agent in agents:
            seat = AGENTS.index(agent)
            terms = {name: float(values[0, seat]) for name, values in breakdown.terms.items()}
            infos[agent] = {"action_mask": masks[seat], "reward_terms": terms}
        if over:
            metrics = self.metrics(0)
            for agent in agents:
                infos[agent]["metrics"] = dict(metrics)
            self.agents = []
        return (
            observations,
            {agent: float(breakdown.total[0, AGENTS.index(agent)]) for agent in agents},
            dict.fromkeys(agents, over),
            dict.fromkeys(agents, False),
            infos,
        )

    def render(self) -> Any:
        """The board as a picture, shape ``(height, width, 3)``, uint8."""
        from sandbox_games.render import frame

        return frame(self.match) if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Nothing to free."""

    def get_state(self) -> Info:
        """All that the future depends on, the generator included."""
        generator = self.np_random.bit_generator.state
        return {"match": self.match.get_state(), "generator": generator, "agents": list(self.agents)}

    def set_state(self, state: Info) -> None:
        """Go on from what `get_state` gave, bit for bit."""
        self.match.set_state(state["match"])
        self.np_random.bit_generator.state = state["generator"]
        self.agents = list(state["agents"])

    @property
    def can_redraw(self) -> bool:
        """Whether there is an opponent, whose choices may be drawn."""
        return self.match.opponent is not None

    def redraw(self, seed: int) -> None:
        """Draw the opponent's coming choices again."""
        self._np_random = np.random.default_rng(seed)

    def _observations(self) -> dict[str, Array]:
        seen = self.match.observations()[0]
        return {agent: seen[AGENTS.index(agent)] for agent in self.agents}


class VersusEnv(GameCore, gym.Env[Array, np.int64]):
    """One agent against an opponent that answers within the step; all else as in `TwoPlayerEnv`."""

    metadata: Info = METADATA

    def __init__(self, config: Any, reward: RewardSpec, render_mode: str | None = None) -> None:
        GameCore.__init__(self, config, reward, 1)
        if self.match.opponent is None:
            raise InvalidValueError("One agent needs an opponent.", "Give config.opponent, such as mcts-100.")
        self.render_mode = _checked(render_mode)
        self.observation_space, self.action_space = row_spaces(self.game)

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Array, Info]:
        """Begin a game."""
        super().reset(seed=seed)
        self.match.begin(np.array([0]), [self.np_random], [seed])
        return self._own(self.match.observations())[0], {"action_mask": self._own(self.match.masks())[0]}

    def step(self, action: Any) -> tuple[Array, float, bool, bool, Info]:
        """A move and its answer."""
        if self.match.status.over[0] or not self.match.begun[0]:
            raise gym.error.ResetNeeded("The game is over or has not begun: call reset() before step().")
        breakdown = self.reward(self.match.play(np.full((1, 2), int(action)), [self.np_random]))
        over = bool(self.match.status.over[0])
        info: Info = {
            "action_mask": self._own(self.match.masks())[0],
            "reward_terms": {name: float(self._own(value)[0]) for name, value in breakdown.terms.items()},
        }
        if over:
            info["metrics"] = self.metrics(0)
        seen = self._own(self.match.observations())[0]
        return seen, float(self._own(breakdown.total)[0]), over, False, info

    def render(self) -> Any:
        """The board as a picture, shape ``(height, width, 3)``, uint8."""
        from sandbox_games.render import frame

        return frame(self.match) if self.render_mode == "rgb_array" else None

    def get_state(self) -> Info:
        """All that the future depends on, the generator included."""
        return {"match": self.match.get_state(), "generator": self.np_random.bit_generator.state}

    def set_state(self, state: Info) -> None:
        """Go on from what `get_state` gave, bit for bit."""
        self.match.set_state(state["match"])
        self.np_random.bit_generator.state = state["generator"]

    def redraw(self, seed: int) -> None:
        """Draw the opponent's coming choices again, as far as they are drawn."""
        self.np_random = np.random.default_rng(seed)

    def _own(self, values: Array) -> Array:
        """The column of the agent's seat."""
        column: Array = values[np.arange(len(values)), self.match.seats.astype(np.int64)]
        return column


class GameBatch(GameCore, VectorEnv[Array, Array, Array]):
    """What both native batches have in common; a copy that ends begins anew in the same step."""

    metadata: Info = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012

    def __init__(self, config: Any, reward: RewardSpec, num_envs: int) -> None:
        GameCore.__init__(self, config, reward, num_envs)
        self.num_envs = num_envs
        self.rngs = [np.random.default_rng() for _ in range(num_envs)]
        self._everyone = np.ones(num_envs, np.bool_)

    def reset(self, *, seed: Any = None, options: Info | None = None) -> tuple[Array, Info]:
        """Begin a game in every copy; an int seeds copy i with ``seed + i``."""
        if isinstance(seed, int | np.integer):
            seed = [int(seed) + copy for copy in range(self.num_envs)]
        seeds: list[int | None] = list(seed) if seed is not None else [None] * self.num_envs
        for copy, given in enumerate(seeds):
            if given is not None:
                self.rngs[copy] = seeding.np_random(given)[0]
        self.match.begin(np.arange(self.num_envs), self.rngs, seeds)
        return self._seen(), self._told()

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, Info]:
        """One move in every copy, and the opponent's answer."""
        present = self.match.present()
        transition = self.match.play(self._joint(np.asarray(actions)), self.rngs)
        ended = self.match.status.over.copy()
        last, metrics = self._seen(), self._metrics(ended)
        reward, info = self._outcome(transition, present, ended)
        if not ended.any():
            return last, reward, ended, np.zeros_like(ended), info | self._told()
        final_obs = np.full(self.num_envs, None, object)
        for copy in np.flatnonzero(ended).tolist():
            final_obs[copy] = last[copy].copy()
        final_info = info | metrics
        self.match.begin(np.flatnonzero(ended), self.rngs, [None] * self.num_envs)
        ends = {"final_obs": final_obs, "_final_obs": ended, "final_info": final_info, "_final_info": ended}
        return self._seen(), reward, ended, np.zeros_like(ended), info | self._told() | ends

    def get_state(self) -> Info:
        """All that the future depends on, the generators included."""
        return {"match": self.match.get_state(), "rngs": [rng.bit_generator.state for rng in self.rngs]}

    def set_state(self, state: Info) -> None:
        """Go on from what `get_state` gave, bit for bit."""
        self.match.set_state(state["match"])
        for rng, saved in zip(self.rngs, state["rngs"], strict=True):
            rng.bit_generator.state = saved

    def _metrics(self, ended: Array) -> Info:
        columns: dict[str, Array] = {}
        for copy in np.flatnonzero(ended).tolist():
            for name, value in self.metrics(copy).items():
                columns.setdefault(name, np.zeros(self.num_envs))[copy] = value
        presence = {f"_{name}": ended for name in columns}
        return {"metrics": columns | presence, "_metrics": ended}

    def _joint(self, actions: Array) -> Array:
        """Actions of both seats, shape ``(copies, 2)``."""
        raise NotImplementedError

    def _seen(self) -> Array:
        """The observations of now."""
        raise NotImplementedError

    def _told(self) -> Info:
        """What the info says of now."""
        raise NotImplementedError

    def _outcome(self, transition: Transition, present: Array, ended: Array) -> tuple[Array, Info]:
        """Rewards of the step, shape ``(copies,)``, and what the info says of it."""
        raise NotImplementedError


class TwoPlayerVectorEnv(GameBatch):
    """Many copies of `TwoPlayerEnv`; the two seats are the rows of a copy's action.

    Shapes are those of `sandbox.api.Task.make_vec` for parallel tasks: observations ``(copies, 2, *shape)``,
    actions ``(copies, 2)``.

    Attributes:
        agents: The two seats, in the order of the rows.
        row_observation_space, row_action_space: Spaces of one player.
    """

    def __init__(self, config: Any, reward: RewardSpec, num_envs: int) -> None:
        super().__init__(config, reward, num_envs)
        self.agents = self.possible_agents = list(AGENTS)
        self.row_observation_space, self.row_action_space = row_spaces(self.game)
        self.single_observation_space = batch_space(self.row_observation_space, 2)
        self.single_action_space = batch_space(self.row_action_space, 2)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def _joint(self, actions: Array) -> Array:
        joint: Array = actions.reshape(self.num_envs, 2)
        return joint

    def _seen(self) -> Array:
        return self.match.observations()

    def _told(self) -> Info:
        return {
            "active": self.match.present(),
            "action_mask": self.match.masks(),
            "_action_mask": self._everyone,
        }

    def _outcome(self, transition: Transition, present: Array, ended: Array) -> tuple[Array, Info]:
        breakdown = self.reward(transition)
        rewards = np.where(present, breakdown.total, 0.0)
        info: Info = {
            "acted": present,
            "agent_rewards": rewards,
            "agent_terminated": present & ended[:, None],
            "agent_truncated": np.zeros_like(present),
            "reward_terms": {name: np.where(present, value, 0.0) for name, value in breakdown.terms.items()},
        }
        return rewards.sum(1), info


class VersusVectorEnv(GameBatch):
    """Many copies of `VersusEnv`."""

    def __init__(self, config: Any, reward: RewardSpec, num_envs: int) -> None:
        super().__init__(config, reward, num_envs)
        if self.match.opponent is None:
            raise InvalidValueError("One agent needs an opponent.", "Give config.opponent, such as mcts-100.")
        self.single_observation_space, self.single_action_space = row_spaces(self.game)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def _joint(self, actions: Array) -> Array:
        return np.repeat(actions.reshape(self.num_envs, 1), 2, 1)

    def _seen(self) -> Array:
        return self._own(self.match.observations())

    def _told(self) -> Info:
        return {"action_mask": self._own(self.match.masks()), "_action_mask": self._everyone}

    def _outcome(self, transition: Transition, present: Array, ended: Array) -> tuple[Array, Info]:
        breakdown = self.reward(transition)
        terms = {name: self._own(value) for name, value in breakdown.terms.items()}
        presence = {f"_{name}": self._everyone for name in terms}
        return self._own(breakdown.total), {"reward_terms": terms | presence, "_reward_terms": self._everyone}

    def _own(self, values: Array) -> Array:
        column: Array = values[np.arange(self.num_envs), self.match.seats.astype(np.int64)]
        return column
