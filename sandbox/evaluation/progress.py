"""How long-running work reports its progress, whatever shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

Phase = Literal["train", "validate", "evaluate", "render"]


class Progress(Protocol):
    """Receives the progress of training and evaluation; the command line shows it."""

    def start(self, phase: Phase, title: str, total: int, unit: str, done: int = 0) -> None:
        """A phase of ``total`` ``unit``s begins (0 where the total is not known), of which
        ``done`` were done before a stop.

        Phases do not nest, but validate may fall within train.
        """
        ...

    def advance(self, phase: Phase, done: int, values: Mapping[str, float]) -> None:
        """``done`` of the total are done; ``values`` holds what is known, such as ``steps_per_second``,
        ``return`` and the scenario's metric as ``metric/<name>``.
        """
        ...

    def message(self, text: str) -> None:
        """Something that the user should read, now and later."""
        ...

    def finish(self, phase: Phase) -> None:
        """The phase has ended, well or not."""
        ...


class Silent:
    """Shows nothing."""

    def start(self, phase: Phase, title: str, total: int, unit: str, done: int = 0) -> None:
        return None

    def advance(self, phase: Phase, done: int, values: Mapping[str, float]) -> None:
        return None

    def message(self, text: str) -> None:
        return None

    def finish(self, phase: Phase) -> None:
        return None
