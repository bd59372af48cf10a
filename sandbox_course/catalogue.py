"""All claims of the course, in the order of its ideas."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

import sandbox_course.claims as folder
from sandbox.api import Claim, Claims


def _all() -> tuple[Claim, ...]:
    names = sorted(module.name for module in iter_modules(folder.__path__))
    return tuple(import_module(f"{folder.__name__}.{name}").claim for name in names)


claims = Claims("course", _all())
