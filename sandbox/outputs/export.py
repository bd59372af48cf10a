"""Turns a trained policy into a file for deployment, and checks it against the original."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import gymnasium as gym
import numpy as np

from sandbox.api.errors import (
    InvalidValueError,
    MisfitError,
    MissingExtraError,
    RunFailedError,
    UnknownNameError,
)
from sandbox.api.policy import Policy
from sandbox.api.processes import one_thread
from sandbox.api.spaces import space_to_json
from sandbox.api.types import Array, Bools, Element, Json, Observation, Space
from sandbox.envs.infos import rows_of
from sandbox.envs.single import EnvFactory
from sandbox.evaluation.rollout import play
from sandbox.evaluation.seeds import validation_seeds
from sandbox.registry.policies import load_policy
from sandbox.registry.resolve import missing_modules
from sandbox.runs.atomic import storage_errors
from sandbox.runs.directory import Run
from sandbox.runs.names import split_policy
from sandbox.scenarios.resolve import ResolvedScenario

FORMATS = ("onnx",)
OPSET = 18
MAX_CHECKED = 5_000
"""Observations that are compared."""

TOLERANCE = 1e-4
"""Largest difference of a continuous action, in units of its range."""


T = TypeVar("T")


@dataclass(frozen=True)
class Export:
    """An exported policy.

    Attributes:
        path: The file; the folder of the files where there are several.
        inputs: Name to shape, the batch as ``None`` first, and type.
        observations: How many real observations it was compared on.
        largest_difference: Of a continuous action in units of its range; of a discrete one the share of
            observations with another action.
        stochastic: Whether the original samples; the file gives its mode.
        networks: Of a policy of several agents, what each file holds, by the agent's name; its ``inputs``
            are empty then.
    """

    path: Path
    inputs: dict[str, tuple[tuple[int | None, ...], str]]
    observations: int
    largest_difference: float
    stochastic: bool
    networks: Mapping[str, Export] = field(default_factory=dict)


def export(
    run: str | Path | Run,
    form: str = "onnx",
    out: str | Path | None = None,
    *,
    episodes: int = 2,
    opset: int = OPSET,
) -> Export:
    """Export the policy of a run and compare the file with the original on real observations.

    A policy of several agents that acts by several networks becomes a folder with a file for each agent, on
    that agent's own observation and actions. Otherwise there is one file.

    A file takes observations as the task gives them, a batch at a time, and returns actions that the
    task takes: normaliser, masks and action range are inside. It is played by ONNX Runtime on all
    observations of some episodes with validation seeds before it is put in its place.

    Args:
        run: Run directory, ``DIR`` for the final policy or ``DIR@best`` for the best-validation one.
        form: ``onnx``.
        out: File, or folder of files, to write; ``policy.onnx`` in the run's directory if absent, and
            ``policy-onnx`` for a folder.
        episodes: Episodes to compare on, at least 1.
        opset: ONNX operator set.

    Raises:
        UnknownNameError: For another format.
        MissingExtraError: Without the extra ``export``.
        MisfitError: For a policy that cannot be exported: recurrent, or of a backend without export.
        RunFailedError: If the file does not act as the original does; nothing is left behind.
        StorageError: If it cannot be written.
    """
    if form not in FORMATS:
        raise UnknownNameError("format", form, FORMATS)
    missing = missing_modules(("onnx", "onnxruntime", "onnxscript", "torch"))
    if missing:
        raise MissingExtraError("sandbox export", missing, "export")
    if episodes < 1:
        raise InvalidValueError(f"At least one episode must be compared on, not {episodes}.")
    opened, which = _opened(run)
    policy: Any = load_policy(opened.policy_folder(which))
    parts = _parts(policy, opened)
    stochastic = bool(getattr(policy, "stochastic", False))
    if stochastic:
        policy.stochastic = False
    name = "policy" if which == "final" else which
    several = len(parts) > 1
    target = Path(out) if out is not None else opened.path / f"{name}{'-onnx' if several else '.onnx'}"
    facts = _facts(opened, which, policy, stochastic)
    with one_thread():
        seen = _observe(opened.scenario, policy, episodes)
        made: dict[str, Export] = {}
        try:
            for part in parts:
                file = target / f"{_file_name(part.name)}.onnx" if several else target
                facts_of_part = {**facts, **_space_facts(part)} | ({"agent": part.name} if several else {})
                made[part.name] = _export_part(part, _cut(part, seen), file, opset, facts_of_part, stochastic)
        except BaseException:
            for each in made.values():
                each.path.unlink(missing_ok=True)  # some agents' files alone are no policy
            raise
    if not several:
        return made[parts[0].name]
    difference = max(each.largest_difference for each in made.values())
    return Export(target, {}, len(seen.actions), difference, stochastic, made)


class _Part(Protocol):
    """A network of a policy: all of it, or that of an agent; see `Policy` for who has several."""

    @property
    def name(self) -> str: ...

    @property
    def module(self) -> Any: ...

    @property
    def observation_space(self) -> Space: ...

    @property
    def action_space(self) -> Space: ...


@dataclass(frozen=True)
class _Whole:
    """The only network of a policy."""

    name: str
    module: Any
    observation_space: Space
    action_space: Space


def _parts(policy: Any, run: Run) -> Sequence[_Part]:
    """The networks that a policy acts by."""
    networks = getattr(policy, "networks", None)
    if callable(networks):
        parts: Sequence[_Part] = networks()
        return parts
    make = getattr(policy, "module", None)
    if make is None:
        raise MisfitError(
            f"The policy of {run.algorithm} cannot be exported: its backend has no module for it."
        )
    return [_Whole("all", make(), policy.observation_space, policy.action_space)]


def _cut(part: Any, seen: _Seen) -> _Seen:
    """What a part saw and did, in its own rows and numbers."""
    if isinstance(part, _Whole):
        return seen
    return _Seen(*part.cut(seen.observation, seen.mask, seen.actions))


def _file_name(agent: str) -> str:
    """An agent's name as that of a file: whatever could lead elsewhere is replaced."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", agent).strip(".") or "agent"


