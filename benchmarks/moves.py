"""How far `sandbox moves` can be believed: ``python -m benchmarks.moves [PART...]``.

- ``exact``: advantages estimated from branches against exact ones, on lost sales with a finite model.
- ``placebo``: whole searches in which both actions are the same, on a cheap task.
- ``cologne1``, ``ingolstadt1``: searches on SUMO, and what a branch costs there.
- ``connect-four`` (needs ``--policy``): moves to which the searching agent's network gave less than 5 %,
  asked of the solver.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from sandbox.evaluation.agents import Agent
from sandbox.evaluation.seeds import evaluation_seeds
from sandbox.moves.api import find_moves
from sandbox.moves.branching import Brancher
from sandbox.moves.choose import decisions, to_screen
from sandbox.moves.estimate import interval, plan, worth
from sandbox.moves.native import NativeBrancher
from sandbox.moves.scan import scan
from sandbox.moves.settings import Settings
from sandbox.moves.stage import Stage, replay
from sandbox.scenarios.given import as_scenario
from sandbox.scenarios.resolve import ResolvedScenario

Array = np.ndarray[Any, Any]

EXACT = ("config.orders=discrete", "evaluation.config.horizon=400", "evaluation.config.warmup=0")


def exact(window: int = 60, futures: int = 4_000, count: int = 48) -> dict[str, Any]:
    """Estimated against exact advantages of one rule's order over another's, on three instances.

    Orders of capped-base-stock against those of three other rules, in states that the former meets and with
    orders that the finite model has. The exact optimum goes on after both, and once capped-base-stock
    itself. Exact: Q of the finite model, by relative value iteration.
    """
    rows = []
    for name in ("lost-sales-l2-p4", "lost-sales-l2-p9", "lost-sales-l2-p19"):
        scenario = as_scenario(f"inventory/{name}", EXACT)
        for follow in ("optimal", "capped-base-stock"):
            start = time.perf_counter()
            estimated, true = _advantages(scenario, follow, window, futures, count)
            told = np.abs(true) > 1e-9
            rows.append(
                {
                    "scenario": scenario.spec.id,
                    "follow_up": follow,
                    "decisions": int(told.sum()),
                    "sign_right": float((np.sign(estimated) == np.sign(true))[told].mean()),
                    "rank_correlation": float(spearmanr(estimated, true).statistic),
                    "largest_error": float(np.abs(estimated - true).max()),
                    "spread_of_exact": float(true.std()),
                    "futures": futures,
                    "seconds": round(time.perf_counter() - start, 1),
                }
            )
            print(json.dumps(rows[-1]), flush=True)
    return {"exact": rows}


def _advantages(
    scenario: ResolvedScenario, follow: str, window: int, futures: int, count: int
) -> tuple[Array, Array]:
    rules = ("capped-base-stock", "constant-order", "myopic", "base-stock")
    agents = [Agent(name, baseline=name) for name in dict.fromkeys((*rules, follow))]
    stage = Stage(scenario)
    native, going_on = NativeBrancher(scenario, "return", window), Agent(follow, baseline=follow)
    quality, index = _exact_quality(scenario, agents[-1] if follow == "optimal" else agents[0])
    estimated, true = [], []
    for rule in agents[1 : len(rules)]:
        scans = {
            seed: scan(scenario, stage, [agents[0], rule], seed) for seed in evaluation_seeds(scenario, 4)
        }
        most = quality.shape[1]
        pool = [
            each
            for each in decisions(list(scans.values()))
            if each.moment.step < 400 - window
            and max(int(each.moment.action), int(each.moment.advice[rule.name])) < most  # type: ignore[arg-type]
        ]
        for decision in to_screen(pool, stage.space, count // (len(rules) - 1), seed=0):
            moment, other = decision.moment, decision.moment.advice[rule.name]
            seeds = np.random.SeedSequence([7, decision.seed, moment.step]).generate_state(futures).tolist()
            replay(stage, decision.seed, scans[decision.seed].actions[: moment.step], ())
            state = stage.save().state["env"]
            values = [
                native.rollout(state, going_on, np.full(futures, int(action)), seeds)[0]  # type: ignore[arg-type]
                for action in (moment.action, other)
            ]
            estimated.append(float((values[0] - values[1]).mean()))
            q = quality[index(np.array([moment.observation]))[0]]
            true.append(float(q[int(moment.action)] - q[int(other)]))  # type: ignore[arg-type]
    stage.close()
    return np.array(estimated), np.array(true)


def _exact_quality(scenario: ResolvedScenario, agent: Agent) -> tuple[Array, Callable[[Array], Array]]:
    """Q of every state and action if an agent goes on, and the index of an observation's state."""
    from sandbox.envs.models import models_of
    from sandbox.evaluation.agents import native_policy

    model = models_of(scenario).finite
    states = np.arange(model.num_states)
    orders = None
    if agent.name != "optimal":
        from sandbox.envs.vector import native

        envs: Any = native(scenario, len(states), evaluation=True)
        envs.reset(seed=0)
        policy = native_policy(scenario, agent, envs)
        simulation = envs.unwrapped.core.sim
        seen = np.rint(np.asarray(model.observe(states), np.float64) * simulation.model.scale)
        simulation.state["stock"][:] = seen[:, 0]
        simulation.state["pipeline"][:] = seen[:, 1:]
        orders = np.minimum(np.asarray(policy.act(None)), model.num_actions - 1)
    values = np.zeros(model.num_states)
    for _ in range(5000):
        quality = model.action_values(values)
        new = quality.max(1) if orders is None else quality[states, orders]
        change = new - values
        values = 0.5 * (new + values)
        values -= values[0]
        if np.ptp(change) < 1e-10:
            break
    return model.action_values(values), model.state_index


