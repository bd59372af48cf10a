"""Gymnasium and PettingZoo environments of signal control: thin adapters of `SignalControl`."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import seeding
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from sandbox.api import InvalidValueError, RewardSpec
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.control import SignalControl
from sandbox_traffic.network import only_signal

Observation = NDArray[np.float32]
Info = dict[str, Any]

SEED_LIMIT = 2**31


def make_signal(config: SignalConfig, reward: RewardSpec, render_mode: str | None = None) -> SignalEnv:
    """Environment of the task ``traffic/signal``."""
    return SignalEnv(config, reward, render_mode)


def make_signals(config: SignalConfig, reward: RewardSpec, render_mode: str | None = None) -> SignalsEnv:
    """Environment of the task ``traffic/signals``."""
    return SignalsEnv(config, reward, render_mode)


class _Agent:
    """One signal's spaces, observation, reward and info."""

    def __init__(self, control: SignalControl, index: int, reward: RewardSpec) -> None:
        self._control, self._index, self._reward = control, index, reward
        self.observation_space = gym.spaces.Box(0.0, 1.0, (control.observation_size(index),), np.float32)
        self.action_space = gym.spaces.Discrete(len(control.signals[index].greens))

    def observe(self) -> Observation:
        return self._control.observe(self._index)

    def info(self) -> Info:
        control = self._control
        info: Info = {
            "action_mask": control.mask(self._index),
            "held": control.held[self._index],
            "phase": control.clocks[self._index].phase,
            "time": control.now,
        }
        if control.metrics is not None:
            info["metrics"] = dict(control.metrics)
        return info

    def outcome(self) -> tuple[float, Info]:
        breakdown = self._reward(self._control.transition(self._index))
        return float(breakdown.total), {**self.info(), "reward_terms": breakdown.terms}


class SignalEnv(gym.Env[Observation, np.int64]):
    """One signal.

    - **Observation**: shape ``(phases + 2 + 4·approaches,)`` in [0, 1]; see `SignalControl.observe`.
    - **Action**: the next green phase. A request that is not allowed yet keeps the phase;
      ``info["action_mask"]`` tells beforehand, ``info["held"]`` afterwards.
    - **Reward**: the sum of the task's terms at the end of the decision interval.
    - **Termination**: never; the time limit truncates.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - Gymnasium declares it so

    def __init__(self, config: SignalConfig, reward: RewardSpec, render_mode: str | None = None) -> None:
        _no_render(render_mode)
        self.control = SignalControl(config)
        only_signal(self.control.network)
        self._agent = _Agent(self.control, 0, reward)
        self.observation_space = self._agent.observation_space
        self.action_space = self._agent.action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """Begin an episode; its demand and SUMO's seed are drawn from ``np_random``."""
        super().reset(seed=seed)
        self.control.reset(int(self.np_random.integers(SEED_LIMIT)))
        return self._agent.observe(), self._agent.info()

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, Info]:
        """Request a phase and let one decision interval pass."""
        _check_running(self.control)
        self.control.step([int(action)])
        reward, info = self._agent.outcome()
        return self._agent.observe(), reward, False, not self.control.running, info

    def close(self) -> None:
        """Free the simulator."""
        self.control.close()


class SignalsEnv(ParallelEnv):  # type: ignore[misc]
    """All signals of a network, an agent each, named by SUMO's ids.

    Each agent has the observation, action, reward and info of `SignalEnv` for its own signal.
    Agents all stay to the end; the metrics concern the whole network.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - as PettingZoo declares it
        "name": "traffic_signals",
        "render_modes": [],
        "is_parallelizable": True,
    }

    def __init__(self, config: SignalConfig, reward: RewardSpec, render_mode: str | None = None) -> None:
        _no_render(render_mode)
        self.render_mode = render_mode
        self.control = SignalControl(config)
        self.possible_agents = [signal.id for signal in self.control.signals]
        self.agents: list[str] = []
        self._agents = {name: _Agent(self.control, i, reward) for i, name in enumerate(self.possible_agents)}
        self.observation_spaces = {name: agent.observation_space for name, agent in self._agents.items()}
        self.action_spaces = {name: agent.action_space for name, agent in self._agents.items()}
        self._np_random: np.random.Generator | None = None

    def observation_space(self, agent: str) -> gym.spaces.Box:
        """Observation space of ``agent``."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> gym.spaces.Discrete:
        """Action space of ``agent``."""
        return self.action_spaces[agent]

    @property
    def np_random(self) -> np.random.Generator:
        """The environment's generator, seeded by the operating system until a seed is given."""
        if self._np_random is None:
            self._np_random, _ = seeding.np_random()
        return self._np_random

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], dict[str, Info]]:
        """Begin an episode; its demand and SUMO's seed are drawn from ``np_random``."""
        if seed is not None:
            self._np_random, _ = seeding.np_random(seed)
        self.control.reset(int(self.np_random.integers(SEED_LIMIT)))
        self.agents = list(self.possible_agents)
        observations = {name: agent.observe() for name, agent in self._agents.items()}
        return observations, {name: agent.info() for name, agent in self._agents.items()}

    def step(
        self, actions: dict[str, int]
    ) -> tuple[dict[str, Observation], dict[str, float], dict[str, bool], dict[str, bool], dict[str, Info]]:
        """Request every signal's phase and let one decision interval pass."""
        _check_running(self.control)
        self.control.step([actions[name] for name in self.possible_agents])
        observations, rewards, infos = {}, {}, {}
        for name, agent in self._agents.items():
            observations[name] = agent.observe()
            rewards[name], infos[name] = agent.outcome()
        over = not self.control.running
        ended = dict.fromkeys(self.possible_agents, over)
        if over:
            self.agents = []
        return observations, rewards, dict.fromkeys(self.possible_agents, False), ended, infos

    def render(self) -> None:
        """Nothing: no render mode is offered."""

    def close(self) -> None:
        """Free the simulator."""
        self.control.close()


def _no_render(render_mode: str | None) -> None:
    if render_mode is not None:
        raise InvalidValueError(
            f"Signal control cannot render as '{render_mode}'.", "It offers no render mode."
        )


def _check_running(control: SignalControl) -> None:
    if not control.running:
        raise gym.error.ResetNeeded("The episode has ended or has not begun: call reset() before step().")
