"""How widely moves are looked for, and where the search keeps what it has played."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.api.errors import InvalidValueError
from sandbox.evaluation.agents import Agent
from sandbox.records.moves import Measure
from sandbox.registry.discover import registry
from sandbox.registry.policies import algorithm_of
from sandbox.runs.code import code_of, core_digest, digest_of_code
from sandbox.scenarios.resolve import ResolvedScenario

CHEAP = 16
"""Decisions of a job, where a step costs less than sending it to another process."""


@dataclass(frozen=True)
class Settings:
    """How widely moves are looked for.

    Attributes:
        episodes: Test episodes to look through; the scenario's number if absent.
        screen: Decisions to play branches from, to choose candidates.
        futures: Futures of each of them.
        finds: Candidates at most, and as many of the opposite list.
        fresh: Fresh futures of each candidate.
        window: Steps of a branch; to the end of the episode if absent.
        measure: What a branch is measured by; the metric if absent, or the return with a window.
        seed: Seeds the choice of decisions, and the futures.
        films: Candidates of each list whose branches are filmed.
    """

    episodes: int | None = None
    screen: int = 200
    futures: int = 4
    finds: int = 10
    fresh: int = 24
    window: int | None = None
    measure: Measure | None = None
    seed: int = 0
    films: int = 3

    def check(self, scenario: ResolvedScenario) -> Measure:
        """The measure.

        Raises:
            InvalidValueError: For numbers that make no sense together.
        """
        for name in ("screen", "futures", "finds"):
            if getattr(self, name) < 1:
                raise InvalidValueError(f"--{name} must be at least 1, not {getattr(self, name)}.")
        if self.fresh < 2:
            raise InvalidValueError(f"--fresh must be at least 2, not {self.fresh}.")
        if self.measure == "metric" and self.window is not None:
            raise InvalidValueError(
                "The metric is known at the end of an episode only, so branches cannot end before.",
                "Leave out --window, or use --measure return.",
            )
        two_players = scenario.task.game and scenario.task.agents == "parallel"
        if self.measure == "metric" and two_players:
            raise InvalidValueError(
                "The metric of a game belongs to one player, and decisions are both players'.",
                "Use --measure return: what the player who decides gets.",
            )
        if self.measure is not None:
            return self.measure
        return "return" if self.window is not None or two_players else "metric"


def digest(scenario: ResolvedScenario, agents: Sequence[Agent], measure: Measure, window: int | None) -> str:
    """Eight characters for all that decides what a branch comes to, the code of domain and agents included.

    How many are played does not: whoever asks for more gets those that have been played from their files.
    """
    players = []
    for agent in agents:
        content = hashlib.sha256()
        for file in sorted(agent.folder.glob("*")) if agent.folder else ():
            if file.is_file():
                content.update(file.name.encode() + file.read_bytes())
        algorithm = registry().algorithm(algorithm_of(agent.folder)) if agent.folder else None
        code = digest_of_code(code_of(scenario, algorithm, agent.baseline or ""))
        players.append([agent.name, agent.baseline, agent.deterministic, content.hexdigest(), code])
    made_by = [scenario.task.version, core_digest()]
    text = json.dumps([scenario.hash, made_by, players, measure, window])
    return hashlib.sha256(text.encode()).hexdigest()[:8]
