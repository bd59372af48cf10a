"""Arguments and options that several commands share, each declared once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from sandbox.runs.names import split_policy

SEED_LIMIT = 2**31  # sandbox.api.scenario.SEED_LIMIT, which costs the import of pydantic


def _count(text: str | int) -> int:
    """A whole number of at least 1; ``1e6`` and ``1_000_000`` are ones."""
    number = _whole(text)
    if number < 1:
        raise typer.BadParameter(f"it must be at least 1, not {text}.")
    return number


def _seed(text: str | int) -> int:
    number = _whole(text)
    if not 0 <= number < SEED_LIMIT:
        raise typer.BadParameter(f"it must be at least 0 and less than 2**31, not {text}.")
    return number


def _whole(given: str | int) -> int:
    text = str(given)  # an option's default comes as the number it is
    try:
        number = float(text.replace("_", "")) if "e" in text.lower() else int(text)
        if number == int(number) and abs(number) < 2**63:
            return int(number)
    except (ValueError, OverflowError):
        pass
    raise typer.BadParameter(f"it must be a whole number, not '{text[:40]}'.")


def scenario_name(text: str) -> str:
    """A scenario's name; the module of an environment that is named here may be imported."""
    if ":" in text:
        from sandbox.external.names import is_external, module_of

        if is_external(text) and (module := module_of(text)):
            from sandbox.registry.allowed import allow_modules

            allow_modules([module])
    return text


def run_name(given: str | Path, runs_dir: Path = Path("runs")) -> str:
    """A run or an agent as it was typed; ``latest`` and ``DIR/latest`` become the run started last.

    ``latest`` looks in ``runs_dir``, ``DIR/latest`` below ``DIR``. ``0-1a2b3c4d`` and ``ppo/0-1a2b3c4d`` are
    the run in ``runs_dir`` whose directory ends so. All take ``@best``, ``@final`` or ``@STEP``.

    A command without ``--runs-dir`` takes this as the parser of its argument; one with it calls this itself,
    since an argument is parsed before the options are known.
    """
    text = str(given)  # an option's default comes as what it is
    name, policy = split_policy(text)
    which = f"@{policy}" if policy else ""
    if Path(name).exists() or not (Path(name).name == LATEST or _SHORT.fullmatch(name)):
        return text
    from sandbox.runs.directory import latest_run, run_called

    if Path(name).name != LATEST:
        return f"{run_called(runs_dir, name)}{which}"
    return f"{latest_run(runs_dir if name == LATEST else Path(name).parent)}{which}"


LATEST = "latest"
_SHORT = re.compile(r"(?:[^/\s]+/)?\d+-[0-9a-f]{6,}")
"""The end of a run directory, as ``sandbox runs`` shows it: ``ppo/0-1a2b3c4d`` or ``0-1a2b3c4d``."""


def run_path(given: str | Path, runs_dir: Path = Path("runs")) -> Path:
    """The same as a path."""
    return Path(run_name(given, runs_dir))


SCENARIO: Any = typer.Argument(
    parser=scenario_name,
    metavar="SCENARIO",
    help="domain, domain/name, a YAML file, gym:ID or pettingzoo:module.",
)
SCENARIO_OR_ALGORITHM: Any = typer.Argument(
    parser=scenario_name,
    metavar="SCENARIO|ALGORITHM",
    help="domain, domain/name, a YAML file, gym:ID, pettingzoo:module, or an algorithm.",
)
Scenario = Annotated[str, SCENARIO]
Algo = Annotated[str, typer.Option(metavar="NAME", help="Algorithm; see: sandbox list algorithms.")]
Seed = Annotated[
    int, typer.Option(parser=_seed, metavar="N", help="Seeds training; evaluation seeds are the scenario's.")
]
Steps = Annotated[
    int | None,
    typer.Option(parser=_count, metavar="N", help="Environment steps to train; default: the scenario's."),
]
NumEnvs = Annotated[
    int | None,
    typer.Option(parser=_count, metavar="N", help="Environments to train on; default: the scenario's."),
]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change the scenario: config.key=value. Repeatable."),
]
Wrap = Annotated[
    list[str] | None,
    typer.Option(metavar="MODULE:FN", help="Wrap the environment of gym: or pettingzoo:. Repeatable."),
]
Reward = Annotated[
    list[str] | None,
    typer.Option(metavar="TERM=W|PRESET", help="Reweight a reward term, or pick a preset. Repeatable."),
]
Hp = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="Set a hyperparameter of the algorithm. Repeatable."),
]
InitFrom = Annotated[
    Path | None,
    typer.Option(metavar="RUN", help="Start from the policy of a run (fine-tuning), or from a MODEL.zip."),
]
Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="PATH", help="Dataset to learn from: a Minari folder or an .npz file."),
]
Expert = Annotated[
    str | None,
    typer.Option(metavar="NAME|RUN", help="Baseline or run that says what to do in the states visited."),
]
TrustPickle = Annotated[
    bool,
    typer.Option(
        "--trust-pickle",
        help="Read models that Stable-Baselines3 saved (MODEL.zip). This runs code that is in the file.",
    ),
]
Episodes = Annotated[
    int | None,
    typer.Option(parser=_count, metavar="N", help="Test episodes per agent; default: the scenario's."),
]
CheckpointEvery = Annotated[
    float,
    typer.Option(metavar="SECONDS", min=0, help="Time between checkpoints; 0: at every safe point."),
]
CHECKPOINT_EVERY = 60.0  # sandbox.training.monitor.CHECKPOINT_EVERY, which costs the import of NumPy
Keep = Annotated[
    int,
    typer.Option(metavar="N", min=0, max=1000, help="Policies of training that stay, for RUN@STEP; 0: none."),
]
KEEP = 10  # sandbox.runs.policies.KEPT, beside the other options' defaults
Track = Annotated[
    list[str] | None,
    typer.Option(metavar="mlflow|wandb", help="Log there too, besides TensorBoard. Repeatable."),
]
RunsDir = Annotated[Path, typer.Option(metavar="DIR", help="Where run directories are kept.")]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="Play baselines again whose episodes are kept from before.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


def changed(changes: list[str] | None, wrap: list[str] | None) -> list[str]:
    """``--set`` pairs with the wrappers among them; the wrappers' modules may be imported."""
    if not wrap:
        return changes or []
    from sandbox.registry.allowed import allow_modules

    allow_modules([reference.partition(":")[0] for reference in wrap])
    return [*(changes or ()), f"config.wrap=[{', '.join(wrap)}]"]


def initial_policy(init_from: Path | None, algo: str | None, trusted: bool, runs_dir: Path) -> Path | None:
    """What to start from; a trusted model of Stable-Baselines3 is converted into the runs' folder first."""
    if init_from is None:
        return None
    from sandbox.outputs.import_sb3 import import_sb3, is_sb3_archive, require_trust

    init_from = run_path(init_from, runs_dir)
    if not is_sb3_archive(init_from):
        return init_from
    require_trust(init_from, trusted)
    return import_sb3(init_from, algo, runs_dir / "imported")
