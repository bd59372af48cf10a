"""Warnings that are raised while an algorithm trains."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def warnings_as_messages(on_message: Callable[[str], None]) -> Iterator[None]:
    """Warnings reach the user as messages, each once."""
    shown: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        text = str(message) if category is UserWarning else f"{category.__name__}: {message}"
        if text not in shown:
            shown.add(text)
            on_message(text)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
