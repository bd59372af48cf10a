"""Multi-agent tasks for single-agent learners: parameter sharing over padded rows.

SuperSuit pads the agents' spaces to a common shape. Its vectoriser assumes that all agents live as
long as the episode and drops each agent's own ending; here a row keeps it, and says when its agent
is gone (see ``docs/decisions/0003-parameter-sharing.md``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from sandbox.api.batch.padding import unseen
from sandbox.api.derived import DerivedMetrics
from sandbox.api.errors import MisfitError
from sandbox.api.masks import mask_size, only_first
from sandbox.api.metric import Metric
from sandbox.api.types import (
    Array,
    Bools,
    Element,
    Environment,
    Info,
    Json,
    Options,
    ParallelEnvironment,
    Reset,
    Stateful,
    Step,
    VectorEnvironment,
    VectorStep,
)
from sandbox.envs.derived import one_row
from sandbox.envs.wrappers import reset_with


def padded(env: ParallelEnvironment) -> ParallelEnvironment:
    """The PettingZoo environment with all observation and action spaces padded to common ones.

    Raises:
        MisfitError: If the agents' spaces cannot be padded to a common shape.
        MissingExtraError: If SuperSuit is not installed.
    """
    try:
        from supersuit import pad_action_space_v0, pad_observations_v0
    except ModuleNotFoundError as error:
        from sandbox.api.errors import MissingExtraError

        raise MissingExtraError("A multi-agent task", ["supersuit"], "multi-agent") from error
    observation_spaces = [env.observation_space(agent) for agent in env.possible_agents]
    action_spaces = [env.action_space(agent) for agent in env.possible_agents]
    try:
        if any(space != observation_spaces[0] for space in observation_spaces):
            env = pad_observations_v0(env)
        if any(space != action_spaces[0] for space in action_spaces):
            env = pad_action_space_v0(env)
    except AssertionError as error:
        raise MisfitError(f"The agents cannot share one policy: {error}.") from error
    return env


class JointEnv(Environment):
    """All agents of a PettingZoo environment as the rows of one Gymnasium environment.

    Observations and actions are stacked in the order of ``possible_agents``, k rows. ``info`` holds,
    for the step just taken and one entry a row: ``agent_rewards``, ``agent_terminated``,
    ``agent_truncated``; ``active``, whose agents take part in the next step; and ``action_mask`` of
    shape ``(k, n)`` where the agents have masks, with padded actions false (see `sandbox.api.masks`).
    An agent that is absent has a zero observation, reward 0 and, in its mask, only the first action.

    Args:
        env: The parallel environment.
        metrics: Metrics that it does not give itself.
    """

    def __init__(self, env: ParallelEnvironment, metrics: Sequence[Metric] = ()) -> None:
        self.parallel = env
        self._derived = DerivedMetrics(metrics, 1)
        self._env = padded(env)
        self.agents: list[str] = list(env.possible_agents)
        first = self.agents[0]
        self.row_observation_space = self._env.observation_space(first)
        self.row_action_space = self._env.action_space(first)
        self.padded_actions = any(
            env.action_space(agent) != self.row_action_space for agent in env.possible_agents
        ) and isinstance(self.row_action_space, gym.spaces.Discrete)
        self.observation_space = batch_space(self.row_observation_space, len(self.agents))
        self.action_space = batch_space(self.row_action_space, len(self.agents))
        self.metadata = dict(env.metadata)
        self.render_mode = getattr(env, "render_mode", None)

    def reset(self, *, seed: int | None = None, options: Options | None = None) -> Reset:
        """Start an episode of all agents."""
        observations, infos = self._env.reset(seed=seed, options=options)
        self._derived.begin()
        present = set(self.parallel.agents)
        return self._stack(observations), self._joint_info(infos, present)

    def step(self, action: Element) -> Step:
        """Step the agents that are present; the scalar reward is the sum over agents.

        The episode ends with its last agent: terminated if every agent of the last step terminated,
        truncated otherwise.
        """
        before = list(self.parallel.agents)
        chosen = {agent: action[self.agents.index(agent)] for agent in before}
        observations, rewards, terminated, truncated, infos = self._env.step(chosen)
        # An agent that has just left is not in `agents` any more, whatever the wrapper's list says.
        after = {agent for agent in self.parallel.agents if not (terminated[agent] or truncated[agent])}
        info = self._joint_info(infos, after)
        info["agent_rewards"] = self._row_values(rewards, np.float64)
        info["agent_terminated"] = self._row_values(terminated, np.bool_)
        info["agent_truncated"] = self._row_values(truncated, np.bool_)
        info["acted"] = np.array([agent in before for agent in self.agents])
        over = not after
        if self._derived:
            self._add_derived(info, over)
        ended_by_itself = over and not any(truncated[agent] for agent in before)
        total = float(info["agent_rewards"].sum())
        return self._stack(observations), total, ended_by_itself, over and not ended_by_itself, info

    def get_state(self) -> Json:
        """The state of the wrapped environment, where it offers one."""
        return _stateful(self.parallel.unwrapped).get_state()

    def set_state(self, state: Json) -> None:
        """Bring the wrapped environment, which must have been reset, into a state."""
        _stateful(self.parallel.unwrapped).set_state(state)

    def get_layer(self) -> Json:
        """What is kept here; see `sandbox.envs.env_state.wrapper_counters`."""
        return self._derived.get_state()

    def set_layer(self, state: Json) -> None:
        """Go on from what `get_layer` gave."""
        self._derived.set_state(state)

    def render(self) -> Any:
        """A frame of the wrapped environment."""
        return self.parallel.render()

    def close(self) -> None:
        """Close the wrapped environment."""
        self.parallel.close()

    def _add_derived(self, info: Info, over: bool) -> None:
        """One step for the metrics that the environment does not give itself."""
        self._derived.add(one_row(info.get("reward_terms", {})), one_row(info))
        if over:
            derived = {name: float(values[0]) for name, values in self._derived.values().items()}
            info["metrics"] = {**derived, **info.get("metrics", {})}

    def _stack(self, observations: Mapping[str, Element]) -> Array:
        space: Any = self.observation_space
        stacked = np.zeros(space.shape, space.dtype)
        stacked[:] = unseen(self.row_observation_space)
        for row, agent in enumerate(self.agents):
            if agent in observations:
                stacked[row] = observations[agent]
        return stacked

    def _row_values(self, values: Mapping[str, float], dtype: type[np.generic]) -> Array:
        return np.array([values.get(agent, 0) for agent in self.agents], dtype)

    def _joint_info(self, infos: Mapping[str, Info], present: set[str]) -> Info:
        joint: Info = {"active": np.array([agent in present for agent in self.agents])}
        masks = {agent: info["action_mask"] for agent, info in infos.items() if "action_mask" in info}
        if masks or self.padded_actions:
            joint["action_mask"] = self._masks(masks, present)
        names = {name for info in infos.values() for name in info.get("reward_terms", {})}
        if names:
            joint["reward_terms"] = {
                name: np.array(
                    [infos.get(agent, {}).get("reward_terms", {}).get(name, 0.0) for agent in self.agents]
                )
                for name in sorted(names)
            }
        for name in ("metrics", "exogenous", "denominators"):  # of the whole system: any agent's will do
            joint |= next(({name: info[name]} for info in infos.values() if name in info), {})
        return joint

    def _masks(self, masks: Mapping[str, Array], present: set[str]) -> Bools:
        """Masks padded with false; without a mask of its own, an agent's unpadded actions are allowed."""
        stacked = np.zeros((len(self.agents), mask_size(self.row_action_space)), np.bool_)
        for row, agent in enumerate(self.agents):
            if agent not in present:
                stacked[row] = only_first(self.row_action_space)
            elif agent in masks:
                stacked[row, : len(masks[agent])] = masks[agent]
            else:
                stacked[row, : mask_size(self.parallel.action_space(agent))] = True
        return stacked


