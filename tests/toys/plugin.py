"""The toy domain of the tests: seven tiny tasks with known answers, loaded by path.

    sandbox train toy/corridor --algo reinforce --plugin tests/toys/plugin.py

Each task is one property of the contract in its smallest form: `corridor` terminates and needs a
stochastic policy, `regulator` is continuous, truncated and batched natively, `forage` masks its
actions, `tag` has unlike agents that leave early, `stall` observes a dictionary, `shelf` can be
solved exactly, `crane` has masks for a choice of two parts.
"""

from sandbox.api import Baseline, Domain, Metric, Task, View

corridor = Task(
    name="corridor",
    version=1,
    cheap=True,
    resume="state",
    title="Short corridor with switched actions",
    config="toy_corridor:CorridorConfig",
    make="toy_corridor:make",
    make_vec="toy_corridor:make_vec",
    rewards="toy_corridor:REWARDS",
    default_reward="steps",
    metrics=(Metric("steps", "steps", "lower", "Steps until the goal."),),
    baselines=(
        Baseline(
            "optimal",
            "toy_corridor:make_optimal",
            "Goes right with probability 2 - √2, the best that a policy blind to its state can do.",
            "Sutton & Barto (2018), Example 13.1",
        ),
        Baseline("epsilon-right", "toy_corridor:make_epsilon_right", "Goes right with probability 0.95."),
    ),
    sources=("Sutton & Barto (2018), Reinforcement Learning, 2nd edition, Example 13.1",),
    expected_failures={
        "no-constant-observation": "all cells look the same: that is the example's point",
        "seeds-matter": "nothing in the corridor is random",
    },
)

regulator = Task(
    name="regulator",
    version=1,
    cheap=True,
    resume="state",
    title="Linear-quadratic regulator with noise",
    config="toy_regulator:RegulatorConfig",
    make="toy_regulator:make",
    make_vec="toy_regulator:make_vec",
    dynamics="toy_regulator:make_dynamics",
    rewards="toy_regulator:REWARDS",
    default_reward="quadratic",
    metrics=(
        Metric("cost", "m²", "lower", "Mean over steps and axes of x² + 0.1 u²."),
        Metric("effort", "m²", "lower", "Mean over steps and axes of u²."),
    ),
    baselines=(
        Baseline(
            "optimal",
            "toy_regulator:make_optimal",
            "Finite-horizon Riccati gains for the reward's weights.",
            "Bertsekas (2017), Dynamic Programming and Optimal Control I, section 3.1",
        ),
        Baseline("idle", "toy_regulator:make_idle", "Never pushes."),
    ),
    sources=("Bertsekas (2017), Dynamic Programming and Optimal Control I, section 3.1",),
)

forage = Task(
    name="forage",
    version=1,
    cheap=True,
    title="Eat everything on a small grid",
    config="toy_forage:ForageConfig",
    make="toy_forage:make",
    rewards="toy_forage:REWARDS",
    default_reward="clear",
    metrics=(
        Metric("duration", "steps", "lower", "Steps until everything is eaten, the horizon at most."),
        Metric("eaten", "items", "higher", "Items eaten."),
        Metric("forbidden", "actions", "lower", "Actions taken against the mask."),
    ),
    masks=True,
    resume="replay",
    baselines=(Baseline("greedy", "toy_forage:make_greedy", "Walks to the nearest item and eats it."),),
    views=(View("replay", "toy_forage:draw_replay", "the reward of every step", ("json",)),),
)

tag = Task(
    name="tag",
    version=1,
    cheap=True,
    title="Three unlike hunters touch a wandering prey",
    config="toy_tag:TagConfig",
    make="toy_tag:make",
    rewards="toy_tag:REWARDS",
    default_reward="touch",
    metrics=(
        Metric("duration", "steps", "lower", "Steps until every hunter has touched the prey."),
        Metric("touched", "hunters", "higher", "Hunters that touched the prey."),
    ),
    agents="parallel",
    masks=True,
    resume="replay",
    baselines=(Baseline("chase", "toy_tag:make_chase", "Takes the jump that ends nearest to the prey."),),
    views=(
        View("steps", "toy_tag:draw_steps", "return and length of every episode", ("json", "txt")),
        View("empty", "toy_tag:draw_nothing", "writes no file, a mistake", many=False),
    ),
)

stall = Task(
    name="stall",
    version=1,
    cheap=True,
    resume="replay",
    title="Buy the best of three offers, described by a dictionary",
    config="toy_stall:StallConfig",
    make="toy_stall:make",
    rewards="toy_stall:REWARDS",
    default_reward="spending",
    metrics=(Metric("cost", "coins", "lower", "Mean over purchases of price and loss by staleness."),),
    baselines=(
        Baseline("optimal", "toy_stall:make_optimal", "Takes the offer with the least price plus loss."),
        Baseline("cheapest", "toy_stall:make_cheapest", "Takes the lowest price."),
    ),
)

shelf = Task(
    name="shelf",
    title="Restock a shelf every evening",
    config=".toy_shelf:ShelfConfig",
    make=".toy_shelf:make",
    make_vec=".toy_shelf:make_vec",
    rewards=".toy_shelf:REWARDS",
    metrics=(Metric("profit", "coins", "higher", "Mean profit of an evening."),),
    baselines=(
        Baseline("fill", ".toy_shelf:fill", "Fills the shelf every evening.", memoryless=True),
        Baseline("every-third", ".toy_shelf:EveryThird", "Fills the shelf every third evening."),
    ),
    finite_model=".toy_shelf:finite_model",
    resume="state",
    cheap=True,
    masks=True,
)

crane = Task(
    name="crane",
    version=1,
    cheap=True,
    resume="state",
    title="Take crates from three stacks",
    config="toy_crane:CraneConfig",
    make="toy_crane:make",
    make_vec="toy_crane:make_vec",
    rewards="toy_crane:REWARDS",
    metrics=(Metric("duration", "steps", "lower", "Steps until the yard is empty, the horizon at most."),),
    masks=True,
    baselines=(Baseline("highest", "toy_crane:highest", "Takes from the highest stack.", memoryless=True),),
)

domain = Domain(
    name="toy",
    title="Tiny tasks with known answers",
    tasks=(corridor, regulator, forage, tag, stall, shelf, crane),
    default_scenario="toy/corridor",
    scenarios="scenarios",
)
