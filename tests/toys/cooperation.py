"""Cooperative games with known solutions, for algorithms of several learners.

sandbox train cooperation/two-step --algo qmix --plugin tests/toys/cooperation.py
"""

from sandbox.api import Baseline, Domain, Metric, Task

_SAME = "nothing in a matrix game is random"

matrix = Task(
    name="matrix",
    title="Two agents choose a row and a column of a matrix",
    config=".toy_cooperation:MatrixConfig",
    make=".toy_cooperation:make_matrix",
    make_vec=".toy_cooperation:make_matrix_vec",
    rewards=".toy_cooperation:REWARDS",
    metrics=(Metric("payoff", "1", "higher", "The entry that both are paid."),),
    agents="parallel",
    cheap=True,
    resume="state",
    baselines=(Baseline("optimal", ".toy_cooperation:best_matrix", "Both choose the largest entry."),),
    sources=("Claus & Boutilier (1998), The dynamics of reinforcement learning in cooperative games, AAAI",),
    expected_failures={"no-constant-observation": "there is nothing to be seen", "seeds-matter": _SAME},
)

two_step = Task(
    name="two-step",
    title="The first agent chooses which matrix is played",
    config=".toy_cooperation:TwoStepConfig",
    make=".toy_cooperation:make_two_step",
    make_vec=".toy_cooperation:make_two_step_vec",
    rewards=".toy_cooperation:REWARDS",
    metrics=(Metric("payoff", "1", "higher", "What both are paid in the second step."),),
    agents="parallel",
    cheap=True,
    resume="state",
    baselines=(Baseline("optimal", ".toy_cooperation:best_two_step", "To 2B, then 8."),),
    sources=("Rashid et al. (2018), QMIX, arXiv 1803.11485, section 5",),
    expected_failures={"seeds-matter": _SAME},
)

cooperation = Domain(
    name="cooperation",
    title="Cooperative games with known solutions",
    tasks=(two_step, matrix),
    default_scenario="cooperation/two-step",
    requires=("pettingzoo",),
)
