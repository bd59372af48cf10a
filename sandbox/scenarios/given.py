"""A scenario however it is given: by name, by path, or resolved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sandbox.api.errors import InvalidValueError
from sandbox.external.names import is_external, module_of
from sandbox.registry.allowed import allow_modules
from sandbox.scenarios.resolve import ResolvedScenario, load_scenario


def as_scenario(
    scenario: str | Path | ResolvedScenario, changes: Sequence[str] = (), reward: Sequence[str] = ()
) -> ResolvedScenario:
    """``scenario`` resolved and checked.

    Raises:
        InvalidValueError: If a resolved scenario is to be changed.
    """
    if isinstance(scenario, str) and is_external(scenario) and (module := module_of(scenario)):
        allow_modules([module])  # it is the caller's own code that names it
    if isinstance(scenario, ResolvedScenario):
        if changes or reward:
            raise InvalidValueError("A resolved scenario cannot be changed; load it again with the changes.")
        return scenario
    return load_scenario(str(scenario), changes, reward)
