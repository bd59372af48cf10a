"""Self-play with search: AlphaZero on Connect Four and tic-tac-toe, beside the pool and itself untrained.

    python -m benchmarks.course_systems games [--seeds 5] [--workers 1] [--parts PART…] [--runs-dir DIR]
                                              [--out DIR]

Parts:

- ``pool``: score of every run against each member of the pool, half the games with either colour; beside it
  the untrained network with the same search, and the trained one without search.
- ``positions``: share of moves that keep the result on the held-out positions, by number of stones.
- ``ladder``: games of everybody against everybody from random openings of two moves, and Elo with intervals.
- ``tic-tac-toe``: games that are lost.
- ``finds``: held-out positions in which the search chose a move that the network held for improbable (under
  5 %), and whether it was right.

A finished run of the same plan under DIR is used again, so a call that was stopped goes on. Prints one JSON
document, Markdown tables on stderr, and writes pictures to ``--out``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.learning import Asked, trained
from sandbox.api.view import ViewAgent
from sandbox.backends.alphazero.config import AlphaZeroConfig
from sandbox.backends.alphazero.policy import AlphaZeroPolicy, load
from sandbox.evaluation.agents import Agent, policy_of
from sandbox.evaluation.evaluate import evaluate
from sandbox.records.base import strict
from sandbox.runs.directory import Run, progress
from sandbox.scenarios.resolve import ResolvedScenario, load_scenario
from sandbox_games.elo import Rating, Result, ratings
from sandbox_games.env import TwoPlayerEnv
from sandbox_games.render import COLOURS, canvas, draw_board
from sandbox_games.solver.positions import held_out
from sandbox_games.views import BANDS, choose, draw_ladder, matches, place, shares

SCENARIO = "games/connect-four"
POOL = ("random", "alpha-beta-4", "mcts-100", "mcts-1000", "mcts-10000", "perfect")
POOL_HELP = f"members of the pool that are played against: {', '.join(POOL)}"
PARTS = ("pool", "positions", "ladder", "tic-tac-toe", "finds")
IMPROBABLE = 0.05
"""Prior under which a move counts as one that the network would not have played."""

Table = list[dict[str, Any]]


def main(arguments: Sequence[str]) -> int:
    """Train what is missing, play, tell."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.course_systems games")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1, help="training runs at a time")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--episodes", type=int, default=100, help="games against each member of the pool")
    parser.add_argument(
        "--opponents", nargs="+", choices=POOL, default=list(POOL), metavar="NAME", help=POOL_HELP
    )
    parser.add_argument("--ladder-games", type=int, default=40, help="games of each pair in the ladder")
    parser.add_argument("--steps", type=int, help="training steps; the preset's if absent")
    parser.add_argument("--runs-dir", type=Path, default=Path("runs"))
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        document = {part: _make(part, given, Path(scratch)) for part in given.parts}
    print(json.dumps(strict(document), indent=2))
    return 0


def _make(part: str, given: argparse.Namespace, scratch: Path) -> Any:
    scenario = "games/tic-tac-toe" if part == "tic-tac-toe" else SCENARIO
    asked = [
        Asked(scenario, "alphazero", seed, given.steps, (), (), given.runs_dir) for seed in range(given.seeds)
    ]
    runs = trained(asked, given.workers)
    makers: dict[str, Callable[[], Any]] = {
        "pool": lambda: pool(runs, scratch, given.opponents, given.episodes),
        "positions": lambda: positions(runs, scratch, given.out),
        "ladder": lambda: ladder(runs, scratch, given.opponents, given.ladder_games, given.out),
        "tic-tac-toe": lambda: tic_tac_toe(runs, given.episodes),
        "finds": lambda: finds(runs, given.out),
    }
    return makers[part]()


def variants(run: Run, scratch: Path) -> dict[str, Path]:
    """Folders of three policies: as trained, without search, and untrained with the same search."""
    folder = run.policy_folder("final")
    policy = load(folder)
    config = AlphaZeroConfig(**run.record.hyperparameters)
    seed = run.record.seed
    alone = AlphaZeroPolicy(
        policy.observation_space, policy.action_space, config.model_copy(update={"play_simulations": 0})
    )
    alone.network.load_state_dict(policy.network.state_dict())
    untrained = AlphaZeroPolicy(policy.observation_space, policy.action_space, config, seed)
    untrained.network.eval()
    found = {"alphazero": folder}
    for name, made in (("alphazero, no search", alone), ("untrained, same search", untrained)):
        found[name] = scratch / f"{name.replace(', ', '-').replace(' ', '-')}-{seed}"
        made.save(found[name])
    return found


