"""Functions of users that a config names: what goes wrong in them is said to be theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from sandbox.api import InvalidValueError, SandboxError


def load_function(reference: str, what: str) -> Callable[..., Any]:
    """The function behind ``module:function``.

    Args:
        reference: As the config names it.
        what: The parameter that names it.

    Raises:
        InvalidValueError: If it is not there, is no function, or its module cannot be imported.
    """
    module, _, name = reference.partition(":")
    try:
        with code_of_user(reference):
            function: Any = getattr(import_module(module), name)
    except InvalidValueError as error:
        if isinstance(error.__cause__, ImportError | AttributeError):
            raise InvalidValueError(
                f"{what} is '{reference[:80]}', which is not there: {error.__cause__}."
            ) from error.__cause__
        raise
    if not callable(function):
        raise InvalidValueError(f"{what} is '{reference[:80]}', a {type(function).__name__} and no function.")
    made: Callable[..., Any] = function
    return made


@contextmanager
def code_of_user(reference: str) -> Iterator[None]:
    """Tell whatever is raised inside as a mistake in the code that ``reference`` names.

    Raises:
        InvalidValueError: Names the code and its exception.
    """
    try:
        yield
    except SandboxError:
        raise
    except Exception as error:  # a user's code raises anything
        lines = str(error).strip().splitlines()
        said = f": {lines[0]}" if lines else ""
        raise InvalidValueError(
            f"{reference[:80]} fails with {type(error).__name__}{said}.",
            "SANDBOX_DEBUG=1 shows where.",
        ) from error
