"""Gymnasium and PettingZoo environments of signal control: thin adapters of `Copies`, of one copy."""

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
from sandbox_traffic.copies import Copies
from sandbox_traffic.network import only_signal
from sandbox_traffic.simulator import NOBODY, Vehicles
from sandbox_traffic.spaces import signal_spaces
from sandbox_traffic.vector import SEED_LIMIT

Observation = NDArray[np.float32]
Info = dict[str, Any]

RENDER_MODES = ("rgb_array",)

RENDER_FPS = 6
"""Frames a second in films: a frame is a decision, so 30 s of traffic pass in one of a film."""


def make_signal(config: SignalConfig, reward: RewardSpec, render_mode: str | None = None) -> SignalEnv:
    """Environment of the task ``traffic/signal``."""
    return SignalEnv(config, reward, render_mode)


def make_signals(config: SignalConfig, reward: RewardSpec, render_mode: str | None = None) -> SignalsEnv:
    """Environment of the task ``traffic/signals``."""
    return SignalsEnv(config, reward, render_mode)


class _One:
    """The only copy, told signal by signal; also its episode as a seed and actions."""

    def __init__(self, config: SignalConfig, reward: RewardSpec) -> None:
        self.copies = Copies(config, reward)
        self.control = self.copies.controls[0]
        self.sizes = self.copies.observer.sizes
        self._painter: Any = None
        self._seen: Vehicles = NOBODY
        self._phases = [len(signal.greens) for signal in self.control.signals]
        self._seed: int | None = None
        self._played: list[list[int]] = []

    def reset(self, seed: int) -> None:
        self._seed, self._played = seed, []
        self.copies.reset({0: seed})

    def step(self, phases: list[int]) -> None:
        _check_running(self.control)
        self.copies.step(np.array([phases]))
        self._played.append(phases)

    def observations(self) -> list[Observation]:
        """One for each signal, without padding."""
        (rows,) = self.copies.observe()
        return [row[:size] for row, size in zip(rows, self.sizes, strict=True)]

    def infos(self) -> list[Info]:
        control = self.control
        (masks,) = self.copies.masks()
        metrics = {} if control.metrics is None else {"metrics": dict(control.metrics)}
        own = self.copies.signal_metrics() if metrics else {}
        return [
            {
                "action_mask": mask[:count],
                "held": held,
                "phase": clock.phase,
                "time": control.now,
                **metrics,
                **({"signal_metrics": {name: float(own[name][0, at]) for name in own}} if own else {}),
            }
            for at, (mask, count, held, clock) in enumerate(
                zip(masks, self._phases, control.held, control.clocks, strict=True)
            )
        ]

    def outcomes(self) -> list[tuple[float, Info]]:
        """Reward and info of each signal."""
        breakdown = self.copies.outcome()
        totals = breakdown.total[0].tolist()
        terms = {name: values[0].tolist() for name, values in breakdown.terms.items()}
        return [
            (total, {**info, "reward_terms": {name: values[at] for name, values in terms.items()}})
            for at, (total, info) in enumerate(zip(totals, self.infos(), strict=True))
        ]

    def frame(self) -> NDArray[np.uint8]:
        """The network from above; after the end of the episode, with the vehicles of the last frame."""
        if self._painter is None:
            from sandbox_traffic.render import Painter

            self._painter = Painter(self.control)
        if self.control.running:
            self._seen = self.control.vehicles()
        picture: NDArray[np.uint8] = self._painter.frame(self._seen)
        return picture

    def state(self) -> dict[str, Any]:
        return {
            "seed": self._seed,
            "actions": np.array(self._played, dtype=np.int64).reshape(-1, len(self._phases)),
        }

    def play_again(self, state: dict[str, Any]) -> None:
        """Begin the episode of a state and play it up to where it was."""
        if state["seed"] is None:
            return
        self.reset(int(state["seed"]))
        for phases in np.asarray(state["actions"]).tolist():
            self.step(phases)


