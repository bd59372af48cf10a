"""Records what an agent does as a Minari dataset, for offline learning and imitation."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from sandbox.api.errors import InvalidValueError, MisfitError, MissingExtraError
from sandbox.api.policy import Policy
from sandbox.api.processes import one_thread
from sandbox.api.types import Bools, Element, Info, Space
from sandbox.api.view import Moment
from sandbox.envs.single import EnvFactory
from sandbox.evaluation.agents import Agent, policy_of
from sandbox.evaluation.named_agents import resolve_agents
from sandbox.evaluation.progress import Progress, Silent
from sandbox.evaluation.rollout import Episode, play
from sandbox.outputs import behaviour
from sandbox.outputs.behaviour import Quality
from sandbox.records.progress import metric_figure
from sandbox.registry.resolve import missing_modules
from sandbox.runs.atomic import storage_errors
from sandbox.runs.directory import Run
from sandbox.runs.provenance import packages
from sandbox.scenarios.given import as_scenario
from sandbox.scenarios.resolve import ResolvedScenario


@dataclass(frozen=True)
class Recording:
    """A recorded dataset.

    Attributes:
        path: The folder that Minari reads.
        name: The dataset's id.
        root: The folder of all datasets, which ``MINARI_DATASETS_PATH`` must name to load it.
        episodes: The episodes in it.
    """

    path: Path
    name: str
    root: Path
    episodes: tuple[Episode, ...]


def record(
    scenario: str | Path | ResolvedScenario,
    agent: str | Path | Run | Policy,
    episodes: int,
    *,
    root: str | Path = "datasets",
    name: str | None = None,
    seed: int = 0,
    sample: bool = False,
    quality: Quality | None = None,
    explore: float = 0.0,
    changes: Sequence[str] = (),
    reward: Sequence[str] = (),
    progress: Progress | None = None,
) -> Recording:
    """Play an agent and keep everything that it saw and did.

    Episodes have seeds of the scenario's training range, never those that agents are tested on, and the
    parameters of training. An episode of T steps holds T + 1 observations, and T actions, rewards,
    terminations and truncations; ``infos`` hold the unweighted reward terms and, where the task has
    them, action masks, each T + 1 times (terms are zero after the reset); and, where it is known, the
    probability of each action, T times.

    Args:
        scenario: Name, file or resolved scenario; of a single-agent task.
        agent: Run directory (``DIR`` or ``DIR@best``), name of a baseline, ``random``, run or policy.
        episodes: How many.
        root: The folder of all datasets.
        name: The dataset's id, such as ``traffic/max-pressure-v0``; made from scenario and agent if absent.
        seed: Where in the training range to begin.
        sample: Whether a learned policy samples its actions instead of taking its mode.
        quality: ``random``, ``medium``, ``expert`` or ``mixed``, where the agent is the expert; see
            `sandbox.outputs.behaviour.shares_of`.
        explore: Share of the steps in which a random action is taken.
        changes: ``key=value`` pairs, as ``--set`` takes them.
        reward: Preset and ``term=weight`` pairs.
        progress: Receives the progress, episode by episode.

    Raises:
        MissingExtraError: Without the extra ``data``.
        MisfitError: For a task of several agents.
        InvalidValueError: For a name that Minari does not take, or one that is taken.
        StorageError: If it cannot be written; nothing is left behind.
    """
    missing = missing_modules(("minari", "h5py"))
    if missing:
        raise MissingExtraError("sandbox record", missing, "data")
    resolved = as_scenario(scenario, changes, reward)
    if resolved.task.agents != "single":
        raise MisfitError(
            f"{resolved.spec.id} has several agents, and Minari's datasets hold one.",
            "Record a scenario of a single-agent task.",
        )
    low, high = resolved.spec.evaluation.seeds.train
    if episodes < 1 or seed < 0 or low + seed + episodes > high:
        raise InvalidValueError(
            f"There are {high - low} training seeds: {episodes} episodes from {seed} on cannot be recorded."
        )
    if not 0 <= explore <= 1 or (explore and quality):
        raise InvalidValueError(
            f"The share of random actions must be 0 to 1, not {explore:g}, and a quality sets it by itself."
        )
    with tempfile.TemporaryDirectory(prefix="sandbox-agents-") as scratch, one_thread():
        (player,) = resolve_agents([agent], resolved, Path(scratch))
        made_by = "-".join([_word(player.name), *([quality] if quality else [])])
        chosen = name or f"{resolved.spec.id}-{made_by}-v0"
        _check_name(chosen)
        target = Path(root) / chosen
        if target.exists():
            raise InvalidValueError(f"There is a dataset '{target}' already.", "Choose another --name.")
        seeds = range(low + seed, low + seed + episodes)
        shares = np.full(episodes, explore)
        noted: dict[str, object] = {"explore": explore}
        if quality is not None:

            def mean_return(share: float) -> float:
                pilots = seeds[: behaviour.PILOTS]
                tried = _play(resolved, player, pilots, np.full(len(pilots), share), sample, None)[0]
                return float(np.mean([episode.ret for episode in tried]))

            shares, noted = behaviour.shares_of(quality, episodes, seed, mean_return)
        played, buffers = _play(resolved, player, seeds, shares, sample, progress)
    _write(Path(root), chosen, resolved, player.name, buffers, {"sampled": sample, **noted})
    return Recording(target, chosen, Path(root), tuple(played))


class _Tape:
    """What happened in one episode."""

    def __init__(self) -> None:
        self.observations: list[Element] = []
        self.actions: list[Element] = []
        self.rewards: list[float] = []
        self.terms: list[dict[str, float]] = []
        self.masks: list[Bools] = []
        self.probabilities: list[float] = []

    def watch(self, moment: Moment) -> None:
        self.observations.append(_copied(moment.observation))
        if moment.step:
            self.actions.append(_copied(moment.action))
            self.rewards.append(moment.reward)
        self.terms.append({key: float(value) for key, value in moment.info.get("reward_terms", {}).items()})
        if "action_mask" in moment.info:
            self.masks.append(np.array(moment.info["action_mask"], bool))

    def infos(self) -> Info:
        names = self.terms[-1]
        infos: Info = {
            "reward_terms": {name: np.array([terms.get(name, 0.0) for terms in self.terms]) for name in names}
        }
        if len(self.masks) == len(self.observations):
            infos["action_mask"] = np.stack(self.masks)
        if self.probabilities:
            infos["probability"] = np.array(
                [1.0, *self.probabilities]
            )  # Minari wants as many as observations
        return infos


def _play(
    scenario: ResolvedScenario,
    player: Agent,
    seeds: range,
    shares: NDArray[np.float64],
    sample: bool,
    progress: Progress | None,
) -> tuple[list[Episode], list[Any]]:
    from minari.data_collector import EpisodeBuffer

    progress = progress or Silent()
    progress.start("evaluate", f"{player.name}, recorded", len(seeds), "episodes")
    env = EnvFactory(scenario)()
    played, buffers = [], []
    try:
        policy = policy_of(scenario, player, env.unwrapped, env.action_space)
        mode = player.deterministic and not sample and not getattr(policy, "stochastic", False)
        for place, seed in enumerate(seeds):
            tape = _Tape()
            share = 1.0 if player.name == "random" else float(shares[place])
            exploring = behaviour.Exploring(policy, env.action_space, share, mode)
            episode = play(env, exploring, player.name, seed, mode, partial(_watch, tape, exploring))
            ends = np.zeros(episode.length, bool)
            terminations, truncations = ends.copy(), ends.copy()
            terminations[-1], truncations[-1] = episode.terminated, episode.truncated
            buffers.append(
                EpisodeBuffer(
                    id=place,
                    seed=seed,
                    observations=_stacked(tape.observations, env.observation_space),
                    actions=_stacked(tape.actions, env.action_space),
                    rewards=tape.rewards,
                    terminations=terminations.tolist(),
                    truncations=truncations.tolist(),
                    infos=tape.infos(),
                )
            )
            played.append(episode)
            progress.advance(
                "evaluate",
                len(played),
                {metric_figure(scenario.metric.name): episode.metrics.get(scenario.metric.name, 0.0)},
            )
        return played, buffers
    finally:
        env.close()
        progress.finish("evaluate")


def _watch(tape: _Tape, exploring: behaviour.Exploring, moment: Moment) -> None:
    tape.watch(moment)
    if moment.step and exploring.probability is not None:
        tape.probabilities.append(float(exploring.probability[0]))


def _write(
    root: Path,
    name: str,
    scenario: ResolvedScenario,
    agent: str,
    buffers: list[Any],
    noted: Mapping[str, object],
) -> None:
    """Write the dataset beside its place and move it in."""
    import minari

    env = EnvFactory(scenario)()
    spaces = env.observation_space, env.action_space
    env.close()
    about = {
        "scenario": scenario.spec.id,
        "scenario_hash": scenario.hash,
        "task_version": scenario.task.version,
        "agent": agent,
        **noted,
        "reward": scenario.reward.weights,
        "packages": packages(scenario.domain),
    }
    with storage_errors(root, "--out"):
        root.mkdir(parents=True, exist_ok=True)
        scratch = root / f".{secrets.token_hex(4)}.tmp"
        try:
            with _datasets_in(scratch), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the author's name and of environments it could make
                minari.create_dataset_from_buffers(
                    name,
                    buffers,
                    observation_space=spaces[0],
                    action_space=spaces[1],
                    algorithm_name=agent,
                    description=f"{scenario.spec.title}. {json.dumps(about)}",
                    jpeg_encoding=False,
                )
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (scratch / name).rename(target)
            for inner in scratch.rglob(
                "namespace_metadata.json"
            ):  # Minari keeps a note in every folder above
                there = root / inner.relative_to(scratch)
                if not there.exists():
                    shutil.copy2(inner, there)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _datasets_in(folder: Path) -> Iterator[None]:
    """Minari writes where this variable says."""
    before = os.environ.get("MINARI_DATASETS_PATH")
    os.environ["MINARI_DATASETS_PATH"] = str(folder.resolve())
    try:
        yield
    finally:
        if before is None:
            del os.environ["MINARI_DATASETS_PATH"]
        else:
            os.environ["MINARI_DATASETS_PATH"] = before


def _check_name(name: str) -> None:
    if not re.fullmatch(r"(?:[A-Za-z0-9][\w-]*/)*[A-Za-z0-9][\w-]*-v\d+", name):
        raise InvalidValueError(
            f"'{name[:80]}' cannot be a dataset's name.", "Allowed: words with slashes that end in -v0."
        )


def _word(name: str) -> str:
    return re.sub(r"[^\w-]+", "-", name).strip("-") or "agent"


def _copied(value: Element) -> Element:
    if isinstance(value, dict):
        return {key: _copied(part) for key, part in value.items()}
    return np.array(value)


def _stacked(values: list[Element], space: Space) -> Element:
    if isinstance(space, gym.spaces.Dict):
        return {key: _stacked([value[key] for value in values], part) for key, part in space.spaces.items()}
    return np.stack(values)