def pool(runs: Sequence[Run], scratch: Path, opponents: Sequence[str], episodes: int) -> dict[str, Any]:
    """Mean score of each variant against each member of the pool; the unit is the training run."""
    rows: dict[str, dict[str, list[float]]] = {}
    judged: dict[str, list[float]] = {}
    for run in runs:
        for name, folder in variants(run, scratch).items():
            for opponent in opponents:
                changes = [f"evaluation.config.opponent={opponent}"]
                policy = load(folder)
                table = evaluate([policy], SCENARIO, changes=changes, episodes=episodes)
                scores = [episode.metrics["score"] for episode in table.episodes]
                rows.setdefault(name, {}).setdefault(opponent, []).append(statistics.mean(scores))
                seen = sum(episode.metrics["judged"] for episode in table.episodes)
                wrong = sum(episode.metrics["mistakes"] for episode in table.episodes)
                judged.setdefault(name, []).append(1 - wrong / max(seen, 1))
                _tell(f"seed {run.record.seed}: {name} against {opponent}: {statistics.mean(scores):.3f}")
    result = {"scores": rows, "optimal_moves_in_these_games": judged, "cost": [cost(run) for run in runs]}
    _table(["agent", *opponents], ([name, *map(_spread, row.values())] for name, row in rows.items()))
    return result


def positions(runs: Sequence[Run], scratch: Path, out: Path) -> dict[str, Any]:
    """Share of moves that keep the result, for the variants and the pool."""
    found: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        for name, folder in variants(run, scratch).items():
            found.setdefault(name, []).append(_shares(Agent(name, folder=folder)))
    for name in POOL:
        found[name] = [_shares(Agent(name, baseline=name))]
    bands = [f"{low} to {high}" for low, high in BANDS]
    _table(
        ["agent", "all", *bands, "soonest win or latest loss"],
        (
            [
                name,
                _spread([one["keeps_result"] for one in of]),
                *(
                    _spread([one["bands"][index]["keeps_result"] for one in of])
                    for index in range(len(BANDS))
                ),
                _spread([one["best"] for one in of]),
            ]
            for name, of in found.items()
        ),
    )
    figure, (axes,) = canvas(1, 1, (7.0, 4.2))
    for name, of in found.items():
        if name != "random":
            shares_of = [
                100 * statistics.mean(one["bands"][index]["keeps_result"] for one in of)
                for index in range(len(BANDS))
            ]
            axes.plot(bands, shares_of, "o-", label=name, linewidth=2.5 if name == "alphazero" else 1.2)
    axes.set_xlabel("stones on the board")
    axes.set_ylabel("moves that keep the result (%)")
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    _save(figure, out / "games-positions.png")
    return {"count": len(held_out().stones), "agents": found}


def ladder(
    runs: Sequence[Run], scratch: Path, opponents: Sequence[str], games: int, out: Path
) -> dict[str, Any]:
    """Elo of the first run's variants within the pool."""
    scenario, env = _match_env()
    folders = variants(runs[0], scratch)
    agents = [_viewed(scenario, Agent(name, folder=folder)) for name, folder in folders.items()]
    agents += [_viewed(scenario, Agent(name, baseline=name)) for name in opponents]
    results: list[Result] = []
    for index, first in enumerate(agents):
        for second in agents[:index]:
            results += matches(env, first, second, games, seed=index)
            _tell(f"ladder: {first.name} against {second.name}")
    table = ratings(results, "random")
    _table(["agent", "Elo", "95 % interval", "games", "score"], (_rating(rating) for rating in table))
    figure, (axes,) = canvas(1, 1, (7.0, 1.0 + 0.42 * len(table)))
    draw_ladder(axes, table)
    _save(figure, out / "games-ladder.png")
    return {"ratings": [vars_of(rating) for rating in table], "games": len(results)}


def tic_tac_toe(runs: Sequence[Run], episodes: int) -> dict[str, Any]:
    """Games won, drawn and lost against each opponent, and mistakes; sums over runs."""
    rows: Table = []
    for opponent in ("random", "mcts-100", "mcts-1000", "perfect"):
        changes = [f"evaluation.config.opponent={opponent}"]
        played = [
            episode
            for run in runs
            for episode in evaluate([run], "games/tic-tac-toe", changes=changes, episodes=episodes).episodes
        ]
        won, drawn = (sum(episode.metrics[name] for episode in played) for name in ("won", "drawn"))
        mistakes = sum(episode.metrics["mistakes"] for episode in played)
        rows.append(
            {
                "opponent": opponent,
                "games": len(played),
                "won": won,
                "drawn": drawn,
                "lost": len(played) - won - drawn,
            }
            | {"mistakes": mistakes}
        )
    _table(list(rows[0]), ([_number(value) for value in row.values()] for row in rows))
    return {"rows": rows, "cost": [cost(run) for run in runs]}


