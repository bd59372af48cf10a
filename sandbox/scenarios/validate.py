"""Pydantic models from strangers' values, with complaints that name the file and line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.api.errors import InvalidValueError, SandboxError

if TYPE_CHECKING:
    pass


def validate(model: type[Any], values: Any, what: str, path: Path | None = None) -> Any:
    """``values`` as an instance of a pydantic model.

    Raises:
        InvalidValueError: Names the key, what was given and what is allowed; the nearest key for an
            unknown one; the file and line where ``path`` is given.
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _explained(error, model, what, path) from None
    except RecursionError:
        raise InvalidValueError(f"{what} is nested too deeply.") from None


def _explained(error: Any, model: type[Any], what: str, path: Path | None) -> SandboxError:
    from sandbox.scenarios.validation import explain

    return explain(error, model, what, path)