class SignalEnv(gym.Env[Observation, np.int64]):
    """One signal.

    - **Observation**: shape ``(size,)``, as `sandbox_traffic.observations` describes the chosen one.
    - **Action**: the next green phase. A request that is not allowed yet keeps the phase;
      ``info["action_mask"]`` tells beforehand, ``info["held"]`` afterwards.
    - **Reward**: the sum of the task's terms at the end of the decision interval.
    - **Termination**: never; the time limit truncates.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - Gymnasium declares it so
        "render_modes": list(RENDER_MODES),
        "render_fps": RENDER_FPS,
    }

    def __init__(self, config: SignalConfig, reward: RewardSpec, render_mode: str | None = None) -> None:
        _check_mode(render_mode)
        self.render_mode = render_mode
        self._one = _One(config, reward)
        self.control = self._one.control
        only_signal(self.control.network)
        observed, chosen = signal_spaces(self._one.copies, 0)
        self.observation_space: gym.Space[Observation] = observed
        self.action_space: gym.Space[np.int64] = chosen

    @property
    def controls(self) -> list[SignalControl]:
        """The simulation, as vector environments list theirs."""
        return [self.control]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """Begin an episode; its demand and SUMO's seed are drawn from ``np_random``."""
        super().reset(seed=seed)
        self._one.reset(int(self.np_random.integers(SEED_LIMIT)))
        return self._one.observations()[0], self._one.infos()[0]

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, Info]:
        """Request a phase and let one decision interval pass."""
        self._one.step([int(action)])
        ((reward, info),) = self._one.outcomes()
        return self._one.observations()[0], reward, False, not self.control.running, info

    def render(self) -> Any:
        """The network from above, shape ``(height, width, 3)``, where the mode is ``rgb_array``."""
        return self._one.frame() if self.render_mode == "rgb_array" else None

    def get_state(self) -> dict[str, Any]:
        """The generator, and the episode as its seed and its actions."""
        return {"np_random": self.np_random.bit_generator.state, **self._one.state()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Play the episode again up to where it was: SUMO's own states are not exact."""
        self.np_random.bit_generator.state = state["np_random"]
        self._one.play_again(state)

    def close(self) -> None:
        """Free the simulator."""
        self._one.copies.close()


class SignalsEnv(ParallelEnv):  # type: ignore[misc]
    """All signals of a network, an agent each, named by SUMO's ids.

    Each agent has the observation, action, reward and info of `SignalEnv` for its own signal.
    Agents all stay to the end; the metrics concern the whole network.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - as PettingZoo declares it
        "name": "traffic_signals",
        "render_modes": list(RENDER_MODES),
        "render_fps": RENDER_FPS,
        "is_parallelizable": True,
    }

    def __init__(self, config: SignalConfig, reward: RewardSpec, render_mode: str | None = None) -> None:
        _check_mode(render_mode)
        self.render_mode = render_mode
        self._one = _One(config, reward)
        self.control = self._one.control
        self.possible_agents = [signal.id for signal in self.control.signals]
        self.agents: list[str] = []
        spaces = [signal_spaces(self._one.copies, at) for at in range(len(self.possible_agents))]
        self.observation_spaces = {
            name: space for name, (space, _) in zip(self.possible_agents, spaces, strict=True)
        }
        self.action_spaces = {
            name: space for name, (_, space) in zip(self.possible_agents, spaces, strict=True)
        }
        self._np_random: np.random.Generator | None = None

    @property
    def controls(self) -> list[SignalControl]:
        """The simulation, as vector environments list theirs."""
        return [self.control]

    def observation_space(self, agent: str) -> gym.Space[Observation]:
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
        self._one.reset(int(self.np_random.integers(SEED_LIMIT)))
        self.agents = list(self.possible_agents)
        return self._named(self._one.observations()), self._named(self._one.infos())

    def step(
        self, actions: dict[str, int]
    ) -> tuple[dict[str, Observation], dict[str, float], dict[str, bool], dict[str, bool], dict[str, Info]]:
        """Request every signal's phase and let one decision interval pass."""
        self._one.step([int(actions[name]) for name in self.possible_agents])
        outcomes = self._one.outcomes()
        observations = self._named(self._one.observations())
        rewards = self._named([reward for reward, _ in outcomes])
        infos = self._named([info for _, info in outcomes])
        over = not self.control.running
        ended = dict.fromkeys(self.possible_agents, over)
        if over:
            self.agents = []
        return observations, rewards, dict.fromkeys(self.possible_agents, False), ended, infos

    def get_state(self) -> dict[str, Any]:
        """The generator, and the episode as its seed and its actions."""
        return {"np_random": self.np_random.bit_generator.state, **self._one.state()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Play the episode again up to where it was: SUMO's own states are not exact."""
        self.np_random.bit_generator.state = state["np_random"]
        self._one.play_again(state)
        self.agents = list(self.possible_agents) if self.control.running else []

    def render(self) -> Any:
        """The network from above, as `SignalEnv.render`."""
        return self._one.frame() if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Free the simulator."""
        self._one.copies.close()

    def _named(self, values: list[Any]) -> dict[str, Any]:
        return dict(zip(self.possible_agents, values, strict=True))


def _check_mode(render_mode: str | None) -> None:
    if render_mode not in (None, *RENDER_MODES):
        raise InvalidValueError(
            f"Signal control cannot render as '{render_mode}'.", f"It offers {', '.join(RENDER_MODES)}."
        )


def _check_running(control: SignalControl) -> None:
    if not control.running:
        raise gym.error.ResetNeeded("The episode has ended or has not begun: call reset() before step().")
