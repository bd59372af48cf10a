"""DDPG of Stable-Baselines3, which the package does not offer: what it takes to add an algorithm.

sandbox train toy/regulator --algo ddpg --plugin tests/toys/plugin.py --plugin tests/toys/ddpg.py
"""

from pydantic import Field

from sandbox.api import Capabilities
from sandbox.backends.sb3.catalogue import SB3Algorithm
from sandbox.backends.sb3.config.common import LearningRate
from sandbox.backends.sb3.config.off_policy import ContinuousConfig, SoftUpdate


class DdpgConfig(ContinuousConfig):
    """Deep deterministic policy gradient."""

    learning_rate: LearningRate = Field(1e-3, description="step size of actor and critic")
    tau: SoftUpdate = Field(0.005, description="share of the networks at a target update")
    n_critics: int = Field(1, ge=1, le=32, description="critics")


DDPG = SB3Algorithm(
    name="ddpg",
    title="Deep deterministic policy gradient: off-policy with a deterministic actor and one critic.",
    source="Lillicrap et al. 2015, arXiv 1509.02971",
    family="actor-critic",
    capabilities=Capabilities(frozenset({"Box"}), frozenset({"Box"}), exact_resume=True),
    model="stable_baselines3:DDPG",
    config=DdpgConfig,
    kind="off-policy",
    head="sandbox.backends.sb3.heads:deterministic_actor",
    target_networks=("actor", "critic"),
)
plugin = DDPG.plugin