def _stateful(env: Any) -> Stateful:
    stateful: Stateful = env  # whether it is that, the task's `resume` says
    return stateful


class Rows(VectorEnvironment):
    """A vector of `JointEnv`, flattened: every agent of every environment is a row, in that order.

    ``info["active"]`` marks rows whose agent takes part in the coming step, ``info["acted"]`` those
    whose agent took part in the step just taken. A row is terminated or truncated when its agent is;
    a row whose agent left early is terminated again when the episode of its environment ends, so that
    nothing is carried from one episode into the next.

    Args:
        envs: Vector environment over `JointEnv`, or a native one of the same form, in SAME_STEP mode.
        factory: Makes a single environment, whose spaces are read; a native one has them itself.
    """

    metadata: Json = {"autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012

    def __init__(self, envs: VectorEnvironment, factory: Callable[[], Any] | None = None) -> None:
        joint: Any = envs.unwrapped if factory is None else factory()
        try:
            self.single_observation_space = joint.row_observation_space
            self.single_action_space = joint.row_action_space
            self.agents: list[str] = list(joint.agents)
        finally:
            if factory is not None:
                joint.close()
        self.joint_envs = envs
        self._num_joint_envs = envs.num_envs
        self.num_envs = self._num_joint_envs * len(self.agents)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.render_mode = None

    def reset(self, *, seed: int | list[int | None] | None = None, options: Options | None = None) -> Reset:
        """Start an episode in every environment."""
        observation, info = reset_with(self.joint_envs, seed, options)
        return self._flat(observation), self._row_info(info)

    def step(self, actions: Element) -> VectorStep:
        """Step every environment with the actions of all rows, shape ``(num_envs, *action_shape)``."""
        k = len(self.agents)
        shape: Any = self.single_action_space.shape
        shaped = np.asarray(actions).reshape(self._num_joint_envs, k, *shape)
        observation, _, all_terminated, all_truncated, info = self.joint_envs.step(shaped)
        over = np.asarray(all_terminated) | np.asarray(all_truncated)
        final = info.get("final_info", {})
        reward, terminated, truncated, acted = (
            self._of_step(info, final, over, name)
            for name in ("agent_rewards", "agent_terminated", "agent_truncated", "acted")
        )
        acted = acted.astype(bool)
        gone = ~acted & np.repeat(over, k)  # left earlier: close the empty stretch with the episode
        terminated = terminated.astype(bool) | gone
        truncated = truncated.astype(bool) & ~gone
        flat = self._flat(observation)
        rows = self._row_info(info)
        rows["acted"] = acted
        terms, last = info.get("reward_terms", {}), final.get("reward_terms", {})
        rows["reward_terms"] = {
            name: self._of_step(terms, last, over, name)
            for name in dict.fromkeys((*terms, *last))
            if not name.startswith("_")
        }
        self._add_finals(rows, info, flat, terminated | truncated, over)
        return flat, reward.astype(np.float64), terminated, truncated, rows

    def get_state(self) -> Json:
        """The state of the wrapped environment, where it has one."""
        return _stateful(self.joint_envs.unwrapped).get_state()

    def set_state(self, state: Json) -> None:
        """Go back to a state of the wrapped environment."""
        _stateful(self.joint_envs.unwrapped).set_state(state)

    def close(self, **kwargs: Any) -> None:
        """Close all environments."""
        self.joint_envs.close(**kwargs)

    def _of_step(self, info: Info, final: Info, over: Bools, name: str) -> Array:
        """A per-agent value of the step just taken; where the episode ended it is in the final info."""
        k = len(self.agents)
        values = np.zeros((self._num_joint_envs, k))
        if name in info:
            values[~over] = np.asarray(info[name])[~over]
        if name in final:
            values[over] = np.asarray(final[name])[over]
        return values.reshape(-1)

    def _row_info(self, info: Info) -> Info:
        rows: Info = {"active": np.asarray(info["active"], bool).reshape(-1)}
        if "action_mask" in info:
            mask = np.asarray(info["action_mask"], bool)
            rows["action_mask"] = mask.reshape(self.num_envs, mask.shape[-1])
        if "expert_action" in info:
            action = np.asarray(info["expert_action"])
            rows["expert_action"] = action.reshape(self.num_envs, *action.shape[2:])
        return rows

    def _add_finals(self, rows: Info, info: Info, flat: Array, done: Bools, over: Bools) -> None:
        if not done.any():
            return
        k = len(self.agents)
        final = np.full(self.num_envs, None, dtype=object)
        for row in np.flatnonzero(done):
            env_index, agent = divmod(int(row), k)
            last = info["final_obs"][env_index][agent] if over[env_index] else flat[row]
            final[row] = np.copy(last)
        rows["final_obs"], rows["_final_obs"] = final, done
        rows["final_info"], rows["_final_info"] = {}, done.copy()
        # The metrics are the environment's, so they are given once, with its first row.
        metrics = info.get("final_info", {}).get("metrics")
        if metrics is not None:
            first = np.zeros(self.num_envs, bool)
            first[np.flatnonzero(over) * k] = True
            rows["final_info"]["metrics"] = {
                name: np.repeat(np.asarray(values), k)
                for name, values in metrics.items()
                if not name.startswith("_")
            }
            rows["final_info"]["_metrics"] = first

    def _flat(self, observation: Element) -> Array:
        shape: Any = self.single_observation_space.shape
        return np.asarray(observation).reshape(self.num_envs, *shape)
