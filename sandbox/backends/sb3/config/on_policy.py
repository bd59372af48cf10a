"""Hyperparameters of policy-gradient algorithms that learn from fresh rollouts."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sandbox.api import Tunable
from sandbox.backends.sb3.config.common import DiscountedConfig, Layers, LearningRate, Schedule

RolloutSteps = Annotated[
    int,
    Field(ge=1, le=1_000_000),
    Tunable(choices=(32, 64, 128, 256, 512, 1024, 2048), limit="rollout"),
]
ShortRolloutSteps = Annotated[
    int, Field(ge=1, le=1_000_000), Tunable(choices=(5, 8, 16, 32, 64, 128), limit="rollout")
]
MinibatchSize = Annotated[
    int,
    Field(ge=1, le=10_000_000),
    Tunable(choices=(32, 64, 128, 256, 512, 1024), limit="minibatch"),
]
Backend = Literal["auto", "sb3", "fast"]
GaeLambda = Annotated[float, Field(ge=0, le=1), Tunable(0.8, 0.995, log=True, complement=True)]


class OnPolicyConfig(DiscountedConfig):
    """What algorithms of the kind ``on-policy`` share."""

    n_steps: RolloutSteps = Field(description="steps of each environment row per rollout")
    gae_lambda: GaeLambda = Field(description="bias-variance trade-off of the advantage estimate")
    normalize_advantage: bool = Field(True, description="standardise advantages in each minibatch")
    ortho_init: bool = Field(True, description="orthogonal initial weights")
    log_std_init: float = Field(
        0.0, ge=-20, le=5, description="initial log standard deviation of continuous actions"
    )
    stochastic: bool = Field(
        False, description="the policy is meant to be stochastic: it samples even where the mode is asked for"
    )
    run_ahead: Literal[False, True, "ray"] = Field(
        False,
        description="each environment plays its steps of a rollout with random numbers of its own, and none "
        "waits for another; true: in processes of their own; ray: on the Ray cluster of RAY_ADDRESS, else on "
        "one of this machine, to which whole rollouts travel",
    )


class _GradientOnPolicy(OnPolicyConfig):
    ent_coef: Annotated[float, Field(ge=0, le=10), Tunable(1e-6, 0.1, log=True)] = Field(
        0.0, description="weight of the entropy bonus"
    )
    ent_coef_schedule: Schedule = Field(
        "constant", description="constant, or linear: falls to zero over the training"
    )
    vf_coef: float = Field(0.5, ge=0, le=100, description="weight of the value loss")
    max_grad_norm: Annotated[float, Field(gt=0), Tunable(0.3, 10.0, log=True)] = Field(
        0.5, description="gradients are clipped to this norm"
    )


class A2cConfig(_GradientOnPolicy):
    """Advantage actor-critic."""

    learning_rate: LearningRate = Field(7e-4, description="step size of the optimiser")
    n_steps: ShortRolloutSteps = Field(5, description="steps of each environment row per rollout")
    gae_lambda: GaeLambda = Field(1.0, description="bias-variance trade-off of the advantage estimate")
    normalize_advantage: bool = Field(False, description="standardise advantages in each rollout")
    use_rms_prop: bool = Field(True, description="RMSprop instead of Adam")
    rms_prop_eps: float = Field(1e-5, gt=0, le=1, description="RMSprop's ε")


class PpoConfig(_GradientOnPolicy):
    """Proximal policy optimisation."""

    learning_rate: LearningRate = Field(3e-4, description="step size of the optimiser")
    n_steps: RolloutSteps = Field(2048, description="steps of each environment row per rollout")
    batch_size: MinibatchSize = Field(64, description="transitions per minibatch")
    n_epochs: Annotated[int, Field(ge=1, le=1000), Tunable(choices=(3, 5, 10, 20))] = Field(
        10, description="passes over each rollout"
    )
    gae_lambda: GaeLambda = Field(0.95, description="bias-variance trade-off of the advantage estimate")
    clip_range: Annotated[float, Field(gt=0, le=10), Tunable(choices=(0.1, 0.2, 0.3))] = Field(
        0.2, description="largest change of the policy ratio per update"
    )
    clip_range_schedule: Schedule = Field(
        "constant", description="constant, or linear: falls to zero over the training"
    )
    clip_range_vf: float | None = Field(
        None, gt=0, description="largest change of the value per update; unlimited if absent"
    )
    target_kl: Annotated[float | None, Field(gt=0), Tunable(0.003, 0.05, log=True)] = Field(
        None, description="ends the passes over a rollout when the policy moved 1.5 times this far"
    )
    convolution: Annotated[Layers, Field(min_length=1)] | None = Field(
        None,
        description="channels of the layers of a convolutional policy that scores every cell of an image, "
        "for tasks whose actions are cells; net_arch is then the critic's",
    )
    backend: Backend = Field(
        "sb3",
        description="what computes rollouts and updates: Stable-Baselines3, the fast core for multilayer "
        "perceptrons, or auto: the core where the network is small and steps are many; with convolution the "
        "layers alone",
    )

    @model_validator(mode="after")
    def _core_knows_the_policy(self) -> Self:
        if self.backend == "fast" and self.convolution is not None and self.activation != "relu":
            raise ValueError("convolution with backend=fast needs activation=relu")
        return self

    @model_validator(mode="after")
    def _standardisable(self) -> Self:
        if self.normalize_advantage and self.batch_size < 2:
            raise ValueError("batch_size must be at least 2 with normalize_advantage")
        return self


class MaskablePpoConfig(PpoConfig):
    """PPO with action masks; takes exactly PPO's hyperparameters."""


