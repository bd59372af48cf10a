"""Functions that a config names, once it is clear that the user allows them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from sandbox.api.errors import InvalidValueError


def loaded(reference: Callable[..., Any] | str, what: str) -> Callable[..., Any]:
    """The function behind a ``module:attribute``; a function is returned as it is.

    Whether the module may be imported has been checked when the scenario was read.

    Raises:
        InvalidValueError: If it does not exist or is no function.
    """
    if not isinstance(reference, str):
        return reference
    module, _, attribute = reference.partition(":")
    try:
        function: Any = importlib.import_module(module)
        for part in attribute.split("."):
            function = getattr(function, part)
    except (ImportError, AttributeError) as error:
        raise InvalidValueError(f"{what} '{reference}' cannot be loaded: {error}.") from error
    if not callable(function):
        raise InvalidValueError(f"{what} '{reference}' is a {type(function).__name__}, not a function.")
    made: Callable[..., Any] = function
    return made
