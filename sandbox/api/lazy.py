"""Functions that are imported when they are called, so that a manifest stays cheap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Call:
    """A function with some of its arguments.

    Attributes:
        function: ``"module:attribute"``.
        arguments: Keyword arguments.
    """

    function: str
    arguments: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Import the function and call it."""
        module, _, attribute = self.function.partition(":")
        return getattr(import_module(module), attribute)(*args, **{**self.arguments, **kwargs})


@dataclass(frozen=True)
class Lazy:
    """What a call gives, where a manifest may also name an object by ``"module:attribute"``."""

    call: Call

    def get(self) -> Any:
        """The object; made once for each manifest that names it."""
        known = self.__dict__.get("_object")
        if known is None:
            known = self.call()
            object.__setattr__(self, "_object", known)
        return known
