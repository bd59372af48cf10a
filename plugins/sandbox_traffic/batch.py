"""Simulations of one network side by side: the batched core of all environments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from sandbox.api import RewardBreakdown, RewardSpec
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.digest import Moment, make_digest
from sandbox_traffic.dynamics import PhaseClock
from sandbox_traffic.metrics import SignalMetrics
from sandbox_traffic.network.signal_network import SignalNetwork, load_network
from sandbox_traffic.observations import OBSERVATIONS, Observer
from sandbox_traffic.reward import Transition
from sandbox_traffic.simulation import Held, SignalSimulation
from sandbox_traffic.state import NetworkState, read_state
from sandbox_traffic.sumo_programs import sumo_programs

EMISSION_TERMS = ("co2", "fuel")
"""Reward terms for which emissions are computed."""

SEED_LIMIT = 2**31
"""Seeds of episodes are below this: SUMO takes signed 32-bit seeds."""


@dataclass(frozen=True)
class HeldBatch:
    """A moment of all simulations; see `SignalBatch.hold`."""

    simulations: list[Held]
    seeds: list[int]
    actions: list[NDArray[np.int64]]
    redrawn: list[tuple[int, int]]

    def release(self) -> None:
        """End the processes that keep it."""
        for simulation in self.simulations:
            simulation.release()


class SignalBatch:
    """Several simulations that begin their episodes together and run at the same time.

    Results for one simulation do not depend on how many there are.

    Args:
        config: The parameters.
        reward: The reward of every signal.
        num_envs: Number of simulations.
        network: The network of ``config``, if it has been loaded.

    Attributes:
        network: The network.
        simulations: The simulations.
        observer: Makes observations.
        seeds: Seed of each simulation's present episode; empty before the first.
        actions: Phases requested since the episodes began, shape ``(num_envs, signals)`` each.
        program: The kind of program that SUMO runs at the signals, empty where requests decide.
        program_from: Decisions before it took over.
        redrawn: Decisions before later drivers were drawn again, and the seed of that.
    """

    def __init__(
        self,
        config: SignalConfig,
        reward: RewardSpec,
        num_envs: int = 1,
        network: SignalNetwork | None = None,
    ) -> None:
        if not config.emissions and any(reward.weights.get(term) for term in EMISSION_TERMS):
            config = config.model_copy(update={"emissions": True})
        self.network = load_network(config) if network is None else network
        self.program, self.program_from = "", 0
        self.observer = Observer(self.network, OBSERVATIONS[config.observation])
        self.seeds: list[int] = []
        self.actions: list[NDArray[np.int64]] = []
        self.redrawn: list[tuple[int, int]] = []
        self._reward = reward
        self._values = np.zeros((num_envs, self.network.spec.size))
        self.simulations = self._make_simulations()
        self._state: NetworkState | None = None
        self._previous: NetworkState | None = None
        self._begun = False
        self._requested = np.zeros((num_envs, len(self.network.signals)), dtype=np.int64)
        self._signal_metrics = SignalMetrics(num_envs, len(self.network.signals))
        observation = OBSERVATIONS[config.observation]
        self._digest = make_digest(self.network, self.observer, observation, reward, self._values)
        if self._digest is not None:
            self._signal_metrics.take(self._digest.sums, self._digest.seconds)

    def _make_simulations(self) -> list[SignalSimulation]:
        """The simulations, one for each row of values."""
        return [SignalSimulation(self.network, row) for row in self._values]

    @property
    def state(self) -> NetworkState:
        """All simulations at the present time."""
        if not self._begun:
            raise RuntimeError("no episode has begun: call reset() first")
        if self._state is None and self._digest is not None:
            self._state = self._digest.state()
        elif self._state is None:
            now = [simulation.now for simulation in self.simulations]
            self._state = read_state(self.network, self._values, now, self._clocks())
        return self._state

    @property
    def running(self) -> bool:
        """Whether episodes have begun and not ended."""
        return self.simulations[0].running

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin the episode of each simulation's seed."""
        self.reset_async(seeds)
        self.reset_wait()

    def reset_async(self, seeds: Sequence[int]) -> None:
        """Request the episodes of these seeds."""
        self.seeds, self.actions = [int(seed) for seed in seeds], []
        self.program, self.program_from = "", 0
        self.redrawn = []
        for simulation, seed in zip(self.simulations, self.seeds, strict=True):
            simulation.reset_async(seed)

    def reset_wait(self) -> None:
        """Wait until the episodes have begun."""
        for simulation in self.simulations:
            simulation.reset_wait()
        self._look(Moment.BEGIN)

    def follow(self, program: str) -> None:
        """Leave all signals to SUMO for the rest of the episode.

        Requests are then ignored, and `phases` tells what SUMO shows. Before the first decision, SUMO has not
        been interfered with: its own programs run as they do without an environment.

        Args:
            program: What SUMO runs; see `sandbox_traffic.sumo_programs.sumo_programs`.
        """
        programs = sumo_programs(self.network, program)
        self.program, self.program_from = program, len(self.actions)
        for simulation in self.simulations:
            simulation.follow_async(programs)
        for simulation in self.simulations:
            simulation.follow_wait()
        self._look(Moment.AGAIN)

    def step(self, phases: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Request phases, shape ``(num_envs, signals)``, and let one decision interval pass.

        Returns:
            Whose episode has ended, shape ``(num_envs,)``.
        """
        self.step_async(phases)
        return self.step_wait()

    def step_async(self, phases: NDArray[np.int64]) -> None:
        """Request phases; see `step`."""
        for simulation, row in zip(self.simulations, phases.tolist(), strict=True):
            simulation.step_async(row)
        self._requested = phases

    def step_wait(self) -> NDArray[np.bool_]:
        """Let the interval pass for which phases have been requested; see `step`."""
        for simulation in self.simulations:
            simulation.step_wait()
        for simulation in self.simulations:
            simulation.finish_wait()
        self._look()
        self.actions.append(self._requested)
        return np.array([not simulation.running for simulation in self.simulations])

    def redraw(self, seed: int) -> None:
        """Draw the drivers again who depart from now on.

        Raises:
            RuntimeError: If no episode is running.
        """
        for index, simulation in enumerate(self.simulations):
            simulation.redraw(seed + index)
        self.redrawn.append((len(self.actions), int(seed)))

    def hold(self) -> HeldBatch:
        """Keep the present moment for `go_on`: branches from it take no replay.

        The episodes must not be played to their end afterwards, and SUMO must not run the signals.
        """
        kept = [simulation.hold() for simulation in self.simulations]
        return HeldBatch(kept, list(self.seeds), list(self.actions), list(self.redrawn))

    def go_on(self, held: HeldBatch) -> None:
        """Go on from a moment that was kept; metrics of signals then count from there."""
        for simulation, kept in zip(self.simulations, held.simulations, strict=True):
            simulation.go_on(kept)
        self.seeds, self.actions, self.redrawn = list(held.seeds), list(held.actions), list(held.redrawn)
        self.program, self.program_from = "", 0
        self._look(Moment.BEGIN)

    @property
    def sockets(self) -> list[int]:
        """File descriptors on which the simulations answer."""
        return [simulation.descriptor for simulation in self.simulations]

    def get_state(self) -> dict[str, Any]:
        """The present episodes as their seeds, their actions, who decides, and drivers drawn again."""
        shape = (len(self.actions), len(self.simulations), len(self.network.signals))
        return {
            "seeds": list(self.seeds),
            "actions": np.array(self.actions, dtype=np.int64).reshape(shape),
            "program": self.program,
            "program_from": self.program_from,
            "redrawn": [list(moment) for moment in self.redrawn],
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Replay the episodes of a state up to their last action: SUMO's own saved states are not exact."""
        if not state["seeds"]:
            return
        self.reset(state["seeds"])
        redrawn = {int(number): int(seed) for number, seed in state.get("redrawn", ())}
        for number in range(len(state["actions"]) + 1):
            if number in redrawn:
                self.redraw(redrawn[number])
            if state["program"] and number == state["program_from"]:
                self.follow(state["program"])
            if number < len(state["actions"]):
                self.step(state["actions"][number])

    def observations(self) -> NDArray[np.float32]:
        """Observations, shape ``(num_envs, signals, width)``."""
        return self.observer.observe(self.state) if self._digest is None else self._digest.observation.copy()

    def rewards(self) -> RewardBreakdown:
        """Reward and terms of the last interval, shape ``(num_envs, signals)`` each."""
        if self._digest is not None:
            return RewardBreakdown(self._digest.total.copy(), self._digest.reward_terms())
        assert self._previous is not None
        return self._reward(Transition.between(self._previous, self.state))

    def rewards_of(self, env: int) -> list[tuple[float, dict[str, float]]]:
        """`rewards` of one simulation as numbers: for each signal the reward, and its terms by name."""
        if self._digest is not None:
            return self._digest.rewards_of(env)
        breakdown = self.rewards()
        terms = {name: values[env].tolist() for name, values in breakdown.terms.items()}
        return [
            (total, {name: values[index] for name, values in terms.items()})
            for index, total in enumerate(breakdown.total[env].tolist())
        ]

    def action_masks(self) -> NDArray[np.bool_]:
        """Phases that may be requested, shape ``(num_envs, signals, max_phases)``, padded with false."""
        return (self.state.action_mask if self._digest is None else self._digest.mask).copy()

    def phases(self) -> NDArray[np.int64]:
        """The phase that is green or being changed to, shape ``(num_envs, signals)``."""
        if self._digest is not None:
            return self._digest.phase.copy()
        return np.asarray(self.state.phase, dtype=np.int64)

    def held(self) -> NDArray[np.bool_]:
        """Whose latest request was not allowed, shape ``(num_envs, signals)``."""
        return np.array([simulation.held for simulation in self.simulations])

    def times(self) -> NDArray[np.int64]:
        """Simulated time, s, shape ``(num_envs,)``."""
        return np.array([simulation.now for simulation in self.simulations])

    def metrics(self) -> dict[str, NDArray[np.float64]]:
        """Metrics of the ended episodes, shape ``(num_envs,)`` each."""
        ended = [simulation.metrics or {} for simulation in self.simulations]
        return {name: np.array([metrics[name] for metrics in ended]) for name in ended[0]}

    def signal_metrics(self) -> dict[str, NDArray[np.float64]]:
        """Metrics of each signal since its episode began, shape ``(num_envs, signals)`` each."""
        return self._signal_metrics.compute()

    def signal_spaces(self, index: int) -> tuple[gym.Space[Any], gym.spaces.Discrete]:
        """Observation and action space of signal ``index``."""
        low, high = self.observer.bounds(index)
        phases = len(self.network.signals[index].phases)
        return gym.spaces.Box(low, high, dtype=np.float32), gym.spaces.Discrete(phases)

    def padded_spaces(self) -> tuple[gym.spaces.Box, gym.spaces.Discrete]:
        """Spaces that contain those of every signal, for a policy that all signals share."""
        bounds = [self.observer.bounds(index) for index in range(len(self.network.signals))]
        low = min(float(lower.min()) for lower, _ in bounds)
        high = max(float(upper.max()) for _, upper in bounds)
        box = gym.spaces.Box(low, high, (self.observer.width,), np.float32)
        return box, gym.spaces.Discrete(self.network.max_phases)

    def close(self) -> None:
        """Free the simulators."""
        for simulation in self.simulations:
            simulation.close()

    def _clocks(self) -> list[tuple[PhaseClock, ...]]:
        return [simulation.clocks for simulation in self.simulations]

    def _look(self, moment: Moment = Moment.INTERVAL) -> None:
        """Take over the values that have been read."""
        self._begun = True
        if self._digest is not None:
            self._state = None  # made when somebody asks
            self._digest.update([simulation.now for simulation in self.simulations], self._clocks(), moment)
            return
        before, self._state = self._state, None
        if moment is Moment.BEGIN:
            self._previous = self.state
            self._signal_metrics.reset()
        elif moment is Moment.INTERVAL:
            assert before is not None
            self._previous = before
            self._signal_metrics.update(before, self.state)


def as_phases(actions: Any, num_envs: int) -> NDArray[np.int64]:
    """Actions of any shape as phases, shape ``(num_envs, signals)``."""
    return np.asarray(actions, dtype=np.int64).reshape(num_envs, -1)


def draw_seed(rng: np.random.Generator) -> int:
    """Draw the seed of an episode."""
    return int(rng.integers(SEED_LIMIT))
