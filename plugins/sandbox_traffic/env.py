"""Gymnasium and PettingZoo environments of signal control: adapters of a `SignalBatch` of one simulation."""

from __future__ import annotations

from typing import Any, TypeVar

import gymnasium as gym
import numpy as np
from gymnasium.utils import seeding
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from sandbox.api import InvalidValueError, ObservationField, RewardSpec
from sandbox_traffic.batch import HeldBatch, as_phases, draw_seed
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.copying import reduce_by_replay
from sandbox_traffic.metrics import denominators
from sandbox_traffic.network.roads import require_one_signal
from sandbox_traffic.simulators import make_batch
from sandbox_traffic.sumo.interface import NO_VEHICLES, Vehicles

Observation = NDArray[np.float32]
Info = dict[str, Any]
T = TypeVar("T")

RENDER_MODES = ("rgb_array",)

RENDER_FPS = 6
"""Frames per second of a film; a frame is a decision of 5 s, so a second shows 30 s of traffic."""


def make_signal(config: SignalConfig, reward: RewardSpec, render_mode: str | None = None) -> SignalEnv:
    """Make an environment of the task ``traffic/signal``."""
    return SignalEnv(config, reward, render_mode)


def make_signals(config: SignalConfig, reward: RewardSpec, render_mode: str | None = None) -> SignalsEnv:
    """Make an environment of the task ``traffic/signals``."""
    return SignalsEnv(config, reward, render_mode)


class _SingleBatch:
    """A batch of one simulation, with results as one item per signal.

    Args:
        config: The parameters.
        reward: The reward of every signal.
    """

    def __init__(self, config: SignalConfig, reward: RewardSpec) -> None:
        self.batch = make_batch(config, reward)
        self.simulation = self.batch.simulations[0]
        self._phases = [len(signal.phases) for signal in self.batch.network.signals]
        self._painter: Any = None
        self._vehicles: Vehicles = NO_VEHICLES

    def step(self, phases: list[int]) -> None:
        if not self.batch.running:
            raise gym.error.ResetNeeded("The episode has ended or has not begun: call reset() before step().")
        self.batch.step(as_phases(phases, 1))

    def observations(self) -> list[Observation]:
        """Observation of each signal, without padding."""
        (rows,) = self.batch.observations()
        return [row[:size] for row, size in zip(rows, self.batch.observer.sizes, strict=True)]

    def infos(self) -> list[Info]:
        """Info of each signal."""
        (masks,), simulation = self.batch.action_masks(), self.simulation
        infos: list[Info] = [
            {
                "action_mask": mask[:phases],
                "held": held,
                "phase": clock.phase,
                "time": simulation.now,
            }
            for mask, phases, held, clock in zip(
                masks, self._phases, simulation.held, simulation.clocks, strict=True
            )
        ]
        if simulation.metrics is not None:
            signal_metrics = self.batch.signal_metrics()
            for index, info in enumerate(infos):
                info["metrics"] = dict(simulation.metrics)
                if simulation.trips is not None:
                    info["denominators"] = denominators(simulation.trips)
                info["signal_metrics"] = {
                    name: float(values[0, index]) for name, values in signal_metrics.items()
                }
        return infos

    def rewards(self) -> list[tuple[float, dict[str, float]]]:
        """Reward and reward terms of each signal."""
        return self.batch.rewards_of(0)

    def frame(self) -> NDArray[np.uint8]:
        """The network from above; after the end of the episode, with the vehicles of the last frame."""
        if self._painter is None:
            from sandbox_traffic.render import Painter

            self._painter = Painter(self.batch)
        if self.batch.running:
            self._vehicles = self.simulation.vehicles()
        picture: NDArray[np.uint8] = self._painter.frame(self._vehicles)
        return picture


