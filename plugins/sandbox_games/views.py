"""Views of games: final boards, the replay for the web page, held-out positions, and a ladder of the pool."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api import InvalidValueError, Moment, ViewAgent, ViewRequest
from sandbox.api.replay import Clock, Episode, Pictures, Series, write_replay
from sandbox_games.elo import Rating, Result, ratings
from sandbox_games.match import BOTH, Match
from sandbox_games.render import canvas, draw_match, frame

Array = NDArray[Any]

LADDER_GAMES = 10
"""Games of a pair in the view ``ladder`` for each episode that was asked for, half with either colour."""

OPENING = 2
"""Random moves before the games of a ladder, so that players without chance do not repeat one game."""

BANDS = ((14, 18), (19, 23), (24, 28), (29, 34))
"""Numbers of stones that the held-out positions are grouped by."""


def board(request: ViewRequest) -> None:
    """The final board of one game for every agent and seed, with the number of the move on every stone."""
    drawn = [(agent, seed) for agent in request.agents for seed in request.seeds]
    columns = min(len(drawn), 3)
    rows = -(-len(drawn) // columns)
    figure, axes = canvas(rows, columns, (3.8 * columns, 3.9 * rows))
    for axis, (agent, seed) in zip(axes, drawn, strict=False):
        kept: dict[str, Match] = {}
        record = request.play(agent, seed, lambda env, moment, kept=kept: kept.update(match=env.match))  # type: ignore[misc]
        match = kept["match"]
        draw_match(axis, match, numbered=hasattr(match.game, "gravity"))
        axis.set_title(f"{agent.name}, seed {seed}: {record.metrics['score']:g} points", fontsize=9)
    for axis in axes[len(drawn) :]:
        axis.remove()
    figure.savefig(request.path)


def replay(request: ViewRequest) -> None:
    """A picture of the board before every decision and at the end, with the value of the chosen moves."""
    episodes = [_replay(request, agent, seed) for agent in request.agents for seed in request.seeds]
    write_replay(request.path, request.scenario, episodes)


def held_out(request: ViewRequest) -> None:
    """Share of moves that keep the result on the held-out positions, by number of stones.

    Raises:
        InvalidValueError: For another game than Connect Four.
    """
    env = getattr(request.make_env(), "parallel", None)
    if env is None or env.match.name != "connect-four":
        raise InvalidValueError("There are held-out positions of Connect Four only.", "Draw another view.")
    matched = {agent.name: shares(env, agent) for agent in request.agents}
    if request.path.suffix == ".json":
        request.path.write_text(json.dumps({"agents": matched}, indent=2), encoding="utf-8")
        return
    figure, axes = canvas(1, 1, (6.4, 4.0))
    names = [f"{low} to {high}" for low, high in BANDS]
    for name, of in matched.items():
        values = [100 * band["keeps_result"] for band in of["bands"]]
        axes[0].plot(names, values, marker="o", label=f"{name} ({100 * of['keeps_result']:.1f} %)")
    axes[0].set_xlabel("stones on the board")
    axes[0].set_ylabel("moves that keep the result (%)")
    axes[0].legend(frameon=False)
    axes[0].spines[["top", "right"]].set_visible(False)
    figure.savefig(request.path, dpi=120)


def shares(env: Any, agent: ViewAgent) -> dict[str, Any]:
    """What an agent does on the held-out positions, in all and by number of stones.

    Args:
        env: An environment of two agents that play Connect Four; its match is replaced.
        agent: Who chooses.

    Returns:
        ``positions``, and the shares ``keeps_result`` (moves that keep the result), ``best`` (that also win
        soonest or lose latest) and ``random`` (what random moves would have of the first); the same for each
        of ``bands``.
    """
    from sandbox_games.solver.positions import held_out as solved_positions

    solved = solved_positions()
    rows = np.arange(len(solved.stones))
    env.match = place(solved.moves, solved.stones)
    moves = choose(env.match, agent, env)
    keeps, best = solved.keeps_result()[rows, moves], solved.best()[rows, moves]
    chance = solved.keeps_result().sum(1) / (solved.scores > -100).sum(1)

    def share(of: Array) -> dict[str, Any]:
        return {
            "positions": int(of.sum()),
            "keeps_result": float(keeps[of].mean()),
            "best": float(best[of].mean()),
            "random": float(chance[of].mean()),
        }

    bands = [
        {"stones": [low, high], **share((solved.stones >= low) & (solved.stones <= high))}
        for low, high in BANDS
    ]
    return {**share(np.ones(len(rows), bool)), "bands": bands}


def place(moves: Array, plies: Array, game: str = "connect-four") -> Match:
    """Games in which these moves have been made, with agents in both seats."""
    match = Match(game, "self", "alternate", 0, len(plies))
    match.history[:, : moves.shape[1]] = moves
    match.plies[:], match.begun[:], match.seats[:] = plies, True, BOTH
    match.positions = match.replayed(np.arange(len(plies)), match.plies)
    match.refresh()
    return match


def choose(match: Match, agent: ViewAgent, env: Any) -> Array:
    """The agent's move in every game of ``env.match``."""
    policy = agent.make(env)
    policy.reset(2 * match.copies, 0)
    seen, masks = match.observations(), match.masks()
    actions = policy.act(
        seen.reshape(-1, *seen.shape[2:]), masks.reshape(-1, masks.shape[2]), agent.deterministic
    )
    moves: Array = np.asarray(actions).reshape(match.copies, 2)[np.arange(match.copies), match.status.player]
    return moves.astype(np.int64)


