"""What the domain of bandits offers; importing this file loads neither NumPy nor pydantic."""

from __future__ import annotations

from sandbox.api import Baseline, Domain, Metric, Task, View

METRICS = (
    Metric("regret", "1", "lower", "sum over the pulls of the best mean less the mean of the pulled arm"),
    Metric("best_arm", "%", "higher", "share of the pulls that took the best arm"),
    Metric("reward", "1", "higher", "mean payment of a pull"),
)
VIEWS = (View("regret", "sandbox_bandits.views:regret", "regret against the logarithm of the pulls"),)

_SUTTON_BARTO = "Sutton & Barto (2018), Reinforcement Learning, 2nd edition, section {}"
_AUER = "Auer, Cesa-Bianchi & Fischer (2002), Machine Learning 47:235-256"
_GARIVIER = "Garivier & Moulines (2011), ALT; arXiv 0805.3415"

PULLS_ARE_COUNTED = {"truncation": "T belongs to the problem: the share of it that is over is observed"}


def _agent(name: str, make: str, description: str, source: str = "", memoryless: bool = True) -> Baseline:
    return Baseline(name, f"sandbox_bandits.agents:{make}", description, source, memoryless=memoryless)


GREEDY = _agent("greedy", "greedy", "Pulls every arm once, then always the one with the best mean so far.")
EPSILON_GREEDY = _agent(
    "epsilon-greedy",
    "epsilon_greedy",
    "Greedy, but one pull in ten is of any arm.",
    _SUTTON_BARTO.format("2.2"),
)
UCB1 = _agent("ucb1", "upper_bound", "Mean + √(2 ln t / n), in units of the noise where it is known.", _AUER)
GRADIENT = _agent(
    "gradient",
    "gradient_bandit",
    "Gradient ascent on preferences, step size 0.1, less the mean payment as a baseline.",
    _SUTTON_BARTO.format("2.8"),
    memoryless=False,
)
GRADIENT_PLAIN = _agent(
    "gradient-without-baseline",
    "gradient_without_baseline",
    "Gradient ascent on preferences, step size 0.1, nothing subtracted.",
    _SUTTON_BARTO.format("2.8"),
    memoryless=False,
)
ORACLE = Baseline(
    "oracle",
    "sandbox_bandits.agents:oracle",
    "Knows the means: regret 0.",
    memoryless=True,
    optimal_in="regret",
)

BERNOULLI = Task(
    name="bernoulli",
    title="Arms that pay 1 or nothing",
    config="sandbox_bandits.config:BernoulliConfig",
    make="sandbox_bandits.core:bernoulli",
    make_vec="sandbox_bandits.core:bernoulli_vec",
    observation_fields="sandbox_bandits.core:observation_fields",
    rewards="sandbox_bandits.core:REWARDS",
    metrics=METRICS,
    cheap=True,
    resume="state",
    baselines=(
        GREEDY,
        EPSILON_GREEDY,
        UCB1,
        _agent(
            "thompson",
            "beta_sampling",
            "Draws a chance for each arm from its Beta posterior and pulls the best draw.",
            "Thompson (1933), Biometrika 25:285-294; Chapelle & Li (2011), NeurIPS",
        ),
        GRADIENT,
        GRADIENT_PLAIN,
        ORACLE,
    ),
    finite_model="sandbox_bandits.exact:finite_model",
    tables="sandbox_bandits.bound:tables",
    views=VIEWS,
    sources=("Lai & Robbins (1985), Advances in Applied Mathematics 6:4-22",),
    small={"arms": 2, "means": None, "horizon": 8},
    expected_failures=PULLS_ARE_COUNTED,
)

GAUSSIAN = Task(
    name="gaussian",
    title="Arms whose payments are normally distributed",
    config="sandbox_bandits.config:GaussianConfig",
    make="sandbox_bandits.core:gaussian",
    make_vec="sandbox_bandits.core:gaussian_vec",
    observation_fields="sandbox_bandits.core:observation_fields",
    rewards="sandbox_bandits.core:REWARDS",
    metrics=METRICS,
    cheap=True,
    resume="state",
    baselines=(
        GREEDY,
        EPSILON_GREEDY,
        UCB1,
        _agent(
            "thompson",
            "normal_sampling",
            "Draws a mean for each arm from its normal posterior and pulls the best draw.",
            "Russo et al. (2018), A tutorial on Thompson sampling, arXiv 1707.02038",
        ),
        GRADIENT,
        GRADIENT_PLAIN,
        ORACLE,
    ),
    views=VIEWS,
    sources=(_SUTTON_BARTO.format("2.3"),),
    small={"horizon": 20},
    expected_failures=PULLS_ARE_COUNTED,
)

CONTEXTUAL = Task(
    name="contextual",
    title="Arms whose means are linear in a context",
    config="sandbox_bandits.config:ContextualConfig",
    make="sandbox_bandits.core:contextual",
    make_vec="sandbox_bandits.core:contextual_vec",
    observation_fields="sandbox_bandits.core:observation_fields",
    rewards="sandbox_bandits.core:REWARDS",
    metrics=METRICS,
    cheap=True,
    resume="state",
    baselines=(
        GREEDY,
        EPSILON_GREEDY,
        _agent(
            "linucb",
            "linear_upper_bound",
            "Ridge regression of each arm + half a standard deviation of it at the context.",
            "Li, Chu, Langford & Schapire (2010), WWW; arXiv 1003.0146",
        ),
        _agent(
            "thompson",
            "linear_sampling",
            "Draws the mean of each arm at the context from its posterior and pulls the best draw.",
            "Agrawal & Goyal (2013), ICML; arXiv 1209.3352",
        ),
        ORACLE,
    ),
    views=VIEWS,
    sources=("Li, Chu, Langford & Schapire (2010), WWW; arXiv 1003.0146",),
    small={"horizon": 20},
    expected_failures=PULLS_ARE_COUNTED,
)

RESTAURANTS = Task(
    name="restaurants",
    title="Restaurants that change their cooks",
    config="sandbox_bandits.config:RestaurantsConfig",
    make="sandbox_bandits.core:restaurants",
    make_vec="sandbox_bandits.core:restaurants_vec",
    observation_fields="sandbox_bandits.core:observation_fields",
    rewards="sandbox_bandits.core:REWARDS",
    metrics=METRICS,
    cheap=True,
    resume="state",
    baselines=(
        EPSILON_GREEDY,
        _agent(
            "constant-step",
            "constant_step",
            "ε-greedy that forgets old payments by a constant step size; ε 0.05, step size 0.2.",
            _SUTTON_BARTO.format("2.5"),
            memoryless=False,
        ),
        UCB1,
        _agent(
            "discounted-ucb",
            "Discounted",
            "UCB1 of totals that fade by γ = 0.99, widths × 0.25.",
            _GARIVIER,
            memoryless=False,
        ),
        _agent(
            "window-ucb", "Window", "UCB1 of the last 400 pulls, widths × 0.25.", _GARIVIER, memoryless=False
        ),
        ORACLE,
    ),
    views=VIEWS,
    sources=(_GARIVIER,),
    small={"horizon": 20},
    expected_failures=PULLS_ARE_COUNTED,
)

domain = Domain(
    name="bandits",
    title="Bandits: exploration on its own",
    tasks=(BERNOULLI, GAUSSIAN, CONTEXTUAL, RESTAURANTS),
    default_scenario="bandits/bernoulli",
    extra="bandits",
    sources=("Lattimore & Szepesvári (2020), Bandit Algorithms, Cambridge University Press",),
)