class SignalEnv(gym.Env[Observation, np.int64]):
    """One signal.

    - **Observation**: shape ``(size,)``, as `sandbox_traffic.observations` defines the chosen one.
    - **Action**: the next green phase. A request that is not allowed keeps the phase; ``info["action_mask"]``
      says beforehand what is allowed, ``info["held"]`` afterwards whether the request was not.
    - **Reward**: the weighted sum of the reward terms at the end of the decision interval.
    - **Termination**: never; the time limit truncates.

    Attributes:
        batch: The batch of one simulation.
        simulation: Its simulation.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - Gymnasium declares it so
        "render_modes": list(RENDER_MODES),
        "render_fps": RENDER_FPS,
    }

    def __init__(self, config: SignalConfig, reward: RewardSpec, render_mode: str | None = None) -> None:
        _check_render_mode(render_mode)
        self.render_mode = render_mode
        self._arguments = (config, reward, render_mode)
        self._single = _SingleBatch(config, reward)
        self.batch, self.simulation = self._single.batch, self._single.simulation
        require_one_signal(self.batch.network.roads)
        observation_space, action_space = self.batch.signal_spaces(0)
        self.observation_space: gym.Space[Observation] = observation_space
        self.action_space: gym.Space[np.int64] = action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """Begin an episode; its demand and SUMO's seed are drawn from ``np_random``."""
        super().reset(seed=seed)
        self.batch.reset([draw_seed(self.np_random)])
        return self._single.observations()[0], self._single.infos()[0]

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, Info]:
        """Request a phase and let one decision interval pass."""
        self._single.step([int(action)])
        ((reward, terms),) = self._single.rewards()
        info = self._single.infos()[0] | {"reward_terms": terms}
        return self._single.observations()[0], reward, False, not self.batch.running, info

    def render(self) -> Any:
        """The network from above, shape ``(height, width, 3)``, if the mode is ``rgb_array``."""
        return self._single.frame() if self.render_mode == "rgb_array" else None

    def get_state(self) -> dict[str, Any]:
        """The generator, and the episode as `SignalBatch.get_state` has it."""
        return {"np_random": self.np_random.bit_generator.state, **self.batch.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore the generator, and replay the episode up to its last action."""
        self.np_random.bit_generator.state = state["np_random"]
        self.batch.set_state(state)

    def redraw(self, seed: int) -> None:
        """Draw the drivers again who depart from now on; see `sandbox_traffic.sumo.interface`."""
        self.batch.redraw(seed)

    def hold(self) -> HeldBatch:
        """Keep the present moment; see `SignalBatch.hold`."""
        return self.batch.hold()

    def go_on(self, held: HeldBatch) -> None:
        """Go on from a moment that was kept."""
        self.batch.go_on(held)

    def action_text(self, action: Any, row: int = 0) -> str:
        """The requested phase."""
        return f"phase {int(action)}"

    def __reduce__(self) -> Any:
        """Copies and pickles play on from the same moment; see `sandbox_traffic.copying`."""
        return reduce_by_replay(self, self._arguments)

    def close(self) -> None:
        """Free the simulator."""
        self.batch.close()


class SignalsEnv(ParallelEnv):  # type: ignore[misc]
    """All signals of a network, an agent each, named by SUMO's ids.

    Each agent has the observation, action, reward and info of `SignalEnv` for its signal. All agents stay
    to the end; the metrics are those of the whole network.

    Attributes:
        batch: The batch of one simulation.
        simulation: Its simulation.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - as PettingZoo declares it
        "name": "traffic_signals",
        "render_modes": list(RENDER_MODES),
        "render_fps": RENDER_FPS,
        "is_parallelizable": True,
    }

    def __init__(self, config: SignalConfig, reward: RewardSpec, render_mode: str | None = None) -> None:
        _check_render_mode(render_mode)
        self.render_mode = render_mode
        self._arguments = (config, reward, render_mode)
        self._single = _SingleBatch(config, reward)
        self.batch, self.simulation = self._single.batch, self._single.simulation
        self.possible_agents = [signal.id for signal in self.batch.network.signals]
        self.agents: list[str] = []
        spaces = [self.batch.signal_spaces(index) for index in range(len(self.possible_agents))]
        self.observation_spaces = self._by_agent([space for space, _ in spaces])
        self.action_spaces = self._by_agent([space for _, space in spaces])
        self._np_random: np.random.Generator | None = None

    def observation_space(self, agent: str) -> gym.Space[Observation]:
        """Observation space of ``agent``."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> gym.spaces.Discrete:
        """Action space of ``agent``."""
        return self.action_spaces[agent]

    @property
    def np_random(self) -> np.random.Generator:
        """The environment's generator, seeded by the operating system unless a seed is given."""
        if self._np_random is None:
            self._np_random, _ = seeding.np_random()
        return self._np_random

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], dict[str, Info]]:
        """Begin an episode; its demand and SUMO's seed are drawn from ``np_random``."""
        if seed is not None:
            self._np_random, _ = seeding.np_random(seed)
        self.batch.reset([draw_seed(self.np_random)])
        self.agents = list(self.possible_agents)
        return self._by_agent(self._single.observations()), self._by_agent(self._single.infos())

    def step(
        self, actions: dict[str, int]
    ) -> tuple[dict[str, Observation], dict[str, float], dict[str, bool], dict[str, bool], dict[str, Info]]:
        """Request a phase of every signal and let one decision interval pass."""
        self._single.step([int(actions[name]) for name in self.possible_agents])
        rewards = self._single.rewards()
        infos = [
            info | {"reward_terms": terms}
            for info, (_, terms) in zip(self._single.infos(), rewards, strict=True)
        ]
        ended = not self.batch.running
        if ended:
            self.agents = []
        return (
            self._by_agent(self._single.observations()),
            self._by_agent([reward for reward, _ in rewards]),
            dict.fromkeys(self.possible_agents, False),
            dict.fromkeys(self.possible_agents, ended),
            self._by_agent(infos),
        )

    def get_state(self) -> dict[str, Any]:
        """The generator, and the episode as `SignalBatch.get_state` has it."""
        return {"np_random": self.np_random.bit_generator.state, **self.batch.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore the generator, and replay the episode up to its last action."""
        self.np_random.bit_generator.state = state["np_random"]
        self.batch.set_state(state)
        self.agents = list(self.possible_agents) if self.batch.running else []

    def redraw(self, seed: int) -> None:
        """Draw the drivers again who depart from now on; see `sandbox_traffic.sumo.interface`."""
        self.batch.redraw(seed)

    def hold(self) -> HeldBatch:
        """Keep the present moment; see `SignalBatch.hold`."""
        return self.batch.hold()

    def go_on(self, held: HeldBatch) -> None:
        """Go on from a moment that was kept."""
        self.batch.go_on(held)
        self.agents = list(self.possible_agents)

    def action_text(self, action: Any, row: int = 0) -> str:
        """The requested phase."""
        return f"phase {int(action)}"

    def __reduce__(self) -> Any:
        """Copies and pickles play on from the same moment; see `sandbox_traffic.copying`."""
        return reduce_by_replay(self, self._arguments)

    def render(self) -> Any:
        """The network from above, as `SignalEnv.render`."""
        return self._single.frame() if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Free the simulator."""
        self.batch.close()

    def _by_agent(self, values: list[T]) -> dict[str, T]:
        return dict(zip(self.possible_agents, values, strict=True))


def signal_fields(env: SignalEnv) -> list[ObservationField]:
    """What the numbers of the observation are."""
    return env.batch.observer.fields(0)


def signals_fields(env: SignalsEnv) -> dict[str, list[ObservationField]]:
    """What the numbers of each signal's observation are."""
    return {name: env.batch.observer.fields(index) for index, name in enumerate(env.possible_agents)}


def _check_render_mode(render_mode: str | None) -> None:
    if render_mode not in (None, *RENDER_MODES):
        raise InvalidValueError(
            f"Signal control cannot render as '{render_mode}'.", f"It offers {', '.join(RENDER_MODES)}."
        )