class RecurrentPpoConfig(PpoConfig):
    """PPO with an LSTM."""

    n_steps: RolloutSteps = Field(128, description="steps of each environment row per rollout")
    batch_size: MinibatchSize = Field(128, description="transitions per minibatch")
    lstm_hidden_size: int = Field(256, ge=1, le=8192, description="units of the LSTM")
    n_lstm_layers: int = Field(1, ge=1, le=8, description="layers of the LSTM")
    shared_lstm: bool = Field(False, description="one LSTM for actor and critic, trained by the actor")
    enable_critic_lstm: bool = Field(True, description="a separate LSTM for the critic")

    @model_validator(mode="after")
    def _only_its_own_networks(self) -> Self:
        if self.shared_lstm and self.enable_critic_lstm:
            raise ValueError("shared_lstm needs enable_critic_lstm=false")
        if self.convolution is not None:
            raise ValueError("convolution is not offered with an LSTM")
        if self.backend == "fast":
            raise ValueError("recurrent-ppo needs backend=sb3: the fast core has no LSTM")
        return self


class TrpoConfig(OnPolicyConfig):
    """Trust-region policy optimisation."""

    learning_rate: LearningRate = Field(1e-3, description="step size of the value function")
    n_steps: RolloutSteps = Field(2048, description="steps of each environment row per rollout")
    batch_size: MinibatchSize = Field(128, description="transitions per minibatch of the critic")
    gae_lambda: GaeLambda = Field(0.95, description="bias-variance trade-off of the advantage estimate")
    cg_max_steps: int = Field(15, ge=1, le=1000, description="conjugate-gradient iterations")
    cg_damping: float = Field(0.1, ge=0, le=100, description="damping of the Hessian-vector product")
    line_search_shrinking_factor: float = Field(0.8, gt=0, lt=1, description="factor of each shorter step")
    line_search_max_iter: int = Field(10, ge=1, le=1000, description="steps tried by the line search")
    n_critic_updates: int = Field(10, ge=1, le=1000, description="passes of the critic over each rollout")
    target_kl: Annotated[float, Field(gt=0, le=10), Tunable(0.003, 0.05, log=True)] = Field(
        0.01, description="bound on the KL divergence of an update"
    )
    sub_sampling_factor: int = Field(1, ge=1, le=1000, description="uses every n-th transition for the actor")