def finds(runs: Sequence[Run], out: Path, shown: int = 3) -> dict[str, Any]:
    """Moves that the network held for improbable and the search chose nevertheless, judged by the solver."""
    solved = held_out()
    keeps = solved.keeps_result()
    rows: Table = []
    for run in runs:
        scenario, env = _match_env()
        env.match = place(solved.moves, solved.stones)
        policy: Any = policy_of(scenario, Agent("alphazero", folder=run.policy_folder("final")), env, None)
        moves = choose(env.match, ViewAgent("alphazero", partial(_given, policy)), env)
        table = policy.explain()
        for index, move in enumerate(moves.tolist()):
            figures = {
                one.action: one.figures for one in table[2 * index + int(env.match.status.player[index])]
            }
            prior = figures[move]["prior"]
            if prior < IMPROBABLE:
                favourite = max(figures, key=lambda action: figures[action]["prior"])
                rows.append(
                    {
                        "seed": run.record.seed,
                        "position": index,
                        "stones": int(solved.stones[index]),
                        "move": "abcdefg"[move],
                        "prior": prior,
                        "favourite": "abcdefg"[favourite],
                        "right": bool(keeps[index, move]),
                        "favourite_right": bool(keeps[index, favourite]),
                        "only_move": int(keeps[index].sum()) == 1,
                    }
                )
    right = [row for row in rows if row["right"]]
    saved = [row for row in right if not row["favourite_right"]]
    _tell(
        f"{len(rows)} improbable moves chosen, {len(right)} right, {len(saved)} where the favourite was wrong"
    )
    least = sorted((row for row in saved if row["only_move"]), key=lambda row: -row["prior"])
    each = {row["position"]: row for row in least}  # of runs that found the same, the one of least prior
    best = sorted(each.values(), key=lambda row: row["prior"])[:shown]
    if best:
        _draw_finds(best, out / "games-finds.png")
    return {
        "chosen": len(rows),
        "right": len(right),
        "favourite_wrong": len(saved),
        "shown": best,
        "all": rows,
    }


def _given(policy: Any, env: Any) -> Any:
    return policy


def cost(run: Run) -> dict[str, float]:
    """Wall and processor minutes of a training run, and what it played."""
    records = [record for record in progress(run) if record.get("train/cpu_minutes") is not None]
    minutes = [float(record["train/cpu_minutes"] or 0.0) for record in records]
    stops = [before for before, after in pairwise(minutes) if after < before]  # it counts anew after a stop
    last = records[-1]
    return {
        "minutes": (run.record.seconds or 0.0) / 60,
        "cpu_minutes": sum(stops) + minutes[-1],
        "steps": run.record.steps_done,
        "positions": float(last["train/positions"] or 0.0),
    }


def _match_env() -> tuple[ResolvedScenario, Any]:
    scenario = load_scenario(SCENARIO)
    return scenario, TwoPlayerEnv(scenario.config, scenario.reward)


def _viewed(scenario: ResolvedScenario, agent: Agent) -> ViewAgent:
    return ViewAgent(agent.name, partial(_policy, scenario, agent))


def _policy(scenario: ResolvedScenario, agent: Agent, env: Any) -> Any:
    return policy_of(scenario, agent, env, env.action_space("first"))


def _shares(agent: Agent) -> dict[str, Any]:
    scenario, env = _match_env()
    found = shares(env, _viewed(scenario, agent))
    _tell(f"positions: {agent.name}: {found['keeps_result']:.3f}")
    return found


def _draw_finds(rows: Table, path: Path) -> None:
    from sandbox_games.boards import drawing

    solved = held_out()
    figure, axes = canvas(1, len(rows), (3.8 * len(rows), 4.0))
    for axis, row in zip(axes, rows, strict=True):
        index = row["position"]
        match = place(solved.moves[[index]], solved.stones[[index]])
        draw_board(axis, drawing(match).board, {})
        sign = "xo"[int(match.status.player[0])]
        for move, filled in ((row["move"], COLOURS[sign]), (row["favourite"], "none")):
            axis.plot(
                "abcdefg".index(move), -0.72, "v", markersize=9, color=COLOURS[sign], markerfacecolor=filled
            )
        axis.set_ylim(top=-1.0)
        axis.set_axis_off()
        colour = "red" if sign == "x" else "yellow"
        axis.set_title(
            f"{colour} plays {row['move']} (prior {100 * row['prior']:.1f} %): no other keeps the result;\n"
            f"the network's favourite is {row['favourite']}",
            fontsize=8,
        )
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    _tell(f"wrote {path}")


def _spread(values: Sequence[float]) -> str:
    """The mean, and the worst in brackets where there are several."""
    mean = f"{statistics.mean(values):.3f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.3f})"


def _rating(rating: Rating) -> list[str]:
    interval = f"{rating.low:.0f} to {rating.high:.0f}"
    return [rating.name, f"{rating.elo:.0f}", interval, str(rating.games), f"{rating.score:.3f}"]


def _number(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def vars_of(rating: Rating) -> dict[str, Any]:
    """A rating as a plain document."""
    return {name: getattr(rating, name) for name in ("name", "elo", "low", "high", "games", "score")}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]
    print("\n" + "\n".join(lines) + "\n", file=sys.stderr, flush=True)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
