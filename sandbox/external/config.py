"""Parameters of environments that are made by other libraries."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from sandbox.api.scenario import CodeName

Reference = Annotated[str, Field(pattern=r"^[\w.]+:[\w.]+$", max_length=200)]


class GymnasiumConfig(BaseModel):
    """An environment that is registered with Gymnasium."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    id: Annotated[str, CodeName()] = Field(
        "CartPole-v1", min_length=1, max_length=200, description="its name, or module:name"
    )
    kwargs: Annotated[dict[str, Any], CodeName()] = Field(
        default_factory=dict, description="arguments of gymnasium.make"
    )
    max_episode_steps: int | None = Field(
        None, ge=1, le=10_000_000, description="steps until truncation; as registered if absent"
    )
    wrap: Annotated[tuple[Reference, ...], CodeName()] = Field(
        (), max_length=16, description="wrappers around it, innermost first, as module:function"
    )


class PettingZooConfig(BaseModel):
    """A module with a function ``parallel_env``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    module: Annotated[str, CodeName(module=True)] = Field(
        pattern=r"^[A-Za-z_][\w.]*$", max_length=200, description="module with a function parallel_env"
    )
    kwargs: Annotated[dict[str, Any], CodeName()] = Field(
        default_factory=dict, description="arguments of parallel_env"
    )
    wrap: Annotated[tuple[Reference, ...], CodeName()] = Field(
        (), max_length=16, description="wrappers around it, innermost first, as module:function"
    )


def with_defaults(model: str, defaults: Mapping[str, Any]) -> type[BaseModel]:
    """A config of this module whose fields have other defaults.

    Args:
        model: ``GymnasiumConfig`` or ``PettingZooConfig``.
        defaults: By field.
    """
    base: Any = {"GymnasiumConfig": GymnasiumConfig, "PettingZooConfig": PettingZooConfig}[model]
    changed: dict[str, Any] = {}
    for name, value in defaults.items():
        info = copy(base.model_fields[name])
        info.default, info.default_factory = value, None
        changed[name] = (info.annotation, info)
    made: Any = create_model(model, __base__=base, **changed)
    config: type[BaseModel] = made
    return config
