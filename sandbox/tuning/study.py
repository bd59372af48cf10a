"""The study: Optuna's trials in resumable storage, and which of them are stale."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.api.errors import InvalidValueError, MissingExtraError, StorageError
from sandbox.registry.resolve import missing_modules
from sandbox.tuning.spaces import Choice, Dimension, Real, Space, Whole

JOURNAL = "study.journal"
MIN_TRIALS = 10
"""Of fewer finished trials it cannot be said which hyperparameters mattered."""

FOLDER = "folder"
"""Attribute of a trial: the folder of the driver that asked for it."""


def open_study(folder: Path, name: str, *, lower: bool, storage: str | None, seed: int, trials: int) -> Any:
    """Open or begin a study.

    Args:
        folder: Of this search; holds the journal.
        name: The study's name, the same for the same question.
        lower: Whether less is better.
        storage: URL of a database; a journal file in ``folder`` if absent.
        seed: Seeds the sampler.
        trials: Trials wanted in all; a small search draws fewer at random first.

    Raises:
        MissingExtraError: If Optuna is not installed.
        StorageError: If the journal or the database cannot be opened.
    """
    if missing_modules(("optuna",)):
        raise MissingExtraError("sandbox tune", ("optuna",), "tune")
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        backend = _storage(folder, storage)
        # Another seed after a restart: the sampler's generator is not stored, and must not draw again
        # what it has drawn.
        done = len(_existing(backend, name))
        return optuna.create_study(
            storage=backend,
            study_name=name,
            direction="minimize" if lower else "maximize",
            load_if_exists=True,
            sampler=optuna.samplers.TPESampler(
                seed=seed + done, multivariate=True, n_startup_trials=max(4, min(10, trials // 3))
            ),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1),
        )
    except (InvalidValueError, MissingExtraError):
        raise
    except Exception as error:  # Optuna, SQLAlchemy and drivers raise types of their own
        where = storage or folder / JOURNAL
        raise StorageError(f"The study in {where} cannot be opened: {error}", "See --storage.") from error


def _storage(folder: Path, url: str | None) -> Any:
    import optuna
    from optuna.storages.journal import JournalFileBackend, JournalStorage

    if url is None:
        return JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
    check_url(url)
    return optuna.storages.RDBStorage(url)


def check_url(url: str) -> None:
    """Refuse what is no URL of a database."""
    if "://" not in url:
        raise InvalidValueError(
            f"--storage takes the URL of a database, not '{url[:80]}'.", "For example sqlite:///trials.db."
        )


def _existing(storage: Any, name: str) -> list[Any]:
    for study in storage.get_all_studies():
        if study.study_name == name:
            trials: list[Any] = storage.get_all_trials(study._study_id, deepcopy=False)
            return trials
    return []


def suggest(trial: Any, space: Space) -> dict[str, Any]:
    """A point of the space, as hyperparameters."""
    return {name: _tidy(_suggest(trial, name, dimension)) for name, dimension in space.items()}


def _suggest(trial: Any, name: str, dimension: Dimension) -> Any:
    if isinstance(dimension, Choice):
        labels = [_label(value) for value in dimension.values]
        return dimension.values[labels.index(trial.suggest_categorical(name, labels))]
    low, high, log = dimension.low, dimension.high, dimension.log
    if isinstance(dimension, Whole):
        return trial.suggest_int(name, low, high, log=log)
    if dimension.complement:
        return 1.0 - trial.suggest_float(f"1-{name}", 1.0 - high, 1.0 - low, log=log)
    return trial.suggest_float(name, low, high, log=log)


def as_parameters(hyperparameters: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """Hyperparameters as the study names them; only those that lie in the space."""
    parameters: dict[str, Any] = {}
    for name, dimension in space.items():
        value = hyperparameters.get(name)
        if isinstance(dimension, Choice):
            plain = tuple(value) if isinstance(value, list) else value
            if plain in dimension.values:
                parameters[name] = _label(plain)
        elif isinstance(value, int | float) and dimension.low <= value <= dimension.high:
            complement = isinstance(dimension, Real) and dimension.complement
            parameters[f"1-{name}" if complement else name] = 1.0 - value if complement else value
    return parameters


def stale(study: Any, folder: Path) -> list[Any]:
    """Trials of this folder that are marked as running, although the process that ran them is gone.

    The caller holds the lease of the folder, so nobody else can be running them.
    """
    import optuna

    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state == optuna.trial.TrialState.RUNNING
        and trial.user_attrs.get(FOLDER) in (None, str(folder.resolve()))
    ]


def best_trial(study: Any) -> Any:
    """The completed trial with the best value, or None."""
    import optuna

    done = [t for t in study.get_trials(deepcopy=False) if t.state == optuna.trial.TrialState.COMPLETE]
    if not done:
        return None
    lower = study.direction == optuna.study.StudyDirection.MINIMIZE
    return min(done, key=lambda trial: trial.value if lower else -trial.value)


def importances(study: Any) -> dict[str, float]:
    """Share of each hyperparameter in what decides the value (PED-ANOVA); empty while it cannot be told."""
    import optuna

    done = sum(trial.state == optuna.trial.TrialState.COMPLETE for trial in study.get_trials(deepcopy=False))
    if done < MIN_TRIALS:
        return {}
    try:
        shares = optuna.importance.get_param_importances(
            study, evaluator=optuna.importance.PedAnovaImportanceEvaluator()
        )
    except (ValueError, RuntimeError, ZeroDivisionError):  # too few trials, or all alike
        return {}
    return {name: float(value) for name, value in shares.items()}


def _label(value: Any) -> Any:
    """Categories must be plain values: a list stands as its text."""
    return "x".join(map(str, value)) if isinstance(value, list | tuple) else value


def _tidy(value: Any) -> Any:
    """Numbers with the digits that matter: a preset is read by people."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    return list(value) if isinstance(value, tuple) else value