def _export_part(
    part: _Part, seen: _Seen, target: Path, opset: int, facts: Mapping[str, str], stochastic: bool
) -> Export:
    """Write one file, compare it with the original, and put it in its place."""
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    with storage_errors(target, "--out"):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            names = _write(part.module, seen, temporary, opset, facts)
            difference = _compare(temporary, names, seen, part.action_space)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    inputs = {
        name: ((None, *values.shape[1:]), str(values.dtype)) for name, values in _named(seen, names).items()
    }
    return Export(target, inputs, len(seen.actions), difference, stochastic)


def _opened(run: str | Path | Run) -> tuple[Run, str]:
    if isinstance(run, Run):
        return run, "final"
    path, which = split_policy(str(run))
    if which:
        return Run.open(path), which
    return Run.open(run), "final"


@dataclass(frozen=True)
class _Seen:
    """What a policy observed and did: arrays with the batch first."""

    observation: Observation
    mask: Bools | None
    actions: Array


class _Witness:
    """A policy that takes its mode and remembers what it was asked."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.seen: list[tuple[Observation, Bools | None, Array]] = []

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        self._policy.reset(num_envs, seed)

    def act(self, observation: Element, mask: Bools | None = None, deterministic: bool = True) -> Array:
        actions = self._policy.act(observation, mask, True)
        if sum(len(done) for _, _, done in self.seen) < MAX_CHECKED:
            kept = None if mask is None else np.array(mask, bool)
            self.seen.append((_copied(observation), kept, np.array(actions)))
        return actions

    def save(self, directory: Path) -> None:
        raise NotImplementedError


def _observe(scenario: ResolvedScenario, policy: Policy, episodes: int) -> _Seen:
    seeds = validation_seeds(scenario)[:episodes]
    witness = _Witness(policy)
    env = EnvFactory(scenario, evaluation=True)()
    try:
        for seed in seeds:
            play(env, witness, "export", seed)
    finally:
        env.close()
    observations, masks, actions = zip(*witness.seen, strict=True)
    given = [mask for mask in masks if mask is not None]
    mask = np.concatenate(given) if len(given) == len(masks) else None
    return _Seen(_joined(observations), mask, np.concatenate(actions))


def _write(
    module: Any, seen: _Seen, path: Path, opset: int, facts: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Write the file; returns its input names, each with where its values lie."""
    import logging
    import warnings

    import onnx
    import torch

    batch = torch.export.Dim("batch", min=1, max=1 << 20)
    head = _mapped(seen.observation, lambda values: torch.as_tensor(values[:2]))
    shapes: Json = {"observation": _mapped(seen.observation, lambda values: {0: batch})}
    inputs: Json = {"observation": head}
    names: dict[str, tuple[str, ...]] = {"observation": ("observation",)}
    if isinstance(seen.observation, dict):
        names = {f"observation.{key}": ("observation", key) for key in seen.observation}
    if seen.mask is not None:
        names["action_mask"] = ("mask",)
        inputs["mask"] = torch.as_tensor(seen.mask[:2])
        shapes["mask"] = {0: batch}
    loud = logging.getLogger("torch.onnx")
    level = loud.level
    loud.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                module,
                kwargs=inputs,
                input_names=list(names),
                output_names=["action"],
                dynamic_shapes=shapes,
                opset_version=opset,
                dynamo=True,
                verbose=False,
            )
    except Exception as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise MisfitError(f"This policy cannot be written as ONNX: {first}") from error
    finally:
        loud.setLevel(level)
    assert program is not None
    model = program.model_proto
    for key, value in facts.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return names


