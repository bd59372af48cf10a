"""Makes every table of results, in one command that can be stopped and goes on.

    python -m benchmarks.results [TABLE…] [--list] [--again] [--seeds N] [--seed-offset N] [--runs-dir DIR]

A table is a command of its own, run in a process, and keeps what it has finished below ``--runs-dir``. Each
table that is done is written at once to ``docs/reference/results.json``, with its command, date, versions,
seeds and minutes; the page, README's table and the tables of the documentation between ``results`` marks are
written from that file, and a test compares them. A table that the file has is not made again unless it is
named or ``--again`` is given.

The suites are run in their full form: hours on two cores. ``--list`` says what there is and from when.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from sandbox.runs.provenance import installed_version, local_time

ROOT = Path(__file__).resolve().parents[1]
STORE = ROOT / "docs" / "reference" / "results.json"
PAGE = ROOT / "docs" / "reference" / "results.md"
TUTORIAL = ROOT / "docs" / "tutorials" / "the-course.md"
IMAGES = ROOT / "docs" / "images"
MARK = "<!-- filled by python -m benchmarks.results -->"
BLOCK = re.compile(r"(<!-- results: (?P<name>[\w-]+) -->\n)(?P<body>.*?)(<!-- end of results -->)", re.DOTALL)
RULE_BELOW_HEAD = re.compile(r"\|\s*:?-{3}")
SUMMARY = "-summary"
"""A block of this name has the lines of a table up to the first empty one."""

FILLED = (
    "README.md", "docs/explanation/offline.md", "docs/explanation/self-play.md", "docs/explanation/values.md",
    "docs/tutorials/the-course.md", "plugins/sandbox_traffic/README.md",
)  # fmt: skip
"""Files with blocks that are filled from the store."""

DISTRIBUTIONS = (
    "sandbox-rl", "numpy", "gymnasium", "torch", "stable-baselines3", "sb3-contrib", "mujoco", "eclipse-sumo",
)  # fmt: skip

Record = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A table of results.

    Attributes:
        name: Of its section.
        title: What it shows.
        arguments: Of ``python``; ``{runs}``, ``{seeds}`` and ``{offset}`` are filled in.
        seeds: Training seeds of every agent, unless ``--seeds`` says otherwise; a suite's own if 0.
        changeable: Whether ``--seeds`` is handed on where the command has seeds of its own.
        lines: From standard output, standard error and the runs folder to Markdown.
        minutes: From standard output to the minutes that all of it took, earlier parts included; if absent,
            those of the command.
    """

    name: str
    title: str
    arguments: tuple[str, ...]
    seeds: int
    lines: Callable[[str, str, Path], list[str]]
    minutes: Callable[[str], float] | None = None
    changeable: bool = False

    def command(self, runs: str, seeds: int, offset: int) -> list[str]:
        """What ``python`` is called with.

        Args:
            runs: Where runs are kept.
            seeds: Training seeds; 0 if they are the command's own.
            offset: First seed of a course.
        """
        filled = {"{runs}": runs, "{seeds}": str(seeds), "{offset}": str(offset)}
        words = [_filled(argument, filled) for argument in self.arguments]
        return [*words, "--seeds", str(seeds)] if self.changeable and seeds else words


def markdown(out: str, err: str, runs: Path) -> list[str]:
    """The tables among what a benchmark says on standard error."""
    rows = [line for line in err.splitlines() if line.startswith("|")]
    if not rows:
        raise SystemExit(f"no table was printed:\n{err[-2000:]}")
    lines: list[str] = []
    for row, after in pairwise([*rows, ""]):
        if lines and RULE_BELOW_HEAD.match(after):  # the head of a further table
            lines.append("")
        lines.append(row)
    return lines


def of_comparison(out: str, err: str, runs: Path) -> list[str]:
    """The Markdown report of the comparison in the folder that was written last.

    Earlier ones are there where a scenario or a preset has changed since.
    """
    from sandbox.report.make import make_report

    record = max(runs.glob("**/comparison.json"), key=lambda file: file.stat().st_mtime)
    text = make_report([str(record.parent)], "md", None).read_text()
    text = re.sub(r"^```\n.*?^```\n?", "", text, flags=re.DOTALL | re.MULTILINE)
    _, _, body = text.partition("\n")
    return re.sub(r"^(#+) ", r"#\1 ", body, flags=re.MULTILINE).strip().splitlines()


