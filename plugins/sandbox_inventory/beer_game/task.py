"""What the beer-game family offers: four players, or one player for all stations."""

from __future__ import annotations

from sandbox.api import Baseline
from sandbox_inventory.core.task import BULLWHIP, FINITE_HORIZON, PADDED_PIPELINE, inventory_task

STERMAN = "Sterman 1989, Management Science 35(3)"
RULES = "sandbox_inventory.beer_game.rules"
BASELINES = (
    Baseline(
        "echelon-base-stock",
        f"{RULES}:make_echelon",
        "echelon order-up-to levels, optimised",
        "Clark & Scarf 1960, Management Science 6(4)",
    ),
    Baseline("base-stock", f"{RULES}:make_base_stock", "local order-up-to levels, optimised"),
    Baseline("sterman", f"{RULES}:make_sterman", "the average player: anchor and adjust", STERMAN),
)

BEER_GAME = inventory_task(
    "beer-game",
    "The beer game, four players",
    family="beer_game",
    config="BeerGameConfig",
    baselines=BASELINES,
    remembering=("sterman",),
    sources=(STERMAN,),
    agents="parallel",
    views=(BULLWHIP,),
    expected_failures=FINITE_HORIZON,
)

BEER_GAME_CENTRAL = inventory_task(
    "beer-game-central",
    "The beer game, one player for all stations",
    family="beer_game",
    config="BeerGameConfig",
    baselines=BASELINES,
    remembering=("sterman",),
    sources=(STERMAN,),
    simulator=False,  # the customer's demand is a given trace
    views=(BULLWHIP,),
    expected_failures={
        **PADDED_PIPELINE,
        **FINITE_HORIZON,
        "seeds-matter": "the board game's customer is the same in every game",
    },
)
