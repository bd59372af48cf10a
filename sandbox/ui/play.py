"""Episodes that are played by hand in the page. They live in memory; nothing is written.

See ``docs/decisions/0061-play-in-the-page.md`` for what stands between these routes and other sites.
"""

from __future__ import annotations

import json
import secrets
from collections import OrderedDict
from dataclasses import asdict
from threading import Lock
from typing import Any

from sandbox.api.errors import InvalidValueError, UnknownNameError
from sandbox.api.types import Json
from sandbox.outputs.by_hand import HandSession, Turn
from sandbox.runs.directory import BEST, Run
from sandbox.ui.library import Library, NotThereError

MAX_SESSIONS = 8
"""The one that was not used for longest makes room."""

MAX_BODY = 2048
"""Bytes of a request."""

MAX_TURNS = 2000
"""Turns that an answer holds: the latest."""

PATHS = frozenset({"/api/play/new", "/api/play/choose", "/api/play/advice"})
"""The only addresses that take anything."""


class HandSessions:
    """What is being played; one request at a time.

    Args:
        library: The runs directory, whose runs may be played against.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._sessions: OrderedDict[str, HandSession] = OrderedDict()
        self._lock = Lock()

    def new(self, document: dict[str, str]) -> Json:
        """Begin an episode of a run's scenario.

        Args:
            document: ``run``, and maybe ``agent`` (one of `opponents`), ``seat`` and ``seed``.

        Raises:
            NotThereError: If there is no such run.
            SandboxError: If it cannot be played, or a name is unknown.
        """
        run = Run.open(self._library.run_folder(document.get("run", "")))
        agent: str | None = None
        if run.scenario.task.agents == "parallel":
            known = opponents(run)
            name = document.get("agent", known[0])
            if name not in known:
                raise UnknownNameError("agent", name, known)
            learned = {run.algorithm: str(run.path), f"{run.algorithm}-best": f"{run.path}@best"}
            agent = learned.get(name, name)
        seed = document.get("seed", "0")
        if not seed.isascii() or not seed.isdecimal() or len(seed) > 9:
            raise InvalidValueError(f"A seed is a whole number of at most nine digits, not '{seed[:20]}'.")
        with self._lock:
            session = HandSession(run.scenario, agent, document.get("seat"), int(seed))
            key = secrets.token_urlsafe(16)
            self._sessions[key] = session
            while len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)[1].close()
            return _document(key, session)

    def choose(self, document: dict[str, str]) -> Json:
        """Do what a choice says: ``session`` and ``choice``.

        Raises:
            NotThereError: If there is no such session.
            InvalidValueError: If there is no such choice.
        """
        with self._lock:
            key, session = self._session(document)
            session.choose(document.get("choice", ""))
            return _document(key, session)

    def advice(self, document: dict[str, str]) -> Json:
        """What the agent thinks of the person's choices: ``session``.

        Raises:
            NotThereError: If there is no such session.
        """
        with self._lock:
            _, session = self._session(document)
            return {"table": _table(session.advice())}

    def close(self) -> None:
        """End all episodes."""
        with self._lock:
            while self._sessions:
                self._sessions.popitem()[1].close()

    def _session(self, document: dict[str, str]) -> tuple[str, HandSession]:
        key = document.get("session", "")
        if key not in self._sessions:
            raise NotThereError(key)
        self._sessions.move_to_end(key)
        return key, self._sessions[key]


def playable(run: Run) -> Json | None:
    """What the page says of playing a run's scenario by hand; None where nobody can."""
    try:
        task = run.scenario.task
    except Exception:  # a run of a plugin that is not installed is still shown
        return None
    if task.play is None:
        return None
    return {"agents": opponents(run) if task.agents == "parallel" else []}


def opponents(run: Run) -> list[str]:
    """Who may take the other seats: the run's policies, and the baselines of its task."""
    learned = []
    for name, folder in ((run.algorithm, run.path / "policy"), (f"{run.algorithm}-best", run.path / BEST)):
        if (folder / "policy.json").is_file():
            learned.append(name)
    return [*learned, *(baseline.name for baseline in run.scenario.task.baselines), "random"]


def parsed(body: bytes) -> dict[str, str]:
    """A request's document: one JSON object of short texts.

    Raises:
        InvalidValueError: If it is anything else.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidValueError("The request is no JSON.") from error
    if not isinstance(document, dict) or not all(
        isinstance(value, str) and len(value) <= 500 for value in document.values()
    ):
        raise InvalidValueError("The request is no object of short texts.")
    return document


def _document(key: str, session: HandSession) -> Json:
    scene = session.scene()
    return {
        "session": key,
        "agent": session.agent.name if session.agent else None,
        "seat": session.seat,
        "seats": list(session.seats),
        "message": scene.message,
        "text": scene.text,
        "board": asdict(scene.board) if scene.board else None,
        "choices": [{"label": choice.label, "cell": choice.cell} for choice in scene.choices],
        "turns": [_turn(turn) for turn in session.turns[-MAX_TURNS:]],
        "over": session.over,
        "metrics": session.metrics,
    }


def _turn(turn: Turn) -> Json:
    return {"seat": turn.seat, "choice": turn.label, "table": _table(turn.table)}


def _table(table: Any) -> list[Json]:
    return [{"choice": label, "figures": action.figures} for label, action in table]
