"""Functions and wrappers that a config names, once it is clear that the user allows them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any

from sandbox.api.errors import InvalidValueError, SandboxError


def loaded(reference: Callable[..., Any] | str, what: str) -> Callable[..., Any]:
    """The function behind a ``module:attribute``; a function is returned as it is.

    Whether the module may be imported has been checked when the scenario was read.

    Raises:
        InvalidValueError: If it does not exist, is no function, or its module cannot be imported.
    """
    if not isinstance(reference, str):
        return reference
    module, _, attribute = reference.partition(":")
    try:
        function: Any = importlib.import_module(module)
        for part in attribute.split("."):
            function = getattr(function, part)
    except (ImportError, AttributeError) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        raise InvalidValueError(
            f"{what} '{reference}' cannot be loaded: {first_line(error)}.",
            f"pip install {missing}" if missing and missing != module else "",
        ) from error
    except Exception as error:  # what a module does when it is imported raises anything
        raise InvalidValueError(
            f"{what} '{reference}' cannot be loaded: {type(error).__name__}: {first_line(error)}."
        ) from error
    if not callable(function):
        raise InvalidValueError(f"{what} '{reference}' is a {type(function).__name__}, not a function.")
    made: Callable[..., Any] = function
    return made


def wrapped(env: Any, wrappers: Iterable[Callable[..., Any] | str], has: str) -> Any:
    """An environment with wrappers around it, the first of them innermost.

    Args:
        env: The environment.
        wrappers: Functions of an environment, or ``module:function``.
        has: An attribute that every environment of its kind has.

    Raises:
        InvalidValueError: If a wrapper does not exist, fails, or gives something else.
    """
    for wrapper in wrappers:
        name = wrapper if isinstance(wrapper, str) else getattr(wrapper, "__name__", repr(wrapper))
        make = loaded(wrapper, "The wrapper")
        try:
            outer = make(env)
        except SandboxError:
            raise
        except Exception as error:  # wrappers raise anything
            reason = first_line(error)
            raise InvalidValueError(f"The wrapper '{name}' cannot be put around it: {reason}.") from error
        if not hasattr(outer, has):
            raise InvalidValueError(
                f"The wrapper '{name}' gives a {type(outer).__name__}, not an environment."
            )
        env = outer
    return env


def first_line(error: Exception) -> str:
    """What an exception says, in a line."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
