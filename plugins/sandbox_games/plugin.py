"""What the domain of games offers; importing this file loads neither NumPy, Numba nor OpenSpiel."""

from __future__ import annotations

from sandbox.api import Baseline, Domain, Metric, Task, View

METRICS = (
    Metric("score", "points", "higher", "1 for a win, 1/2 for a draw; in self-play of the player who began"),
    Metric("won", "1", "higher", "1 if the agent won"),
    Metric("drawn", "1", "higher", "1 if nobody won"),
    Metric("length", "plies", "lower", "moves of both players"),
    Metric("forbidden", "moves", "lower", "actions of agents that the rules forbid"),
)
JUDGED = (
    Metric("judged", "moves", "higher", "moves of the agent that the solver judged; see judge_from"),
    Metric("mistakes", "moves", "lower", "judged moves after which the result with perfect play is worse"),
)

_MCTS = "Kocsis & Szepesvári 2006, Bandit based Monte-Carlo planning; OpenSpiel's implementation"


def _mcts(simulations: int) -> Baseline:
    description = f"OpenSpiel's UCT with random rollouts, {simulations:,} simulations a move"
    return Baseline(f"mcts-{simulations}", f"sandbox_games.baselines:mcts_{simulations}", description, _MCTS)


POOL = (
    Baseline(
        "alpha-beta-4",
        "sandbox_games.baselines:alpha_beta_4",
        "full-width search, four plies; in Connect Four the difference of open winning cells at its end",
        "Knuth & Moore 1975, Artificial Intelligence 6(4)",
    ),
    _mcts(100),
    _mcts(1000),
    _mcts(10000),
)
PERFECT = Baseline(
    "perfect",
    "sandbox_games.baselines:perfect",
    "never gives a win or a draw away, by exact search",
    "Allis 1988, A knowledge-based approach of Connect-Four; Pons, Solving Connect 4",
)

REPLAY = View("replay", "sandbox_games.views:replay", "the games for the web page", ("json",))
BOARD = View("board", "sandbox_games.views:board", "the final boards, moves numbered")
HELD_OUT = View(
    "held-out",
    "sandbox_games.views:held_out",
    "share of moves that keep the result on positions that were solved beforehand, by number of stones",
    ("png", "json"),
)
LADDER = View(
    "ladder",
    "sandbox_games.views:ladder",
    "games of everybody against everybody, and their Elo",
    ("png", "json"),
)

_NO_CHANCE = "both seats are agents' and nothing is drawn at random: a game is a function of its moves"

ALPHA_ZERO = (
    "Silver et al. 2018, A general reinforcement learning algorithm that masters chess, shogi and Go, "
    "Science 362"
)
OPEN_SPIEL = "Lanctot et al. 2019, OpenSpiel, arXiv 1908.09453"

SOLVED = Task(
    name="solved",
    version=1,
    title="Tic-tac-toe and Connect Four: two agents that move in turn",
    config="sandbox_games.config:SolvedConfig",
    make="sandbox_games.env:make",
    make_vec="sandbox_games.env:make_vec",
    observation_fields="sandbox_games.env:observation_fields",
    rewards="sandbox_games.reward:PRESETS",
    default_reward="outcome",
    metrics=(*METRICS, *JUDGED),
    agents="parallel",
    cheap=True,
    masks=True,
    game=True,
    resume="state",
    baselines=(*POOL, PERFECT),
    views=(BOARD, REPLAY, HELD_OUT, LADDER),
    play="sandbox_games.play:by_hand",
    sources=(ALPHA_ZERO, "Allis 1988, A knowledge-based approach of Connect-Four"),
    small={"game": "tic-tac-toe"},
    expected_failures={"seeds-matter": _NO_CHANCE},
)

BOARD_GAMES = Task(
    name="board",
    version=1,
    title="Games by OpenSpiel's rules: two agents that move in turn",
    config="sandbox_games.config:BoardConfig",
    make="sandbox_games.env:make",
    make_vec="sandbox_games.env:make_vec",
    observation_fields="sandbox_games.env:observation_fields",
    rewards="sandbox_games.reward:PRESETS",
    default_reward="outcome",
    metrics=METRICS,
    agents="parallel",
    cheap=True,
    masks=True,
    game=True,
    resume="state",
    baselines=POOL,
    views=(BOARD, REPLAY, LADDER),
    play="sandbox_games.play:by_hand",
    sources=(ALPHA_ZERO, OPEN_SPIEL),
    small={"game": "hex(board_size=3)"},
    expected_failures={"seeds-matter": _NO_CHANCE},
)

VERSUS = Task(
    name="versus",
    version=1,
    title="One agent against a fixed opponent",
    config="sandbox_games.config:VersusConfig",
    make="sandbox_games.env:make_versus",
    make_vec="sandbox_games.env:make_versus_vec",
    observation_fields="sandbox_games.env:observation_fields",
    rewards="sandbox_games.reward:PRESETS",
    default_reward="outcome",
    metrics=METRICS,
    cheap=True,
    masks=True,
    game=True,
    resume="state",
    baselines=POOL,
    views=(BOARD, REPLAY),
    play="sandbox_games.play:by_hand",
    sources=(OPEN_SPIEL,),
    small={"game": "tic-tac-toe", "opponent": "random"},
)

domain = Domain(
    name="games",
    title="Board games for two",
    tasks=(SOLVED, BOARD_GAMES, VERSUS),
    default_scenario="games/connect-four",
    requires=("numba", "pyspiel", "pettingzoo", "supersuit"),
    extra="games",
    sources=(ALPHA_ZERO, OPEN_SPIEL),
)
