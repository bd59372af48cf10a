"""Episodes of agents that do not learn, kept by content and played once.

A baseline plays the same episode of the same scenario whenever it is asked. What decides its numbers is
hashed: the scenario's content, the baseline, the sources of everything that takes part, and the versions of
what is installed. Episodes with that hash lie in one file below the runs directory, a line an episode.
Anything that is not exactly what was written is played again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from pydantic import ValidationError

from sandbox.api.errors import DamagedRunError
from sandbox.envs.vector import is_native
from sandbox.evaluation.agents import Agent
from sandbox.evaluation.rollout import Episode
from sandbox.records.base import read_bytes
from sandbox.records.kept import KeptEpisode
from sandbox.runs.atomic import storage_errors
from sandbox.runs.checksums import ChecksumError, chain, unchain
from sandbox.runs.code import code_of, core_digest
from sandbox.runs.directory import Run
from sandbox.runs.guard import folder_below
from sandbox.runs.provenance import packages, platform_facts
from sandbox.scenarios.resolve import ResolvedScenario

FOLDER = "episodes"
"""Below the runs directory."""


class KeptEpisodes:
    """The kept episodes of a runs directory.

    Args:
        root: The runs directory.
        scenario: What is played.
        fresh: Whether nothing that was kept is used. What is played is kept all the same.
    """

    def __init__(self, root: Path, scenario: ResolvedScenario, *, fresh: bool = False) -> None:
        self._root = root
        self._scenario = scenario
        self._fresh = fresh
        self._native = is_native(scenario)
        self._contents: dict[str, str] = {}

    def find(self, agent: Agent, seeds: Sequence[int]) -> dict[int, Episode]:
        """The kept ones of an agent's episodes, by seed; none for an agent that is played every time.

        On a native vector environment all episodes are played in one batch, and found together or not
        at all.
        """
        file = self._file(agent, seeds)
        if file is None or self._fresh:
            return {}
        episodes = {episode.seed: episode for episode in _read(file, agent.name)}
        if self._native and not all(seed in episodes for seed in seeds):
            return {}
        return {seed: episodes[seed] for seed in seeds if seed in episodes}

    def add(self, agent: Agent, seeds: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Keep what was played.

        Raises:
            StorageError: If it cannot be written.
        """
        file = self._file(agent, seeds)
        if file is None:
            return
        lines = [line for episode in episodes if (line := _line(episode)) is not None]
        with storage_errors(self._root):
            file.parent.mkdir(parents=True, exist_ok=True)
            # A line that a killed process left unfinished must not swallow the next one. One write a call, so
            # that processes which keep the same do not mix lines.
            start = "" if _ends_whole(file) else "\n"
            with file.open("ab") as end:
                end.write((start + "".join(lines)).encode())

    def _file(self, agent: Agent, seeds: Sequence[int]) -> Path | None:
        """Where an agent's episodes lie; None if it learned, or if time on a clock decides what it does."""
        baselines = {baseline.name: baseline for baseline in self._scenario.task.baselines}
        name = agent.baseline
        if name is None or (name in baselines and baselines[name].timed):
            return None
        if (
            name not in self._contents
        ):  # asked for with every episode; a process keeps the code that it loaded
            self._contents[name] = _content(self._scenario, name)
        content = self._contents[name]
        if self._native:  # the random agent's numbers depend on the batch that it plays
            content = f"{content} {list(seeds)}"
        identity = hashlib.sha256(content.encode()).hexdigest()
        folder = folder_below(self._root, FOLDER, identity[:2], what="store of episodes")
        return folder / f"{identity}.jsonl"


def store_beside(run: Run, scenario: ResolvedScenario, *, fresh: bool = False) -> KeptEpisodes | None:
    """The kept episodes of the runs directory that holds a run; None where none are kept there."""
    depth = len(run.record.scenario_id.split("/")) + 1
    parents = run.path.resolve().parents
    if len(parents) <= depth or not (parents[depth] / FOLDER).is_dir():
        return None
    return KeptEpisodes(parents[depth], scenario, fresh=fresh)


def _content(scenario: ResolvedScenario, baseline: str) -> str:
    """All that decides the numbers of a baseline on a scenario."""
    code = [(part.name, part.version, part.digest) for part in code_of(scenario, baseline=baseline)]
    facts = platform_facts()
    return json.dumps(
        {
            "scenario": scenario.hash,
            "task_version": scenario.task.version,
            "baseline": baseline,
            "code": code,
            "core": core_digest(),
            "packages": packages(scenario.domain),
            "machine": [facts["python"], facts["machine"]],
        },
        sort_keys=True,
    )


def _line(episode: Episode) -> str | None:
    """An episode as a line with its own checksum; None for one with a figure that is not finite."""
    content: Mapping[str, object] = {
        name: value for name, value in asdict(episode).items() if name != "agent"
    }
    try:
        return chain(0, KeptEpisode.model_validate(content).to_json())[0]
    except ValidationError:
        return None


def _ends_whole(file: Path) -> bool:
    """Whether a file is absent, empty or ends with a whole line."""
    if not file.exists() or not file.stat().st_size:
        return True
    with file.open("rb") as stored:
        stored.seek(-1, os.SEEK_END)
        return stored.read(1) == b"\n"


def _read(file: Path, agent: str) -> list[Episode]:
    """The episodes of a file; lines that are torn or changed are left out."""
    if not file.is_file():
        return []
    try:
        text = read_bytes(file).decode()
    except (DamagedRunError, UnicodeDecodeError):
        return []
    episodes = []
    for line in text.splitlines():
        try:
            kept = KeptEpisode.model_validate(unchain(0, line, file)[0])
        except (ChecksumError, DamagedRunError, ValidationError):
            continue
        episodes.append(Episode(agent=agent, **dict(kept)))
    return episodes
