"""What single environments tell of their core: its future, its names, what no action changes."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.api.batch.state import Restore
from sandbox.api.batch.types import Core, Info


class CoreOfOne:
    """The optional parts of a core of one row that `sandbox.api.Task.resume` and the suite ask for.

    Attributes:
        core: The core.
    """

    core: Core
    _np_random: np.random.Generator | None
    _restore: Restore

    @property
    def can_redraw(self) -> bool:
        """Whether what chance has still to decide can be drawn again."""
        able = hasattr(self.core, "redraw") and getattr(self.core, "can_redraw", True)
        return bool(able) and self._restore == "state"

    def redraw(self, seed: int) -> None:
        """Draw the future again; the present observation stays."""
        rng = self._np_random = self.core.rngs[0] = np.random.default_rng(seed)
        self.core.redraw(0, rng)

    @property
    def action_text(self) -> Any:
        """``(action, row) -> str``, an action in the domain's words, where the core has it."""
        return getattr(self.core, "action_text", None)


class OuterEvents:
    """``exogenous`` and ``denominators`` of a core of one row, where it has them.

    Args:
        core: The core.
    """

    def __init__(self, core: Core) -> None:
        self._exogenous = getattr(core, "exogenous", None)
        self._denominators = getattr(core, "denominators", None)

    def add_to(self, info: Info, ended: bool) -> None:
        """Add them to the infos of a step, the latter where an episode has ended."""
        if self._exogenous is not None:
            info["exogenous"] = {name: values[0].item() for name, values in self._exogenous().items()}
        if ended and self._denominators is not None:
            info["denominators"] = dict(self._denominators(0))