def _compare(path: Path, names: Mapping[str, tuple[str, ...]], seen: _Seen, space: Space) -> float:
    """Play the file on what the policy saw; the largest difference.

    Raises:
        RunFailedError: If it acts otherwise.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    wanted = {entry.name for entry in session.get_inputs()}
    feed = {name: values for name, values in _named(seen, names).items() if name in wanted}
    (actions,) = session.run(["action"], feed)
    if actions.shape != seen.actions.shape:
        raise RunFailedError(
            f"The exported policy's actions have shape {actions.shape}, not {seen.actions.shape}."
        )
    if isinstance(space, gym.spaces.Box):
        width = np.where(np.isfinite(space.high - space.low), space.high - space.low, 1.0)
        difference = float(np.max(np.abs(actions - seen.actions) / np.maximum(width, 1e-12)))
        if not difference <= TOLERANCE:
            raise RunFailedError(
                f"The exported policy differs from the original by {difference:.2g} of an action's range."
            )
        return difference
    share = float(np.mean(np.any((actions != seen.actions).reshape(len(actions), -1), axis=1)))
    if share > 0:
        raise RunFailedError(
            f"The exported policy acts otherwise in {share:.2%} of {len(actions)} observations."
        )
    return share


def _named(seen: _Seen, names: Mapping[str, tuple[str, ...]]) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    for name, place in names.items():
        if place == ("mask",):
            assert seen.mask is not None
            arrays[name] = seen.mask
        elif isinstance(seen.observation, Mapping):
            arrays[name] = seen.observation[place[1]]
        else:
            arrays[name] = seen.observation
    return arrays


def _facts(run: Run, which: str, policy: Any, stochastic: bool) -> dict[str, str]:
    """Metadata of the file."""
    record = run.record
    return {
        "scenario": record.scenario_id,
        "scenario_hash": record.scenario_hash,
        "task_version": "" if record.task_version is None else str(record.task_version),
        "algorithm": run.algorithm,
        "policy": which,
        "seed": str(record.seed),
        **_space_facts(policy),
        "actions": "the mode of a stochastic policy" if stochastic else "the policy's mode",
        "made_by": f"sandbox-rl {record.packages.get('sandbox-rl', '')}".strip(),
    }


def _space_facts(part: Any) -> dict[str, str]:
    return {
        "observation_space": json.dumps(space_to_json(part.observation_space)),
        "action_space": json.dumps(space_to_json(part.action_space)),
    }


def _mapped(observation: Observation, change: Callable[[Array], T]) -> T | dict[str, T]:
    if isinstance(observation, Mapping):
        return {key: change(values) for key, values in observation.items()}
    return change(observation)


def _copied(observation: Element) -> Observation:
    return _mapped(observation, lambda values: _plain(np.array(values)))


def _plain(values: Array) -> Array:
    """Double precision observations in single precision, as the policies read them."""
    return values.astype(np.float32) if values.dtype == np.float64 else values


def _joined(observations: Sequence[Element]) -> Observation:
    first = observations[0]
    if isinstance(first, dict):
        return {key: np.concatenate([part[key] for part in observations]) for key in first}
    return np.concatenate([np.atleast_1d(part) for part in observations]) if rows_of(first) else first