def of_learning(out: str, err: str, runs: Path) -> list[str]:
    """What `benchmarks.learning` found on each scenario: in short, and every classical method."""
    results = json.loads(out)
    names = [result["scenario"] for result in results]
    lines = [
        "| | PPO, mean (worst) | best classical | PPO / best | runs ahead | fixed-time | training, s |",
        "| --- | ---: | --- | ---: | ---: | ---: | ---: |",
    ]
    for name, result in zip(names, results, strict=True):
        final, best = result["final"], result["best_baseline"]
        worst = max(final) if result["better"] == "lower" else min(final)
        least, most = min(result["train_seconds"]), max(result["train_seconds"])
        cells = (
            f"`{name}`",
            f"{statistics.fmean(final):.1f} ({worst:.1f})",
            f"{best} {result['baselines'][best]:.1f}",
            f"{statistics.fmean(result['ratio_to_best_baseline']):.2f}",
            f"{result['seeds_that_beat_every_baseline']} of {len(final)}",
            f"{result['baselines']['fixed-time']:.1f}",
            f"{least:.0f} to {most:.0f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    short = [name.partition("/")[2] for name in names]
    lines += ["", f"| agent | {' | '.join(short)} |", f"| --- |{' ---: |' * len(short)}"]
    for title, column in (("PPO, final policies", "final"), ("PPO, best-validation", "best_validation")):
        row = [f"{statistics.fmean(result[column]):.1f}" if result[column] else "–" for result in results]
        lines.append(f"| {title} | {' | '.join(row)} |")
    for agent in dict.fromkeys(agent for result in results for agent in result["baselines"]):
        values = [result["baselines"].get(agent) for result in results]
        row = ["–" if value is None else f"{value:.1f}" for value in values]
        lines.append(f"| {agent} | {' | '.join(row)} |")
    return lines


def of_course(out: str, err: str, runs: Path) -> list[str]:
    """Claim, rule, result, verdict and switch."""
    from sandbox.course.words import VERDICTS, minutes_text, result_text, summary, switch_text
    from sandbox.records.course import CourseRecord

    record = CourseRecord.model_validate(json.loads(out))
    draw_pictures(record)
    lines = [
        "| claim | rule | result | verdict | under its switch | min |",
        "| --- | --- | --- | --- | --- | ---: |",
    ]
    for each in record.claims:
        under = VERDICTS[each.under_switch]
        if each.under_switch != "missing":
            under += f": {switch_text(each)}"
        cells = (
            each.claim,
            each.rule,
            result_text(each),
            VERDICTS[each.verdict],
            under,
            minutes_text(each.minutes),
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    notes = [f"{each.claim}: {each.shortfall}" for each in record.claims if each.shortfall]
    return [summary(record), "", *lines, *(["", *notes] if notes else [])]


def minutes_of_courses(out: str) -> float:
    """Processor time of all measurements of several courses."""
    return sum(each["minutes"] or 0.0 for record in json.loads(out) for each in record["claims"])


def draw_pictures(record: Any) -> None:
    """The pictures of the claims that the tutorial shows."""
    from sandbox.course.picture import draw

    text = TUTORIAL.read_text(encoding="utf-8")
    for each in record.claims:
        file = IMAGES / f"course-{each.claim}.png"
        if file.name in text and each.plot is not None and (picture := draw(each.plot)) is not None:
            file.write_bytes(picture)


def suite(name: str) -> Table:
    """A suite in its full form."""
    arguments = ("-m", "sandbox.cli.main", "compare", name, "--json", "--quiet", "--runs-dir", "{runs}")
    return Table(name, f"Suite {name}", arguments, 0, of_comparison, changeable=True)


def family(name: str, title: str, seeds: int, *more: str) -> Table:
    """A table of `benchmarks.families`."""
    arguments = ("-m", "benchmarks.families", name, "--seeds", "{seeds}", *more)
    return Table(f"families-{name}", title, arguments, seeds, markdown)


SAME_TASKS = {
    "lost-sales-1": "lost sales with a lead time of 1",
    "lost-sales-2": "lost sales with a lead time of 2",
    "s-S": "a fixed cost of each order",
    "perishable": "a perishable item",
}
"""Tasks of `benchmarks.families._known`."""


def same_task(name: str) -> Table:
    """The table of all families on one task whose optimum is known."""
    arguments = (
        "-m", "benchmarks.families", "same-task", "--task", name, "--seeds", "{seeds}",
        "--seconds", "100", "--store", "{runs}",
    )  # fmt: skip
    title = f"Every family on one task: {SAME_TASKS[name]}"
    return Table(f"families-same-task-{name}", title, arguments, 5, markdown)


COURSE = (
    "-m", "sandbox.cli.main", "compare", "course", "--sabotage", "--seed-offset", "{offset}", "--json",
    "--quiet", "--runs-dir", "{runs}",
)  # fmt: skip

OFFSETS = ("700", "800", "900")
"""First seeds of the course on which nothing was chosen."""

TRAFFIC = (
    "single-intersection", "cologne1", "cologne3", "cologne8", "ingolstadt1", "ingolstadt7", "grid4x4",
    "two-way-single", "crossing", "arterial-5", "twin",
)  # fmt: skip

SYSTEMS = ("-m", "benchmarks.course_systems")
RUNS = ("--seeds", "{seeds}", "--runs-dir", "{runs}")

TABLES: tuple[Table, ...] = (
    Table("course", "The course, claim by claim", COURSE, 0, of_course),
    Table(
        "course-seeds",
        "The course on seeds that nobody tuned on",
        ("-m", "benchmarks.course", *OFFSETS, "--runs-dir", "{runs}"),
        0,
        markdown,
        minutes_of_courses,
    ),
    *(
        suite(name)
        for name in (
            "across-domains",
            "traffic",
            "traffic-networks",
            "inventory-lost-sales",
            "inventory-backorders",
            "inventory-dual-sourcing",
            "inventory-multi-echelon",
            "inventory-networks",
            "inventory-perishable",
            "chip",
            "locomotion",
        )
    ),
    Table(
        "learning-traffic",
        "PPO beside every classical controller",
        ("-m", "benchmarks.learning", *(f"traffic/{name}" for name in TRAFFIC), *RUNS),
        10,
        of_learning,
    ),
    family("ladder", "REINFORCE's ladder", 10),
    *(same_task(name) for name in SAME_TASKS),
    family("bandits", "Exploration: regret", 200),
    family("imitation", "Cloning and DAgger", 10),
    family("offline", "From records alone", 10),
    family("pathwise", "The gradient through the simulator", 5, "--into", "{runs}/pathwise.json"),
    Table(
        "families-speed",
        "Training speed beside the reference libraries",
        ("-m", "benchmarks.families", "speed"),
        0,
        markdown,
    ),
    Table(
        "diffusion",
        "Diffusion models by reward",
        (*SYSTEMS, "diffusion", "--seeds", "{seeds}"),
        10,
        markdown,
    ),
    Table(
        "language",
        "Language models by preferences",
        (*SYSTEMS, "language", "--seeds", "{seeds}"),
        10,
        markdown,
    ),
    Table("games", "Self-play with search", (*SYSTEMS, "games", *RUNS), 5, markdown),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make what is missing; write the page and all blocks."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=", ".join(table.name for table in TABLES))
    parser.add_argument("--list", action="store_true", help="say what there is, and from when")
    parser.add_argument("--again", action="store_true", help="make tables again that the file has")
    parser.add_argument("--page-only", action="store_true", help="write page and blocks from the file")
    parser.add_argument("--as-it-is", action="store_true", help="of the course: measure nothing more")
    parser.add_argument("--seeds", type=int, help="training seeds instead of each table's own")
    parser.add_argument("--seed-offset", type=int, default=0, help="of the course")
    parser.add_argument("--runs-dir", type=Path, default=Path("runs/results"))
    given = parser.parse_args(arguments)
    known = {table.name: table for table in TABLES}
    for name in given.tables:
        if name not in known:
            parser.error(f"there is no table '{name}'; there are {', '.join(known)}")
    store = read()
    if given.list:
        for table in TABLES:
            print(f"{table.name}: {state(store.get(table.name))}")
        return 0
    if not given.page_only:
        wanted = given.tables or [name for name in known if given.again or not is_whole(store.get(name))]
        for name in wanted:
            record = make(known[name], given)
            # Read anew: another call may have written its table meanwhile.
            store = {**read(), name: record}
            write(store)
    fill(store)
    return 0


def make(table: Table, given: argparse.Namespace) -> Record:
    """Run a table's command and record what it printed."""
    runs = given.runs_dir / table.name
    runs.mkdir(parents=True, exist_ok=True)
    seeds = (given.seeds if table.seeds or table.changeable else 0) or table.seeds
    command = table.command(str(runs), seeds, given.seed_offset)
    begun = time.perf_counter()
    if given.as_it_is and table.name == "course":
        return measured_course(table, given.seed_offset, runs)
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    # A course in which a claim fails exits with 1, and is a result.
    if done.returncode != 0 and not (
        table.name.startswith("course") and done.returncode == 1 and done.stdout
    ):
        raise SystemExit(f"{table.name} failed:\n{done.stderr[-3000:]}")
    minutes = table.minutes(done.stdout) if table.minutes else (time.perf_counter() - begun) / 60
    print(f"{table.name}: {minutes:.1f} minutes", file=sys.stderr, flush=True)
    return {
        "command": shown(table, seeds, given.seed_offset),
        "date": local_time()[:10],
        "versions": {name: version for name in DISTRIBUTIONS if (version := installed_version(name))},
        "seeds": seeds or None,
        "minutes": round(minutes, 1),
        "lines": table.lines(done.stdout, done.stderr, runs),
    }


def measured_course(table: Table, offset: int, runs: Path) -> Record:
    """The course as far as it has been measured; its minutes are of the processor."""
    from sandbox.course.api import run_course

    file = ROOT / "scenarios" / "suites" / "course.yaml"
    result = run_course(file, seed_offset=offset, sabotage=True, runs_dir=runs, measure=False)
    missing = sum(each.verdict == "missing" for each in result.record.claims)
    return {
        "command": shown(table, 0, offset),
        "date": local_time()[:10],
        "versions": {name: version for name in DISTRIBUTIONS if (version := installed_version(name))},
        "seeds": None,
        "minutes": round(result.record.minutes, 1),
        "unfinished": missing or None,
        "lines": table.lines(json.dumps(result.record.to_json()), "", runs),
    }


def shown(table: Table, seeds: int, offset: int) -> str:
    """The command as a reader would type it."""
    words = table.command("DIR", seeds, offset)
    if words[:2] == ["-m", "sandbox.cli.main"]:
        return " ".join(["sandbox", *(word for word in words[2:] if word not in ("--json", "--quiet"))])
    return " ".join(["python", *words])


def _filled(argument: str, filled: Mapping[str, str]) -> str:
    for name, value in filled.items():
        argument = argument.replace(name, value)
    return argument


def is_made(record: Record | None) -> bool:
    """Whether a table is there, and was made by this command."""
    return record is not None and not record.get("older")


def is_whole(record: Record | None) -> bool:
    """Whether nothing of a table is missing."""
    return is_made(record) and not (record or {}).get("unfinished")


def state(record: Record | None) -> str:
    """Where a table stands, in words."""
    if record is None:
        return "not made yet"
    if record.get("older"):
        return f"older: {record['older']}"
    seeds = f", {record['seeds']} seeds" if record["seeds"] else ""
    rest = f"; {record['unfinished']} claims not measured yet" if record.get("unfinished") else ""
    return f"made {record['date']} in {record['minutes']:g} minutes{seeds}{rest}"


def read() -> dict[str, Record]:
    """All tables that there are, by name."""
    store: dict[str, Record] = json.loads(STORE.read_text(encoding="utf-8")) if STORE.is_file() else {}
    return store


def write(store: Mapping[str, Record]) -> None:
    """Keep all tables."""
    STORE.write_text(json.dumps(store, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def page(store: Mapping[str, Record]) -> str:
    """The page: its own introduction, an overview, and every table that there is."""
    introduction = PAGE.read_text(encoding="utf-8").partition(MARK)[0].rstrip()
    rows = ["| table | state |", "| --- | --- |"]
    sections = []
    for table in TABLES:
        record = store.get(table.name)
        link = f"[{table.title}](#{anchor(table.title)})" if record else table.title
        rows.append(f"| {link} | {state(record)} |")
        if record:
            sections.append(section(table, record))
    return "\n\n".join([introduction, MARK, "\n".join(rows), *sections]) + "\n"


def section(table: Table, record: Record) -> str:
    """A table with its command, date, versions, seeds and minutes."""
    versions = ", ".join(f"{name} {version}" for name, version in record.get("versions", {}).items())
    facts = f"`{record['command']}`; {state(record)}" + (f"; {versions}" if versions else "") + "."
    return "\n".join([f"## {table.title}", "", facts, "", *record["lines"]])


def anchor(title: str) -> str:
    """Where the heading of a title is found."""
    return re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", title.lower()).strip())


def filled_text(text: str, store: Mapping[str, Record]) -> str:
    """A file's text with every block of results as the store has it."""

    def block(found: re.Match[str]) -> str:
        record = store.get(found["name"].removesuffix(SUMMARY))
        if record is None:
            return found[0]
        lines = record["lines"]
        if found["name"].endswith(SUMMARY):
            lines = lines[: lines.index("")]
        return f"{found[1]}\n" + "\n".join([*lines, "", f"({state(record)})", "", found[4]])

    return BLOCK.sub(block, text)


def fill(store: Mapping[str, Record]) -> None:
    """Write the page and all blocks."""
    PAGE.write_text(page(store), encoding="utf-8")
    for name in FILLED:
        file = ROOT / name
        text = file.read_text(encoding="utf-8")
        file.write_text(filled_text(text, store), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
