"""Checks of tasks that are games, and of those that a person can play."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sandbox.api.game import game_env
from sandbox.registry.resolve import resolve
from sandbox.testing.play import Answer, Chooser, Reset, perform
from sandbox.testing.subjects import Subject
from sandbox.testing.survey import SEEDS
from sandbox.testing.verdicts import NotApplicable, Violation


def game_rules(subject: Subject) -> None:
    """The rules that a game gives to algorithms that search are those that its environment plays by."""
    if not subject.task.game:
        raise NotApplicable("the task is no game (game=False)")
    with subject.env() as env:
        base = game_env(env)
        if base is None:
            raise Violation("the environment gives no rules and positions: it lacks `game` or `positions`")
        for answer in _episode(subject, env):
            positions = base.positions
            status = base.game.status(positions)
            if bool(status.over[0]) != answer.over:
                raise Violation("the rules and the environment differ in whether the game is over")
            if answer.over:
                return
            seat = int(status.player[0])
            legal = base.game.legal(positions)[0]
            mask, seen = np.asarray(answer.info["action_mask"]), np.asarray(answer.observation)
            if subject.task.agents == "parallel":
                mask, seen = mask[seat], seen[seat]
            if mask.tolist() != legal.tolist():
                raise Violation("the rules allow other actions than the mask of whoever is to move")
            shown = base.game.observe(positions, status.player)[0]
            if not np.array_equal(seen, shown):
                raise Violation("the rules show whoever is to move something else than the environment")
            _require_purity(base.game, positions)


def by_hand(subject: Subject) -> None:
    """A person is offered what the mask allows, in words that can be typed, and nothing when it is over."""
    if subject.task.play is None:
        raise NotApplicable("the task says nothing of play by hand (play=None)")
    with subject.env() as env:
        hand = resolve(subject.task.play)(getattr(env, "parallel", env).unwrapped)
        if subject.task.agents == "parallel" and list(hand.seats) != list(env.agents):
            raise Violation(f"the seats {list(hand.seats)} are not the agents {list(env.agents)}")
        for answer in _episode(subject, env):
            scenes = [hand.scene(seat) for seat in range(len(hand.seats))]
            for seat, scene in enumerate(scenes):
                _require_scene(subject, scene, answer, seat)
            if not answer.over and not any(scene.choices for scene in scenes):
                raise Violation("nobody is offered a choice, though the episode goes on")


def _require_scene(subject: Subject, scene: Any, answer: Answer, seat: int) -> None:
    if not scene.text.strip() or not scene.message.strip():
        raise Violation("a scene has no text or no message")
    labels = [choice.label for choice in scene.choices]
    if len(set(labels)) != len(labels):
        raise Violation(f"two choices have the same label: {labels}")
    if any(not label or label.split() != [label] for label in labels):
        raise Violation(f"a choice's label is empty or has a space: {labels}")
    if answer.over:
        if labels:
            raise Violation("choices are offered when the episode is over")
        return
    mask = answer.info.get("action_mask")
    if mask is None or not labels:
        return
    allowed = np.asarray(mask)[seat] if subject.task.agents == "parallel" else np.asarray(mask)
    offered = sorted(int(choice.action) for choice in scene.choices)
    if offered != np.flatnonzero(allowed).tolist():
        raise Violation("the choices are not the actions that the mask allows")


def _require_purity(game: Any, positions: Any) -> None:
    """Playing a move leaves the positions that it was played in as they were."""
    before = game.observe(positions, game.status(positions).player)
    moves = game.legal(positions).argmax(1)
    game.play(positions, moves)
    if not np.array_equal(before, game.observe(positions, game.status(positions).player)):
        raise Violation("playing a move changes the positions that were given")


def _episode(subject: Subject, env: Any) -> Iterator[Answer]:
    """One episode of random allowed actions, or as much of it as there is time for."""
    choose, clock = Chooser(env, seed=5), subject.clock()
    answer = perform(env, Reset(SEEDS[0]))
    while True:
        yield answer
        if answer.over or clock.over:
            return
        answer = Answer(*env.step(choose(answer)))
