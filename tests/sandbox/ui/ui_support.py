"""Run directories made by hand, the ones that reports are tested with."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

from report_support import HOSTILE, make_comparison, make_run, make_study

__all__ = ["HOSTILE", "make_comparison", "make_run", "make_study"]
