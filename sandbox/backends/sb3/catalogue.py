"""The algorithms of Stable-Baselines3 and sb3-contrib, one row each, as data.

To add an algorithm, write its row here, its hyperparameters in the folder ``config``, and its name
into the entry points of ``pyproject.toml``. Another package does the same with its own modules.
Importing this module is cheap: neither torch nor Stable-Baselines3 is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sandbox.api.algorithm import Algorithm, Capabilities, Family
from sandbox.registry.resolve import resolve

if TYPE_CHECKING:
    from sandbox.api.algorithm import TrainContext
    from sandbox.api.policy import Policy
    from sandbox.backends.sb3.config.common import Config

Kind = Literal["on-policy", "off-policy", "evolution"]

SB3 = "Raffin et al. 2021, Stable-Baselines3, JMLR 22:268"


@dataclass(frozen=True, slots=True, kw_only=True)
class SB3Algorithm:
    """A row of the catalogue: all that this backend needs to know of an algorithm.

    Names of classes and functions are ``"module:attribute"`` strings, resolved when they are needed.

    Args:
        name: The name that ``--algo`` takes.
        title: What it does, in one sentence.
        source: The paper that describes it.
        family: Its place in the taxonomy of methods.
        capabilities: What it can be trained on.
        model: Its class, derived from SB3's ``BaseAlgorithm``.
        config: Its hyperparameters, derived from `OnPolicyConfig`, `OffPolicyConfig` or, for an evolution
            strategy, `Config`; see the folder ``config``.
        kind: ``"on-policy"`` is SB3's ``OnPolicyAlgorithm``, a network with a policy head and a value head;
            ``"off-policy"`` its ``OffPolicyAlgorithm``, which has a replay buffer; ``"evolution"`` a search
            in the weights of the policy, without gradients.
        head: A function of `sandbox.backends.sb3.heads` that makes the policy's `Head`.
        masked_by: The algorithm that takes over on tasks with action masks.
        recurrent: Whether the policy has an LSTM.
        cell_policy: The policy class for the hyperparameter ``convolution``, if it has one.
        export: The module for ``sandbox export``; None where a policy is no function of its observation.
        target_networks: Networks of the policy that have a slowly following copy ``<name>_target``. In
            fine-tuning the copy starts from the loaded network.
        counters: Numbers of the model that are saved with the training state, beside those of all
            algorithms (`sandbox.backends.sb3.state`).
        resumable: Whether there is a moment between rollouts from which a training can be resumed.
    """

    name: str
    title: str
    source: str
    family: Family
    capabilities: Capabilities
    model: str
    config: str | type[Config]
    kind: Kind
    head: str
    masked_by: str | None = None
    recurrent: bool = False
    cell_policy: str | None = None
    export: str | None = "sandbox.backends.sb3.export:SB3Module"
    target_networks: tuple[str, ...] = ()
    counters: tuple[str, ...] = ()
    resumable: bool = True

    @property
    def plugin(self) -> Algorithm:
        """The algorithm as the registry takes it; what an entry point names."""
        package = self.model.partition(":")[0].partition(".")[0]
        return Algorithm(
            name=self.name,
            family=self.family,
            backend=package.replace("_", "-"),
            capabilities=self.capabilities,
            config=self.config,
            train=self.train,
            load=self.load,
            convert=self.convert,
            masked_by=self.masked_by,
            requires=tuple(dict.fromkeys(("torch", "safetensors", "stable_baselines3", package))),
            extra="sb3",
            description=self.title,
            sources=(self.source, SB3),
        )

    def train(self, context: TrainContext) -> Policy:
        """Train; see `sandbox.backends.sb3.train.train`."""
        policy: Policy = resolve("sandbox.backends.sb3.train:train")(self, context)
        return policy

    def load(self, directory: Path) -> Policy:
        """Read a saved policy; see `sandbox.backends.sb3.policy.load`."""
        policy: Policy = resolve("sandbox.backends.sb3.policy:load")(self, directory)
        return policy

    def convert(self, file: Path, directory: Path, name: str) -> None:
        """Convert a model that SB3 saved itself; see `sandbox.backends.sb3.import_sb3.import_sb3`."""
        resolve("sandbox.backends.sb3.import_sb3:import_sb3")(self, file, directory)


_FLAT = frozenset({"Box", "Discrete", "MultiDiscrete", "MultiBinary"})
_ANY = _FLAT | {"Dict"}
_BOX = frozenset({"Box"})
_DISCRETE = frozenset({"Discrete"})

PPO = SB3Algorithm(
    name="ppo",
    title="Proximal policy optimisation: clipped policy-gradient steps on fresh rollouts; "
    "the robust default.",
    source="Schulman et al. 2017, arXiv 1707.06347",
    family="policy-gradient",
    capabilities=Capabilities(_ANY, _FLAT, on_policy=True, exact_resume=True),
    model="stable_baselines3:PPO",
    config="sandbox.backends.sb3.config.on_policy:PpoConfig",
    kind="on-policy",
    head="sandbox.backends.sb3.heads:actor_critic",
    masked_by="maskable-ppo",
    cell_policy="sandbox.backends.sb3.convolution:CellPolicy",
)
A2C = SB3Algorithm(
    name="a2c",
    title="Advantage actor-critic: one synchronous policy-gradient step per short rollout.",
    source="Mnih et al. 2016, arXiv 1602.01783",
    family="policy-gradient",
    capabilities=Capabilities(_ANY, _FLAT, on_policy=True, exact_resume=True),
    model="stable_baselines3:A2C",
    config="sandbox.backends.sb3.config.on_policy:A2cConfig",
    kind="on-policy",
    head="sandbox.backends.sb3.heads:actor_critic",
)
DQN = SB3Algorithm(
    name="dqn",
    title="Deep Q-network: Q-learning with a replay buffer and a target network.",
    source="Mnih et al. 2015, Nature 518:529",
    family="value-based",
    capabilities=Capabilities(_ANY, _DISCRETE, on_policy=False, exact_resume=True),
    model="stable_baselines3:DQN",
    config="sandbox.backends.sb3.config.off_policy:DqnConfig",
    kind="off-policy",
    head="sandbox.backends.sb3.heads:q_values",
    target_networks=("q_net",),
    counters=("_n_calls", "exploration_rate"),
)
QR_DQN = SB3Algorithm(
    name="qr-dqn",
    title="Quantile-regression DQN: learns the distribution of the return instead of its mean.",
    source="Dabney et al. 2018, arXiv 1710.10044",
    family="value-based",
    capabilities=Capabilities(_ANY, _DISCRETE, on_policy=False, exact_resume=True),
    model="sb3_contrib:QRDQN",
    config="sandbox.backends.sb3.config.off_policy:QrDqnConfig",
    kind="off-policy",
    head="sandbox.backends.sb3.heads:quantiles",
    target_networks=("quantile_net",),
    counters=("_n_calls", "exploration_rate"),
)
SAC = SB3Algorithm(
    name="sac",
    title="Soft actor-critic: off-policy, maximises return plus the entropy of its actions.",
    source="Haarnoja et al. 2018, arXiv 1812.05905",
    family="actor-critic",
    capabilities=Capabilities(_ANY, _BOX, on_policy=False, exact_resume=True),
    model="stable_baselines3:SAC",
    config="sandbox.backends.sb3.config.off_policy:SacConfig",
    kind="off-policy",
    head="sandbox.backends.sb3.heads:squashed_gaussian",
    target_networks=("critic",),
)
TD3 = SB3Algorithm(
    name="td3",
    title="Twin delayed DDPG: off-policy with a deterministic actor and two critics.",
    source="Fujimoto et al. 2018, arXiv 1802.09477",
    family="actor-critic",
    capabilities=Capabilities(_ANY, _BOX, on_policy=False, exact_resume=True),
    model="stable_baselines3:TD3",
    config="sandbox.backends.sb3.config.off_policy:Td3Config",
    kind="off-policy",
    head="sandbox.backends.sb3.heads:deterministic_actor",
    target_networks=("actor", "critic"),
)
TQC = SB3Algorithm(
    name="tqc",
    title="Truncated quantile critics: SAC with distributional critics whose highest quantiles are dropped.",
    source="Kuznetsov et al. 2020, arXiv 2005.04269",
    family="actor-critic",
    capabilities=Capabilities(_ANY, _BOX, on_policy=False, exact_resume=True),
    model="sb3_contrib:TQC",
    config="sandbox.backends.sb3.config.off_policy:TqcConfig",
    kind="off-policy",
    head="sandbox.backends.sb3.heads:squashed_gaussian",
    target_networks=("critic",),
)
TRPO = SB3Algorithm(
    name="trpo",
    title="Trust-region policy optimisation: natural-gradient steps within a bound on the KL divergence.",
    source="Schulman et al. 2015, arXiv 1502.05477",
    family="policy-gradient",
    capabilities=Capabilities(_ANY, _FLAT, on_policy=True, exact_resume=True),
    model="sb3_contrib:TRPO",
    config="sandbox.backends.sb3.config.on_policy:TrpoConfig",
    kind="on-policy",
    head="sandbox.backends.sb3.heads:actor_critic",
)
CROSSQ = SB3Algorithm(
    name="crossq",
    title="CrossQ: SAC with batch-normalised critics and no target networks.",
    source="Bhatt et al. 2024, CrossQ, ICLR",
    family="actor-critic",
    capabilities=Capabilities(_FLAT, _BOX, on_policy=False, exact_resume=True),
    model="sb3_contrib:CrossQ",
    config="sandbox.backends.sb3.config.off_policy:CrossqConfig",
    kind="off-policy",
    head="sandbox.backends.sb3.heads:squashed_gaussian",
)
ARS = SB3Algorithm(
    name="ars",
    title="Augmented random search: finite differences in the weights of a linear policy, no gradients.",
    source="Mania et al. 2018, arXiv 1803.07055",
    family="policy-gradient",
    # A candidate is scored on whole episodes of one environment; further rows would only be wasted.
    capabilities=Capabilities(
        _FLAT,
        _BOX | _DISCRETE,
        agents=frozenset({"single"}),
        vectorised=False,
        on_policy=True,
        exact_resume=True,
    ),
    model="sb3_contrib:ARS",
    config="sandbox.backends.sb3.config.evolution:ArsConfig",
    kind="evolution",
    head="sandbox.backends.sb3.heads:direct_policy",
    resumable=False,  # the directions of an iteration are drawn before its rollouts begin
)
RECURRENT_PPO = SB3Algorithm(
    name="recurrent-ppo",
    title="PPO with an LSTM, for tasks whose observation does not determine the state.",
    source="Schulman et al. 2017, arXiv 1707.06347; Hausknecht & Stone 2015, arXiv 1507.06527",
    family="policy-gradient",
    capabilities=Capabilities(_ANY, _FLAT - {"MultiBinary"}, on_policy=True, exact_resume=True),
    model="sb3_contrib:RecurrentPPO",
    config="sandbox.backends.sb3.config.on_policy:RecurrentPpoConfig",
    kind="on-policy",
    head="sandbox.backends.sb3.heads:recurrent_actor_critic",
    recurrent=True,
    export=None,
)
MASKABLE_PPO = SB3Algorithm(
    name="maskable-ppo",
    title="PPO that never proposes an action the task forbids.",
    source="Huang & Ontañón 2020, arXiv 2006.14171",
    family="policy-gradient",
    capabilities=Capabilities(_ANY, _FLAT - _BOX, masks=True, on_policy=True, exact_resume=True),
    model="sb3_contrib:MaskablePPO",
    config="sandbox.backends.sb3.config.on_policy:MaskablePpoConfig",
    kind="on-policy",
    head="sandbox.backends.sb3.heads:actor_critic",
    cell_policy="sandbox.backends.sb3.convolution:MaskableCellPolicy",
)


def rows() -> dict[str, SB3Algorithm]:
    """The rows of this module by name."""
    return {row.name: row for row in globals().values() if isinstance(row, SB3Algorithm)}