def placebo(trials: int = 200, candidates: int = 6, futures: int = 24) -> dict[str, Any]:
    """Whole searches in which both actions are the agent's own, with futures that are not shared.

    Any find is false. With shared futures the differences are zero to the last bit, which would test
    nothing; so the two branches of a pair get different ones.
    """
    scenario = as_scenario("inventory/lost-sales-l2-p9", EXACT)
    agent = Agent("base-stock", baseline="base-stock")
    stage = Stage(scenario)
    record = scan(scenario, stage, [agent, agent], evaluation_seeds(scenario, 1)[0])
    native = NativeBrancher(scenario, "return", 40)
    states: list[Any] = []
    stage.reset(record.seed)
    for action in record.actions[:300]:
        states.append((stage.save().state["env"], action[0]))  # type: ignore[index]
        stage.step(np.asarray(action, stage.space.dtype))

    def differences(place: int, count: int, rng: np.random.Generator) -> Array:
        state, action = states[place]
        seeds = rng.integers(2**31, size=2 * count).tolist()
        values = native.rollout(state, agent, np.full(2 * count, action), seeds)[0]
        return values[:count] - values[count:]

    false_finds = tested = clear_differences = 0
    start = time.perf_counter()
    for trial in range(trials):
        rng = np.random.default_rng([11, trial])
        screened = rng.choice(len(states), 3 * candidates, replace=False).tolist()
        scores = sorted((differences(place, 4, rng).mean(), place) for place in screened)
        half = candidates // 2
        chosen = [(place, 1.0) for _, place in scores[-half:]] + [(place, -1.0) for _, place in scores[:half]]
        confirmed = clear = 0
        for place, sign in chosen:
            low, high = interval(differences(place, futures, rng), candidates)
            confirmed += low > 0 if sign > 0 else high < 0
            clear += not low <= 0 <= high
        tested += candidates
        clear_differences += clear
        false_finds += confirmed > 0
        if trial % 20 == 19:
            print(json.dumps({"trials": trial + 1, "with_a_false_find": false_finds}), flush=True)
    stage.close()
    return {
        "placebo": {
            "trials": trials,
            "searches_with_a_false_find": false_finds / trials,
            "candidates": tested,
            "clear_differences_in_either_direction": clear_differences / tested,
            "seconds": round(time.perf_counter() - start, 1),
        }
    }


