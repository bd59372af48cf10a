"""``sandbox play``: play a task by hand, against an agent where it has other seats."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sandbox.cli.options import AsJson, Changes, _seed
from sandbox.cli.options import Scenario as ScenarioArgument

if TYPE_CHECKING:
    from sandbox.api.game import ActionValue
    from sandbox.outputs.by_hand import HandSession, Turn

HELP = "Type a choice; ? asks the agent, q leaves."


def play(
    scenario: ScenarioArgument,
    agent: Annotated[
        str | None,
        typer.Option(
            metavar="AGENT",
            help="Who plays the other seats: a run directory, a baseline or random; "
            "default: the scenario's first baseline.",
        ),
    ] = None,
    seat: Annotated[
        str | None, typer.Option(metavar="NAME", help="Your seat; default: the task's first.")
    ] = None,
    seed: Annotated[int, typer.Option(parser=_seed, metavar="N", help="Episode seed.")] = 0,
    changes: Changes = None,
    as_json: AsJson = False,
) -> dict[str, Any] | None:
    """Play an episode yourself. Standard input may hold the choices, one a line."""
    from sandbox.outputs.by_hand import HandSession
    from sandbox.scenarios.resolve import load_scenario

    resolved = load_scenario(scenario, changes or ())
    if agent is None and resolved.task.agents == "parallel":
        agent = next(iter(resolved.baselines()), "random")
    session = HandSession(resolved, agent, seat, seed)
    try:
        _converse(session)
        if as_json:
            return {
                "scenario": resolved.spec.id,
                "agent": session.agent.name if session.agent else None,
                "seat": session.seat,
                "seed": seed,
                "turns": [{"seat": turn.seat, "choice": turn.label} for turn in session.turns],
                "over": session.over,
                "metrics": session.metrics,
            }
    finally:
        session.close()
    return None


def _converse(session: HandSession) -> None:
    """Show and ask until the episode is over, or the person leaves."""
    from sandbox.api.errors import InvalidValueError
    from sandbox.cli.show.console import stdout

    console = stdout()
    for turn in session.turns:
        _show_turn(console, turn)
    console.print(HELP, style="dim")
    while True:
        scene = session.scene()
        console.print(f"\n{scene.text}\n{scene.message}", markup=False, highlight=False)
        if session.over:
            return
        console.print(
            f"Choices: {' '.join(choice.label for choice in scene.choices)}", style="dim", markup=False
        )
        answer = _answer(console)
        if answer in ("q", None):
            console.print("You have left the episode.")
            return
        if answer == "?":
            table = session.advice()
            _show_table(console, table) if table else console.print("The agent does not say what it thinks.")
            continue
        try:
            turns = session.choose(answer)
        except InvalidValueError as error:
            console.print(f"{error.message} {error.hint}", markup=False)
            continue
        for turn in turns:
            _show_turn(console, turn)


def _answer(console: Any) -> str | None:
    """A line of standard input; None at its end."""
    console.print("> ", end="")
    line = sys.stdin.readline()
    if not sys.stdin.isatty():
        console.print(line.strip(), markup=False)
    return line.strip() if line else None


def _show_turn(console: Any, turn: Turn) -> None:
    console.print(f"{turn.seat}: {turn.label}", markup=False, highlight=False)
    if turn.table:
        _show_table(console, turn.table)


def _show_table(console: Any, table: tuple[tuple[str, ActionValue], ...]) -> None:
    """What an agent thought of each action, one column a figure."""
    from rich.table import Table

    names = list(dict.fromkeys(name for _, action in table for name in action.figures))
    shown = Table(box=None, pad_edge=False)
    shown.add_column("choice")
    for name in names:
        shown.add_column(name, justify="right")
    for label, action in table:
        shown.add_row(label, *(_figure(name, action.figures.get(name)) for name in names))
    console.print(shown)


def _figure(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if name == "visits" else f"{value:.3f}"
