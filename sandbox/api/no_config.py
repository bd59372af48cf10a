"""The parameters of a task that has none."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class NoConfig(BaseModel):
    """Nothing can be set."""

    model_config = ConfigDict(frozen=True, extra="forbid")