def traffic(name: str, finds: int = 22, fresh: int = 16) -> dict[str, Any]:
    """A search on a network of one signal: the reward's one-step greedy rule against two other rules.

    Window of two minutes. Counts confirmed decisions of both lists, and branches a minute.
    """
    settings = Settings(episodes=10, screen=300, futures=3, finds=finds, fresh=fresh, window=24, films=0)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        record = find_moves(
            "greedy-delay",
            f"traffic/{name}",
            against=["max-pressure", "max-wave"],
            settings=settings,
            runs_dir=folder,
        ).record
        seconds = time.perf_counter() - start
    return {
        name: {
            "decisions": record.decisions,
            "different": record.different,
            "candidates": record.candidates,
            "confirmed_good": sum(find.verdict == "confirmed" for find in record.best),
            "confirmed_bad": sum(find.verdict == "confirmed" for find in record.worst),
            "refuted": sum(find.verdict == "refuted" for find in (*record.best, *record.worst)),
            "branches": record.branches,
            "seconds_for_1000_branches": round(1000 * seconds / record.branches, 1),
        }
    }


PRIOR = 0.05
"""Moves to which the network gave less are surprises to itself."""


def connect_four(policy: Path, games: int = 20, futures: int = 4, tested: int = 20) -> dict[str, Any]:
    """Moves of a search that its own network hardly thought of, tested by branches and by the solver.

    Args:
        policy: Folder of an AlphaZero policy for Connect Four.
        games: Test games to look through.
        futures: Futures of each decision: draws of the opponent's search.
        tested: Decisions at most.
    """
    from sandbox_games.solver.perfect import solver_of

    scenario = as_scenario("games/connect-four")
    agents = [
        Agent("alphazero", folder=policy),
        *(Agent(n, baseline=n) for n in ("alpha-beta-4", "mcts-100")),
    ]
    stage, solver = Stage(scenario), solver_of("connect-four")
    scans = {seed: scan(scenario, stage, agents, seed) for seed in evaluation_seeds(scenario, games)}
    pool = decisions(list(scans.values()))
    surprising = [each for each in pool if each.moment.prior is not None and each.moment.prior < PRIOR]
    brancher = Brancher(scenario, stage, agents, "return")
    rows = []
    for decision in surprising[:tested]:
        moment, actions = decision.moment, scans[decision.seed].actions
        seeds = np.random.SeedSequence([5, decision.seed, moment.step]).generate_state(futures).tolist()
        played = worth(drawn := plan(decision, seeds, "alphazero"), brancher.play(drawn.point(), actions))
        replay(stage, decision.seed, actions[: moment.step], ())
        position = stage.bare.match.positions[0]
        values = [int(solver.move_score(position, int(action), strict=False)) for action in drawn.actions]  # type: ignore[arg-type]
        rows.append(
            {
                "decision": decision.id,
                "stones": int(np.count_nonzero(position[:-2])),
                "prior": moment.prior,
                "advantage": played.advantage,
                "solver": {"own": values[0], "classical": values[1:], "best": int(solver.result(position))},
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    stage.close()
    return {
        "connect-four": {
            "games": games,
            "decisions": sum(record.decisions for record in scans.values()),
            "different": len(pool),
            "prior_below_5_percent": len(surprising),
            "tested": len(rows),
            "keeps_the_result": sum(row["solver"]["own"] == row["solver"]["best"] for row in rows),
            "better_than_every_classical_move": sum(
                row["solver"]["own"] > max(row["solver"]["classical"]) for row in rows
            ),
            "rows": rows,
        }
    }


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "exact": exact,
    "placebo": placebo,
    "cologne1": partial(traffic, "cologne1"),
    "ingolstadt1": partial(traffic, "ingolstadt1"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the figures of the parts that are named, all if none is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, "connect-four", []], help="default: all")
    parser.add_argument("--policy", type=Path, help="AlphaZero policy for connect-four, which needs one")
    parser.add_argument("--out", type=Path, help="also write them to this JSON file")
    given = parser.parse_args(arguments)
    results: dict[str, Any] = {}
    parts = {**PARTS, **({"connect-four": lambda: connect_four(given.policy)} if given.policy else {})}
    for name in given.parts or parts:
        results |= parts[name]()
        print(json.dumps({name: results[name]}, indent=2), flush=True)
    if given.out:
        given.out.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
