"""Scenario files as validated, frozen values."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

SEED_LIMIT = 2**31
"""Seeds are non-negative and below this: SUMO and others take signed 32-bit seeds."""


class InputFile:
    """Marks a config field as the path of an input file: ``net: Annotated[str, InputFile()]``.

    Relative paths are resolved against the scenario file's folder (against the working directory
    when given by ``--set``), and the file's content takes part in the scenario's hash. A value with
    a scheme (``scheme:rest``) is left to the plugin.
    """


class CodeName:
    """Marks a config field whose value names code: ``wrap: Annotated[tuple[str, ...], CodeName()]``.

    A value with a module part (``module:attribute``) that a scenario file or a run gives is refused, unless
    the user has named the module on the command line (``--allow``, ``--wrap``, ``gym:module:id``). In a
    field of arguments, a mapping, texts that may be paths are refused as well. Defaults are the plugin's
    own and are not checked.

    Args:
        module: Whether a value without a colon is a module as well.
    """

    def __init__(self, module: bool = False) -> None:
        self.module = module


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Range = Annotated[tuple[int, int], Field(description="half-open range [low, high) of episode seeds")]


class Seeds(_Frozen):
    """Four ranges of episode seeds, half-open and disjoint."""

    train: Range = (1_000_000, SEED_LIMIT)
    validation: Range = (100_000, 200_000)
    tuning: Range = (200_000, 300_000)
    test: Range = (0, 100_000)

    @model_validator(mode="after")
    def _disjoint(self) -> Seeds:
        ranges = sorted((getattr(self, name), name) for name in type(self).model_fields)
        for (low, high), name in ranges:
            if not 0 <= low < high <= SEED_LIMIT:
                raise ValueError(f"seed range {name} [{low}, {high}) must satisfy 0 <= low < high <= 2**31")
        for ((_, high), first), ((low, _), second) in pairwise(ranges):
            if low < high:
                raise ValueError(f"seed ranges {first} and {second} overlap")
        return self


class EvaluationSettings(_Frozen):
    """How agents are compared."""

    episodes: int = Field(10, ge=1, le=100_000, description="test episodes an agent plays")
    validation_episodes: int = Field(3, ge=1, le=10_000, description="episodes of one validation")
    validations: int = Field(8, ge=0, le=10_000, description="validations during training")
    config: dict[str, Any] = Field(
        default_factory=dict,
        description="task parameters that differ in evaluation, such as a longer horizon or a warm-up",
    )
    seeds: Seeds = Seeds()

    @model_validator(mode="after")
    def _enough_seeds(self) -> EvaluationSettings:
        low, high = self.seeds.test
        if self.episodes > high - low:
            raise ValueError(
                f"{self.episodes} episodes need as many test seeds, but only {high - low} are given"
            )
        low, high = self.seeds.validation
        if self.validation_episodes > high - low:
            raise ValueError(
                f"{self.validation_episodes} validation episodes need as many validation seeds, "
                f"but only {high - low} are given"
            )
        return self


class RewardChoice(_Frozen):
    """A reward preset of the task, with some weights replaced."""

    preset: str | None = Field(None, description="preset of the task; its default if absent")
    weights: dict[str, float] = Field(default_factory=dict)


class Preset(_Frozen):
    """Tuned settings of one algorithm for this scenario."""

    steps: int | None = Field(None, ge=1, description="training steps")
    num_envs: int | None = Field(None, ge=1, le=65_536, description="number of environments")
    hyperparameters: dict[str, Any] = Field(default_factory=dict)


class Reference(_Frozen):
    """A known value to show beside the results: an optimum, a published figure."""

    name: str
    value: float
    source: str
    metric: str | None = Field(None, description="the scenario's metric if absent")
    note: str = ""


class Scenario(_Frozen):
    """One problem to solve, as a scenario file states it.

    Attributes:
        id: ``<domain>/<name>``.
        title: One line of what it is.
        task: Full name of the task, ``<domain>/<task>``.
        config: The task's parameters that differ from its defaults.
        reward: Reward preset (a plain name is one) and weights.
        observe: One of the task's observations, in place of the environment's own.
        metric: The metric that ranks agents.
        steps: Training steps when neither the command nor the preset says.
        evaluation: Episodes and seeds.
        baselines: The task's baselines to show, all if absent.
        presets: Tuned settings by algorithm.
        references: Known values.
        sources: Where the problem comes from.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*/[a-z0-9][a-z0-9_-]*$")
    title: str = Field(min_length=1, max_length=200)
    task: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*/[a-z0-9][a-z0-9_-]*$")
    metric: str
    config: dict[str, Any] = Field(default_factory=dict)
    reward: RewardChoice = RewardChoice()
    observe: str | None = None
    steps: int = Field(100_000, ge=1)
    evaluation: EvaluationSettings = EvaluationSettings()
    baselines: tuple[str, ...] | None = None
    presets: dict[str, Preset] = Field(default_factory=dict)
    references: tuple[Reference, ...] = ()
    sources: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _plain_reward(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("reward"), str):
            return {**data, "reward": {"preset": data["reward"]}}
        return data
