"""Tasks of a few lines from environments that exist already; nothing is imported until one is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sandbox.api.domain import Task
from sandbox.api.lazy import Call, Lazy
from sandbox.api.metric import Metric
from sandbox.api.policy import Baseline
from sandbox.api.reward import Rewards, RewardTerm

RETURN = (
    Metric("return", "1", "higher", "sum of the environment's own rewards", from_term="reward"),
    Metric("length", "steps", "higher", "steps of the episode", from_term="steps"),
)

_ALWAYS = (
    RewardTerm("reward", weight=1.0, description="the environment's own reward"),
    RewardTerm("steps", lambda step: 1.0, unit="steps", description="1 for every step"),
)


def gymnasium_task(
    env: str,
    *,
    name: str = "",
    title: str = "",
    version: int = 1,
    metrics: Sequence[Metric] = RETURN,
    terms: Sequence[RewardTerm] = (),
    presets: Mapping[str, Mapping[str, float]] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    max_episode_steps: int | None = None,
    wrap: Sequence[Callable[..., Any] | str] = (),
    masks: bool = False,
    baselines: Sequence[Baseline] = (),
    cheap: bool = True,
    sources: Sequence[str] = (),
) -> Task:
    """A task from an environment of Gymnasium.

    ::

        pendulum = gymnasium_task(
            "Pendulum-v1", metrics=[Metric("return", "1", "higher", from_term="reward")]
        )

    Its reward is the environment's own, as a term ``reward`` of weight 1; others may be added as
    functions of `sandbox.external.single.Step` (``step.info["x"]``). Metrics are computed from terms and
    from the environment's infos. An episode is restored by playing it again from its seed and actions.

    Args:
        env: Id, ``"module:id"`` to import the module that registers it, or ``"module:Class"`` for a class
            or function that makes the environment, such as ``".pond:PondEnv"``.
        name: The task's name; from the id if absent.
        title: The task's title; from the id if absent.
        version: See `Task`.
        metrics: Each with ``from_term`` or ``from_info``; the return and the length if absent.
        terms: Reward terms beside ``reward`` and ``steps`` (1 for every step).
        presets: See `Rewards`.
        kwargs: Default arguments of ``gymnasium.make``; ``--set config.kwargs.NAME=VALUE`` changes them.
        max_episode_steps: Steps until truncation; as registered if absent.
        wrap: Wrappers around it, innermost first.
        masks: Whether it tells which actions are allowed: ``info["action_mask"]``, a method
            ``action_masks()``, or a part ``action_mask`` of a Dict observation.
        baselines: Classical methods.
        cheap: Whether copies are stepped in the training process.
        sources: See `Task`.
    """
    make = Call(
        "sandbox.external.single:make_gymnasium",
        {"metrics": tuple(metrics), "masks": masks, "wrap": tuple(wrap)},
    )
    defaults = {"id": env, "kwargs": dict(kwargs or {}), "max_episode_steps": max_episode_steps}
    return Task(
        name=name or _plain(env),
        version=version,
        title=title or f"{env} of Gymnasium",
        config=_config("GymnasiumConfig", defaults),
        make=make,
        rewards=Rewards([*_ALWAYS, *terms], presets),
        metrics=tuple(metrics),
        cheap=cheap,
        masks=masks,
        resume="replay",
        baselines=tuple(baselines),
        sources=tuple(sources),
    )


def pettingzoo_task(
    module: str | None,
    *,
    name: str = "",
    title: str = "",
    version: int = 1,
    metrics: Sequence[Metric] = RETURN,
    terms: Sequence[RewardTerm] = (),
    presets: Mapping[str, Mapping[str, float]] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    wrap: Sequence[Callable[..., Any] | str] = (),
    masks: bool = False,
    baselines: Sequence[Baseline] = (),
    cheap: bool = True,
    sources: Sequence[str] = (),
) -> Task:
    """A task from a parallel environment of PettingZoo: a module with a function ``parallel_env``.

    As `gymnasium_task`; terms are functions of one agent's step, metrics are means over agents. With
    ``masks`` infos hold ``action_mask``, or observations are Dicts of ``observation`` and ``action_mask``.
    """
    make = Call(
        "sandbox.external.parallel:make_pettingzoo",
        {"metrics": tuple(metrics), "masks": masks, "wrap": tuple(wrap)},
    )
    defaults: dict[str, Any] = {"kwargs": dict(kwargs or {})}
    if module is not None:
        defaults["module"] = module
    return Task(
        name=name or _plain(str(module)),
        version=version,
        title=title or f"{module} of PettingZoo",
        config=_config("PettingZooConfig", defaults),
        make=make,
        rewards=Rewards([*_ALWAYS, *terms], presets),
        metrics=tuple(metrics),
        agents="parallel",
        cheap=cheap,
        masks=masks,
        resume="replay",
        baselines=tuple(baselines),
        sources=tuple(sources),
    )


def _config(model: str, defaults: Mapping[str, Any]) -> Lazy:
    return Lazy(Call("sandbox.external.config:with_defaults", {"model": model, "defaults": defaults}))


def _plain(name: str) -> str:
    """The last part of an environment's name as the name of a task."""
    last = name.replace("/", ":").rpartition(":")[2].rpartition(".")[2] or name
    return "".join(char if char.isascii() and char.isalnum() else "-" for char in last.lower()).strip("-")
