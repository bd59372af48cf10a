"""The command ``sandbox``: parses, calls the core, prints, and turns every failure into a sentence.

A command prints for people itself and returns nothing, or returns the document that ``--json`` asked
for. This module alone writes the document, so that standard output holds it and nothing else.
"""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from sandbox.api.stop_signals import stop_signals_interrupt
from sandbox.cli.commands import (
    compare,
    doctor,
    export,
    improve,
    info,
    moves,
    play,
    plugin,
    record,
    render,
    report,
    resume,
    run,
    runs,
    train,
    tune,
    ui,
)
from sandbox.cli.commands import (
    eval as eval_command,
)
from sandbox.cli.commands import (
    list as list_command,
)
from sandbox.cli.failures import CommandInterruptedError, Failure, explain
from sandbox.cli.show.console import print_document, print_failure, stdout_for_documents

HELP = """Train reinforcement learning on real domains and compare it with their classical methods.

Start with: sandbox list, then sandbox run traffic --algo ppo.
"""


class _Group(typer.core.TyperGroup):
    """Keeps Ctrl-C and a closed pipe apart from the failures that Typer handles in its own way."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise CommandInterruptedError(str(error)) from error
        except BrokenPipeError as error:
            raise _ReaderGoneError from error

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command of the core, else the commands of the domain of that name."""
        from sandbox.cli.domain_commands import domain_group

        return super().get_command(ctx, cmd_name) or domain_group(cmd_name, type(self))


class _ReaderGoneError(Exception):
    """Whoever read our output has closed the pipe, as ``head`` does."""


app = typer.Typer(
    cls=_Group,
    help=HELP,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich's help imports a Markdown parser: as slow as all the rest
    context_settings={"help_option_names": ["--help", "-h"]},
)
app.command("list")(list_command.list_)
app.command("info")(info.info)
app.command("run")(run.run)
app.command("train")(train.train)
app.command("resume")(resume.resume)
app.command("eval")(eval_command.evaluate)
app.command("render")(render.render)
app.command("play")(play.play)
app.command("compare")(compare.compare)
app.command("tune")(tune.tune)
app.command("moves")(moves.moves)
app.command("report")(report.report)
app.command("export")(export.export)
app.command("record")(record.record)
app.command("improve")(improve.improve)
app.command("runs")(runs.runs)
app.command("ui")(ui.ui)
app.command("doctor")(doctor.doctor)

plugins = typer.Typer(
    cls=_Group,
    help="Write a plugin to start from, or check that one works.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
plugins.command("new")(plugin.new)
plugins.command("check")(plugin.check)
app.add_typer(plugins, name="plugin")


def _print_version(wanted: bool) -> None:
    if wanted:
        from sandbox import __version__

        print(f"sandbox-rl {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    paths: Annotated[
        list[str] | None,
        typer.Option(
            "--plugin",
            metavar="PATH",
            help="Load a plugin: path/to/plugin.py, or module:attribute. Repeatable, also after the command.",
        ),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODULE",
            help="Let scenarios and runs name environments and wrappers of a module, or a path. Repeatable.",
        ),
    ] = None,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    if paths:
        from sandbox.registry.discover import add_plugins

        add_plugins(paths)
    if allow:
        from sandbox.registry.allowed import allow_modules

        allow_modules(allow)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Arguments without the program's name; those of the process if absent.

    Returns:
        0 done, 1 a run failed, 2 an impossible request, 130 interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in arguments and not {"--help", "-h"} & set(arguments)
    with stdout_for_documents(as_json) as stdout:
        try:
            with stop_signals_interrupt():
                return _run(arguments, as_json, stdout)
        except _ReaderGoneError:
            _silence()
            return 0
        except BaseException as error:
            if isinstance(error, SystemExit) and error.code in (None, 0):
                return 0
            return _failed(explain(error), error, as_json, stdout)


def _run(arguments: list[str], as_json: bool, stdout: Any) -> int:
    shown = _plugins_first(arguments) or ["--help"]
    result = _app_for(shown)(args=shown, prog_name="sandbox", standalone_mode=False, obj=arguments)
    try:
        if as_json and isinstance(result, dict):
            print_document(result, stdout)
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise _ReaderGoneError from error
    return result if isinstance(result, int) else getattr(result, "exit_code", 0)


def _failed(failure: Failure, error: BaseException, as_json: bool, stdout: Any) -> int:
    if os.environ.get("SANDBOX_DEBUG", "") not in ("", "0"):
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    try:
        if as_json:
            print_document({"error": failure.document()}, stdout)
            return failure.exit_code
    except OSError:  # the document's own place is what cannot be written
        pass
    try:
        print_failure(failure)
        sys.stdout.flush()
    except OSError:
        _silence()
    return failure.exit_code


def _silence() -> None:
    """Leave nothing behind that the interpreter would try to flush, and complain about, at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            os.dup2(nowhere, stream.fileno())
        except (OSError, ValueError, AttributeError):  # a stream without a descriptor cannot break
            continue
    os.close(nowhere)


_COMMON = ("--plugin", "--allow")


def _app_for(arguments: list[str]) -> typer.Typer:
    """An app with the parser of the named command alone: those of all others take time at every start."""
    place = 0
    while place < len(arguments) and arguments[place].partition("=")[0] in _COMMON:
        place += 1 if "=" in arguments[place] else 2
    named = [command for command in app.registered_commands if command.name in arguments[place : place + 1]]
    if not named:
        return app
    only = copy.copy(app)
    only.registered_commands, only.registered_groups = named, []
    return only


def _plugins_first(arguments: list[str]) -> list[str]:
    """Move ``--plugin`` and ``--allow`` before the command, where the parser expects what all share."""
    first: list[str] = []
    rest: list[str] = []
    left = iter(arguments)
    for argument in left:
        if argument == "--":
            return [*first, *rest, "--", *left]
        if argument in _COMMON:
            first += [argument, *([value] if (value := next(left, None)) is not None else [])]
        elif argument.startswith(tuple(f"{option}=" for option in _COMMON)):
            first.append(argument)
        else:
            rest.append(argument)
    if first and first[-1] in _COMMON:  # its value is missing: let the parser say so
        return [*first[:-1], *rest, first[-1]] if not rest else first
    return [*first, *rest]


if __name__ == "__main__":
    sys.exit(main())
