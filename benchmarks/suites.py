"""Runs the quick form of shipped suites and writes what they came to into the documentation.

    python -m benchmarks.suites [SUITE…] [--page docs/reference/results.md] [--runs-dir DIR]

Each suite gets a runs folder of its own, so that its minutes are those of all its cells and none is taken
from another suite; start with an empty one. The page's introduction is kept, what follows is replaced.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from pathlib import Path

import sandbox
from sandbox.report.make import make_report

SUITES = ("across-domains", "traffic", "inventory-lost-sales", "chip", "locomotion")
PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "results.md"
MARK = "<!-- filled by python -m benchmarks.suites -->"


def main() -> int:
    """Run them one after another; write the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("suites", nargs="*", default=SUITES)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--runs-dir", type=Path, default=Path("runs/suites"))
    arguments = parser.parse_args()
    introduction = arguments.page.read_text().partition(MARK)[0].rstrip()
    rows, sections = ["| suite | command | minutes |", "|---|---|---|"], []
    for name in arguments.suites:
        begun = time.perf_counter()
        compared = sandbox.compare(name, quick=True, runs_dir=arguments.runs_dir / name)
        minutes = (time.perf_counter() - begun) / 60
        print(f"{name}: {minutes:.1f} minutes", file=sys.stderr, flush=True)
        if not compared.complete:
            raise SystemExit(f"{name} has cells without a result: see {compared.folder}")
        rows.append(f"| [{name}](#{name}) | `sandbox compare {name} --quick` | {minutes:.0f} |")
        sections.append(section(name, compared.folder))
    arguments.page.write_text("\n\n".join([introduction, MARK, "\n".join(rows), *sections]) + "\n")
    return 0


def section(name: str, comparison: Path) -> str:
    """The Markdown report of a comparison as a section of the page."""
    text = make_report([str(comparison)], "md", None).read_text()
    text = re.sub(
        r"^```\n.*?^```\n?", "", text, flags=re.DOTALL | re.MULTILINE
    )  # the table names the command
    title, _, body = text.partition("\n")
    body = re.sub(r"^## ", "### ", body, flags=re.MULTILINE)
    body = re.sub(r"\n{3,}", "\n\n", body).strip()
    return f"## {name}\n\n{title.removeprefix('# ')}.\n\n{body}"


if __name__ == "__main__":
    sys.exit(main())
