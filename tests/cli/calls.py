"""What a call of the command line did, as the tests of this folder look at it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """What one command did."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output, which must be exactly one JSON document."""
        return json.loads(self.out, parse_constant=_refuse)

    @property
    def words(self) -> str:
        """Standard error with line breaks taken out."""
        return " ".join(self.err.split())


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def files(folder: Path) -> set[str]:
    """Every file and folder below ``folder``."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if "__pycache__" not in path.parts}
