"""The study: Optuna's trials in resumable storage, and which of them are stale."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.api.errors import InvalidValueError, MissingExtraError, StorageError
from sandbox.api.tuning import Plain
from sandbox.registry.resolve import missing_modules
from sandbox.tuning.spaces import Choice, Dimension, Real, Space, Value, Whole

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial


JOURNAL = "study.journal"
MIN_TRIALS = 10
"""Fewer finished trials do not show which hyperparameters matter."""

FOLDER = "folder"
"""Attribute of a trial: the folder of the driver that asked for it."""


def open_study(folder: Path, name: str, *, lower: bool, storage: str | None, seed: int, trials: int) -> Study:
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
        if storage and any(kind.__name__ == "ArgumentError" for kind in type(error).__mro__):
            raise InvalidValueError(
                f"--storage {storage} names no database that is known here: {error}.",
                "For example sqlite:///trials.db.",
            ) from error
        raise StorageError(f"The study in {where} cannot be opened: {error}", "See --storage.") from error


def _storage(folder: Path, url: str | None) -> BaseStorage:
    import optuna
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalStorage

    if url is None:
        journal = str(folder / JOURNAL)
        # Not Optuna's default lock, which is a link: there are none below a runs directory.
        return JournalStorage(JournalFileBackend(journal, JournalFileOpenLock(journal)))
    check_url(url)
    return optuna.storages.RDBStorage(url)


def check_url(url: str) -> None:
    """Refuse what is no URL of a database."""
    if "://" not in url:
        raise InvalidValueError(
            f"--storage takes the URL of a database, not '{url[:80]}'.", "For example sqlite:///trials.db."
        )


def _existing(storage: BaseStorage, name: str) -> list[FrozenTrial]:
    for study in storage.get_all_studies():
        if study.study_name == name:
            return storage.get_all_trials(study._study_id, deepcopy=False)
    return []


def suggest(trial: Trial, space: Space) -> dict[str, Value | list[Plain]]:
    """A point of the space, as hyperparameters."""
    return {name: _tidy(_suggest(trial, name, dimension)) for name, dimension in space.items()}


def _suggest(trial: Trial, name: str, dimension: Dimension) -> Value:
    if isinstance(dimension, Choice):
        labels = [_label(value) for value in dimension.values]
        chosen = trial.suggest_categorical(name, labels)
        return next(value for value, label in zip(dimension.values, labels, strict=True) if label == chosen)
    if isinstance(dimension, Whole):
        return trial.suggest_int(name, dimension.low, dimension.high, log=dimension.log)
    low, high, log = dimension.low, dimension.high, dimension.log
    if dimension.complement:
        return 1.0 - trial.suggest_float(f"1-{name}", 1.0 - high, 1.0 - low, log=log)
    return trial.suggest_float(name, low, high, log=log)


def as_parameters(hyperparameters: Mapping[str, Any], space: Space) -> dict[str, Value]:
    """Hyperparameters as the study names them; only those that lie in the space."""
    parameters: dict[str, Value] = {}
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


def stale(study: Study, folder: Path) -> list[FrozenTrial]:
    """Trials of this folder that are marked as running, although the process that ran them is gone.

    The caller holds the lock of the folder, so nobody else can be running them.
    """
    import optuna

    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state == optuna.trial.TrialState.RUNNING
        and trial.user_attrs.get(FOLDER) in (None, str(folder.resolve()))
    ]


def best_trial(study: Study) -> FrozenTrial | None:
    """The completed trial with the best value, or None."""
    import optuna

    done = [t for t in study.get_trials(deepcopy=False) if t.state == optuna.trial.TrialState.COMPLETE]
    if not done:
        return None
    lower = study.direction == optuna.study.StudyDirection.MINIMIZE
    sign = 1.0 if lower else -1.0
    return min(done, key=lambda trial: sign * trial.values[0])


def importances(study: Study) -> dict[str, float]:
    """Share of each hyperparameter in what decides the value (PED-ANOVA); empty while that is not known."""
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


def _label(value: Value) -> Plain:
    """Categories must be plain values: a list stands as its text."""
    return "x".join(map(str, value)) if isinstance(value, list | tuple) else value


def _tidy(value: Value) -> Value | list[Plain]:
    """Numbers with the digits that matter: a preset is read by people."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    return list(value) if isinstance(value, tuple) else value
