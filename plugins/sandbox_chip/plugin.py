"""What the chip domain offers. Importing this file loads neither Numba nor NumPy."""

from __future__ import annotations

from sandbox.api import Baseline, Command, Domain, Metric, Task, View

METRICS = (
    Metric(
        "hpwl",
        "µm",
        "lower",
        "Σ weight · half perimeter of nets, soft macros included; one of a macro not placed spans the canvas",
    ),
    Metric("wirelength", "1", "lower", "hpwl over Σ weight · (width + height of the canvas)"),
    Metric(
        "density",
        "1",
        "lower",
        "half the mean of the densest tenth of the cells, plus the share of macro area not placed",
    ),
    Metric(
        "congestion",
        "1",
        "lower",
        "mean of the most congested twentieth of the cells, plus the share of macro area not placed",
    ),
    Metric("proxy", "1", "lower", "wirelength + density/2 + congestion/2, as circuit_training's proxy cost"),
    Metric("rudy", "1", "lower", "mean of the greatest tenth of the RUDY map of the finished placement"),
    Metric(
        "overlap",
        "µm²",
        "lower",
        "area that macros share in pairs; 0 by construction, but for the file's own placement",
    ),
    Metric(
        "total_hpwl",
        "µm",
        "lower",
        "hpwl of all nets with the standard cells placed (cells=analytic); without cells that of the macros",
    ),
    Metric("total_wirelength", "1", "lower", "total_hpwl over Σ weight · (width + height of the canvas)"),
    Metric(
        "total_overflow",
        "1",
        "lower",
        "area of cells and soft macros above density_target of what macros leave free, over their area",
    ),
    Metric("total_rudy", "1", "lower", "as rudy, of all nets with the standard cells placed"),
    Metric("placed", "1", "higher", "share of the macros that were placed"),
)

BASELINES = (
    Baseline(
        "greedy",
        "sandbox_chip.baselines:greedy_policy",
        "each macro, largest first, at the legal cell where the wirelength grows least",
        "the wire mask of MaskPlace (Lai et al. 2022), taken greedily",
        memoryless=True,
    ),
    Baseline(
        "hill-climbing",
        "sandbox_chip.baselines:hill_climbing_policy",
        "hill climbing on the order in which greedy places the macros",
        "WireMask-BBO, Shi et al. 2023",
        timed=True,
    ),
    Baseline(
        "annealing",
        "sandbox_chip.baselines:annealing_policy",
        "greedy, then simulated annealing: swap, shift, move, mirror, shuffle",
        "Cheng et al. 2023, Assessment of Reinforcement Learning for Macro Placement",
        timed=True,
    ),
    Baseline(
        "overlap-annealing",
        "sandbox_chip.baselines:overlap_annealing_policy",
        "annealing in which macros may overlap at a price that rises, then as rebuild",
        "Sechen and Sangiovanni-Vincentelli 1985, TimberWolf",
        timed=True,
    ),
    Baseline(
        "analytic",
        "sandbox_chip.baselines:analytic_policy",
        "quadratic placement, pulled apart by springs to its last legal placement",
        "Kim, Lee and Markov 2012, SimPL",
        timed=True,
    ),
    Baseline(
        "rebuild",
        "sandbox_chip.baselines:rebuild_policy",
        "greedy, then a few related macros at a time are taken out and put back greedily",
        "Schrimpf et al. 2000, ruin and recreate",
        timed=True,
    ),
    Baseline(
        "go-with-the-winners",
        "sandbox_chip.baselines:winners_policy",
        "several annealing walkers on the proxy cost, soft macros by forces; the worse follow the better",
        "Cheng et al. 2023, Assessment of Reinforcement Learning for Macro Placement",
        timed=True,
    ),
    Baseline(
        "mixed-size",
        "sandbox_chip.baselines:mixed_size_policy",
        "macros together with the standard cells, for the wires of the whole design; with cells=analytic",
        "Kim, Lee and Markov 2012, SimPL and ComPLx",
        timed=True,
    ),
    Baseline(
        "initial",
        "sandbox_chip.baselines:initial_policy",
        "the file's own placement exactly as it is, on or off the grid; only for files that have one",
    ),
)

VIEWS = (
    View("placement", "sandbox_chip.views:placement", "macros, pads and the longest nets' fly-lines"),
    View(
        "heat-maps", "sandbox_chip.views:heat_maps", "wire mask, legal cells, congestion, density", many=False
    ),
    View("order", "sandbox_chip.views:order", "the placement macro by macro", ("gif",), many=False),
    View("replay", "sandbox_chip.replay:replay", "the episodes as data for the web page", ("json",)),
)

SOURCES = (
    "Mirhoseini et al. 2021, A graph placement methodology for fast chip design; circuit_training",
    "Lai et al. 2022, MaskPlace; Shi et al. 2023, WireMask-BBO",
    "Cheng et al. 2023, Assessment of Reinforcement Learning for Macro Placement (TILOS)",
)

COMMANDS = (
    Command(
        "convert",
        "sandbox_chip.convert:convert",
        "Write a design in another format, standard cells clustered to soft macros on request.",
    ),
)

placement = Task(
    name="placement",
    version=2,
    title="Place the macros of a netlist on a grid, largest first",
    config="sandbox_chip.config:ChipConfig",
    make="sandbox_chip.env:make",
    make_vec="sandbox_chip.env:make_vec",
    observation_fields="sandbox_chip.env:observation_fields",
    rewards="sandbox_chip.reward:PRESETS",
    default_reward="wirelength",
    metrics=METRICS,
    cheap=True,
    masks=True,
    resume="state",
    baselines=BASELINES,
    views=VIEWS,
    inputs="sandbox_chip.designs:input_parts",
    sources=SOURCES,
)

domain = Domain(
    name="chip",
    title="Chip macro placement",
    tasks=(placement,),
    default_scenario="chip/small",
    requires=("numba",),
    extra="chip",
    sources=SOURCES,
    commands=COMMANDS,
)