def ladder(request: ViewRequest) -> None:
    """Games of everybody against everybody, and the Elo that follows."""
    env = getattr(request.make_env(), "parallel", None)
    if env is None or len(request.agents) < 2:
        raise InvalidValueError("A ladder needs two agents or more.", "Name more agents, or random.")
    games = LADDER_GAMES * len(request.seeds)
    results = [
        result
        for first, second in combinations(request.agents, 2)
        for result in matches(env, first, second, games, int(request.seeds[0]))
    ]
    table = ratings(results, request.agents[-1].name)
    if request.path.suffix == ".json":
        document = {
            "ratings": [_document(rating) for rating in table],
            "results": [_document(one) for one in results],
        }
        request.path.write_text(json.dumps(document, indent=2), encoding="utf-8")
        return
    figure, axes = canvas(1, 1, (6.4, 1.2 + 0.4 * len(table)))
    draw_ladder(axes[0], table)
    figure.savefig(request.path, dpi=120)


def matches(env: Any, first: ViewAgent, second: ViewAgent, games: int, seed: int) -> list[Result]:
    """Games between two agents, each opening played once with either colour.

    Args:
        env: An environment of two agents; its match is replaced.
        first: An agent.
        second: Another one.
        games: How many, rounded up to an even number.
        seed: Of the openings.
    """
    return [
        Result(first.name, second.name, float(score))
        for seat in (0, 1)
        for score in _matches(env, (first, second), seat, -(-games // 2), seed)
    ]


def _matches(env: Any, agents: tuple[ViewAgent, ViewAgent], seat: int, games: int, seed: int) -> Array:
    """Points of the first of two agents, who has a seat, in each game."""
    match = Match(env.match.name, "self", "alternate", OPENING, games)
    rngs = [np.random.default_rng([seed, copy]) for copy in range(games)]
    match.begin(np.arange(games), rngs, [None] * games)
    env.match = match
    policies = [agent.make(env) for agent in agents]
    for policy in policies:
        policy.reset(2 * games, seed)
    while not match.status.over.all():
        seen, masks = match.observations(), match.masks()
        rows = seen.reshape(-1, *seen.shape[2:]), masks.reshape(-1, masks.shape[2])
        actions = np.zeros((games, 2), np.int64)
        for number, turn in enumerate((match.status.player == seat, match.status.player != seat)):
            if (turn & ~match.status.over).any():
                chosen = policies[number].act(*rows, agents[number].deterministic)
                actions[turn] = np.asarray(chosen).reshape(games, 2)[turn]
        match.play(actions, rngs)
    points: Array = (1 + match.status.outcome * (1 - 2 * seat)) / 2
    return points


def draw_ladder(axes: Any, table: Sequence[Rating]) -> None:
    """Ratings as points with their intervals."""
    for place_, rating in enumerate(reversed(table)):
        axes.plot(
            [rating.low, rating.high], [place_, place_], color="#8fb7d9", linewidth=4, solid_capstyle="round"
        )
        axes.plot([rating.elo], [place_], "o", color="#1f5a8a")
    axes.set_yticks(range(len(table)), [rating.name for rating in reversed(table)])
    axes.set_xlabel("Elo, with 95 % intervals")
    axes.spines[["top", "right"]].set_visible(False)


def _document(value: Any) -> dict[str, Any]:
    """A frozen dataclass as a plain document."""
    from dataclasses import asdict

    return asdict(value)


def _replay(request: ViewRequest, agent: ViewAgent, seed: int) -> Episode:
    images: list[str] = []
    values: list[float] = []
    policy: Any = None

    def make(env: Any) -> Any:
        nonlocal policy
        policy = agent.make(env)
        return policy

    def watch(env: Any, moment: Moment) -> None:
        images.append(_png(frame(env.match)))
        if moment.step:
            values.append(_value(policy))

    record = request.play(ViewAgent(agent.name, make, agent.deterministic), seed, watch)
    values.append(math.nan)  # at the end nobody chooses
    known = not np.isnan(values).all()
    series = [Series(name="value of the chosen move", values=np.array(values))] if known else []
    return Episode(
        agent=agent.name,
        seed=seed,
        frames=len(images),
        clock=Clock(unit="moves"),
        metrics=dict(record.metrics),
        pictures=Pictures(images=images, mime="image/png"),
        series=series,
    )


def _value(policy: Any) -> float:
    """What an agent expected of its best move; NaN where it does not say."""
    explain = getattr(policy, "explain", None)
    if explain is None:
        return math.nan
    values = [
        (action.figures.get("visits", 0.0), action.figures["value"])
        for row in explain()
        for action in row
        if "value" in action.figures
    ]
    return max(values)[1] if values else math.nan


def _png(picture: Array) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).quantize(32).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()
