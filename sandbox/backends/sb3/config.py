"""Hyperparameters of every algorithm, typed and bounded; the defaults are Stable-Baselines3's own.

Fields carry the names of SB3's constructor arguments. Beyond those: ``learning_rate_schedule``,
``clip_range_schedule`` and ``ent_coef_schedule``, the network (``net_arch``, ``activation``, …), exploration
noise as a number, and normalisation by running statistics. State-dependent exploration (gSDE) is not offered.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Activation = Literal["tanh", "relu", "elu", "gelu", "leaky_relu", "silu"]
Schedule = Literal["constant", "linear"]
Layers = Annotated[tuple[Annotated[int, Field(ge=1, le=8192)], ...], Field(max_length=16)]
Entropy = Annotated[str, Field(pattern=r"^auto(_(\d+\.?\d*|\.\d+)(e-?\d+)?)?$")]
NonNegative = Annotated[float, Field(ge=0)]


class Config(BaseModel):
    """What all algorithms share."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    algorithm: ClassVar[str]

    learning_rate: float = Field(gt=0, le=10, description="step size of the optimiser")
    learning_rate_schedule: Schedule = Field(
        "constant", description="constant, or linear: falls to zero over the training"
    )
    net_arch: Layers | None = Field(
        None, description="units of each hidden layer, of actor and critic alike; SB3's default if absent"
    )
    activation: Activation | None = Field(
        None, description="nonlinearity of the hidden layers; SB3's default if absent"
    )
    normalize_observation: bool = Field(
        False, description="scale observations by their running mean and variance; kept with the policy"
    )


class _WithDiscount(Config):
    normalize_reward: bool = Field(
        False, description="scale rewards in training by the running variance of the discounted return"
    )
    gamma: float = Field(0.99, ge=0, le=1, description="discount factor per step")


class _OnPolicy(_WithDiscount):
    n_steps: int = Field(ge=1, le=1_000_000, description="steps of each environment row per rollout")
    gae_lambda: float = Field(ge=0, le=1, description="bias-variance trade-off of the advantage estimate")
    normalize_advantage: bool = Field(True, description="standardise advantages in each minibatch")
    ortho_init: bool = Field(True, description="orthogonal initial weights")
    log_std_init: float = Field(
        0.0, ge=-20, le=5, description="initial log standard deviation of continuous actions"
    )
    stochastic: bool = Field(
        False, description="the policy is meant to be stochastic: it samples even where the mode is asked for"
    )


class _GradientOnPolicy(_OnPolicy):
    ent_coef: float = Field(0.0, ge=0, le=10, description="weight of the entropy bonus")
    ent_coef_schedule: Schedule = Field(
        "constant", description="constant, or linear: falls to zero over the training"
    )
    vf_coef: float = Field(0.5, ge=0, le=100, description="weight of the value loss")
    max_grad_norm: float = Field(0.5, gt=0, description="gradients are clipped to this norm")


class A2cConfig(_GradientOnPolicy):
    """Advantage actor-critic."""

    algorithm = "a2c"
    learning_rate: float = Field(7e-4, gt=0, le=10, description="step size of the optimiser")
    n_steps: int = Field(5, ge=1, le=1_000_000, description="steps of each environment row per rollout")
    gae_lambda: float = Field(
        1.0, ge=0, le=1, description="bias-variance trade-off of the advantage estimate"
    )
    normalize_advantage: bool = Field(False, description="standardise advantages in each rollout")
    use_rms_prop: bool = Field(True, description="RMSprop instead of Adam")
    rms_prop_eps: float = Field(1e-5, gt=0, le=1, description="RMSprop's ε")


class PpoConfig(_GradientOnPolicy):
    """Proximal policy optimisation."""

    algorithm = "ppo"
    learning_rate: float = Field(3e-4, gt=0, le=10, description="step size of the optimiser")
    n_steps: int = Field(2048, ge=1, le=1_000_000, description="steps of each environment row per rollout")
    batch_size: int = Field(64, ge=1, le=10_000_000, description="transitions per minibatch")
    n_epochs: int = Field(10, ge=1, le=1000, description="passes over each rollout")
    gae_lambda: float = Field(
        0.95, ge=0, le=1, description="bias-variance trade-off of the advantage estimate"
    )
    clip_range: float = Field(0.2, gt=0, le=10, description="largest change of the policy ratio per update")
    clip_range_schedule: Schedule = Field(
        "constant", description="constant, or linear: falls to zero over the training"
    )
    clip_range_vf: float | None = Field(
        None, gt=0, description="largest change of the value per update; unlimited if absent"
    )
    target_kl: float | None = Field(
        None, gt=0, description="ends the passes over a rollout when the policy moved 1.5 times this far"
    )
    convolution: Annotated[Layers, Field(min_length=1)] | None = Field(
        None,
        description="channels of the layers of a convolutional policy that scores every cell of an image, "
        "for tasks whose actions are cells; net_arch is then the critic's",
    )

    @model_validator(mode="after")
    def _standardisable(self) -> PpoConfig:
        if self.normalize_advantage and self.batch_size < 2:
            raise ValueError("batch_size must be at least 2 with normalize_advantage")
        return self


class MaskablePpoConfig(PpoConfig):
    """PPO with action masks; takes exactly PPO's hyperparameters."""

    algorithm = "maskable-ppo"


class RecurrentPpoConfig(PpoConfig):
    """PPO with an LSTM."""

    algorithm = "recurrent-ppo"
    n_steps: int = Field(128, ge=1, le=1_000_000, description="steps of each environment row per rollout")
    batch_size: int = Field(128, ge=1, le=10_000_000, description="transitions per minibatch")
    lstm_hidden_size: int = Field(256, ge=1, le=8192, description="units of the LSTM")
    n_lstm_layers: int = Field(1, ge=1, le=8, description="layers of the LSTM")
    shared_lstm: bool = Field(False, description="one LSTM for actor and critic, trained by the actor")
    enable_critic_lstm: bool = Field(True, description="an LSTM of the critic's own")

    @model_validator(mode="after")
    def _one_critic_lstm(self) -> RecurrentPpoConfig:
        if self.shared_lstm and self.enable_critic_lstm:
            raise ValueError("shared_lstm needs enable_critic_lstm=false")
        if self.convolution is not None:
            raise ValueError("convolution is not offered with an LSTM")
        return self


class TrpoConfig(_OnPolicy):
    """Trust-region policy optimisation."""

    algorithm = "trpo"
    learning_rate: float = Field(1e-3, gt=0, le=10, description="step size of the value function")
    n_steps: int = Field(2048, ge=1, le=1_000_000, description="steps of each environment row per rollout")
    batch_size: int = Field(128, ge=1, le=10_000_000, description="transitions per minibatch of the critic")
    gae_lambda: float = Field(
        0.95, ge=0, le=1, description="bias-variance trade-off of the advantage estimate"
    )
    cg_max_steps: int = Field(15, ge=1, le=1000, description="conjugate-gradient iterations")
    cg_damping: float = Field(0.1, ge=0, le=100, description="damping of the Hessian-vector product")
    line_search_shrinking_factor: float = Field(0.8, gt=0, lt=1, description="factor of each shorter step")
    line_search_max_iter: int = Field(10, ge=1, le=1000, description="steps tried by the line search")
    n_critic_updates: int = Field(10, ge=1, le=1000, description="passes of the critic over each rollout")
    target_kl: float = Field(0.01, gt=0, le=10, description="bound on the KL divergence of an update")
    sub_sampling_factor: int = Field(1, ge=1, le=1000, description="uses every n-th transition for the actor")


class _OffPolicy(_WithDiscount):
    buffer_size: int = Field(
        1_000_000, ge=1, le=100_000_000, description="transitions in the replay buffer, over all rows"
    )
    learning_starts: int = Field(
        100, ge=0, description="steps before learning, by random actions or the policy to start from"
    )
    batch_size: int = Field(256, ge=1, le=1_000_000, description="transitions per gradient step")
    train_freq: int = Field(1, ge=1, le=1_000_000, description="steps of each row between updates")
    gradient_steps: int = Field(
        1, ge=-1, le=100_000, description="gradient steps per update; -1: as many as steps were taken"
    )
    n_steps: int = Field(1, ge=1, le=10_000, description="steps of the n-step return")

    @model_validator(mode="after")
    def _buffer_holds_a_batch(self) -> Any:
        if self.batch_size > self.buffer_size:
            raise ValueError(
                f"batch_size ({self.batch_size}) must not be larger than buffer_size ({self.buffer_size})"
            )
        return self


class _DeepQ(_OffPolicy):
    learning_rate: float = Field(1e-4, gt=0, le=10, description="step size of the optimiser")
    batch_size: int = Field(32, ge=1, le=1_000_000, description="transitions per gradient step")
    tau: float = Field(1.0, gt=0, le=1, description="share of the online network at a target update")
    train_freq: int = Field(4, ge=1, le=1_000_000, description="steps of each row between updates")
    target_update_interval: int = Field(10_000, ge=1, description="steps between target updates")
    exploration_fraction: float = Field(
        0.1, gt=0, le=1, description="share of the training over which ε falls"
    )
    exploration_initial_eps: float = Field(1.0, ge=0, le=1, description="ε at the start")
    exploration_final_eps: float = Field(0.05, ge=0, le=1, description="ε at the end")


class DqnConfig(_DeepQ):
    """Deep Q-network."""

    algorithm = "dqn"
    max_grad_norm: float = Field(10, gt=0, description="gradients are clipped to this norm")


class QrDqnConfig(_DeepQ):
    """Quantile-regression DQN."""

    algorithm = "qr-dqn"
    learning_rate: float = Field(5e-5, gt=0, le=10, description="step size of the optimiser")
    exploration_fraction: float = Field(
        0.005, gt=0, le=1, description="share of the training over which ε falls"
    )
    exploration_final_eps: float = Field(0.01, ge=0, le=1, description="ε at the end")
    max_grad_norm: float | None = Field(
        None, gt=0, description="gradients are clipped to this norm; unlimited if absent"
    )
    n_quantiles: int = Field(200, ge=1, le=10_000, description="quantiles of the return per action")


class _Continuous(_OffPolicy):
    action_noise_std: float = Field(
        0.0, ge=0, le=2, description="Gaussian noise added to actions scaled to [-1, 1]; none at 0"
    )
    n_critics: int = Field(2, ge=1, le=32, description="critics, of which the pessimistic one counts")


class _Soft(_Continuous):
    ent_coef: NonNegative | Entropy = Field(
        "auto", description="weight of the entropy: a number, auto (learned), or auto_X (learned from X)"
    )
    target_entropy: float | Literal["auto"] = Field(
        "auto", description="entropy aimed at when it is learned; auto: minus the number of action dimensions"
    )

    @model_validator(mode="after")
    def _learnable(self) -> Any:
        if (
            isinstance(self.ent_coef, str)
            and "_" in self.ent_coef
            and float(self.ent_coef.split("_")[1]) <= 0
        ):
            raise ValueError("the initial value in ent_coef=auto_X must be greater than 0")
        return self


class SacConfig(_Soft):
    """Soft actor-critic."""

    algorithm = "sac"
    learning_rate: float = Field(3e-4, gt=0, le=10, description="step size of actor, critics and entropy")
    tau: float = Field(0.005, gt=0, le=1, description="share of the critics at a target update")
    target_update_interval: int = Field(1, ge=1, description="gradient steps between target updates")


class TqcConfig(SacConfig):
    """Truncated quantile critics."""

    algorithm = "tqc"
    top_quantiles_to_drop_per_net: int = Field(
        2, ge=0, le=1000, description="highest quantiles of each critic that are left out"
    )
    n_quantiles: int = Field(25, ge=1, le=1000, description="quantiles per critic")

    @model_validator(mode="after")
    def _some_quantiles_left(self) -> TqcConfig:
        if self.top_quantiles_to_drop_per_net >= self.n_quantiles:
            raise ValueError("top_quantiles_to_drop_per_net must be smaller than n_quantiles")
        return self


class CrossqConfig(_Soft):
    """CrossQ."""

    algorithm = "crossq"
    learning_rate: float = Field(1e-3, gt=0, le=10, description="step size of actor, critics and entropy")
    policy_delay: int = Field(3, ge=1, le=1000, description="critic steps per step of the actor")


class Td3Config(_Continuous):
    """Twin delayed DDPG."""

    algorithm = "td3"
    learning_rate: float = Field(1e-3, gt=0, le=10, description="step size of actor and critics")
    tau: float = Field(0.005, gt=0, le=1, description="share of the networks at a target update")
    policy_delay: int = Field(2, ge=1, le=1000, description="critic steps per step of the actor")
    target_policy_noise: float = Field(0.2, ge=0, le=2, description="noise that smooths the target action")
    target_noise_clip: float = Field(0.5, ge=0, le=2, description="bound of that noise")


class ArsConfig(Config):
    """Augmented random search."""

    algorithm = "ars"
    policy: Literal["linear", "mlp"] = Field(
        "linear", description="linear as in the paper, or a network with net_arch and activation"
    )
    learning_rate: float = Field(0.02, gt=0, le=10, description="step size")
    n_delta: int = Field(
        8, ge=1, le=10_000, description="random directions per iteration, each tried both ways"
    )
    n_top: int | None = Field(None, ge=1, le=10_000, description="directions used; all if absent")
    delta_std: float = Field(0.05, gt=0, le=10, description="size of the directions")
    zero_policy: bool = Field(True, description="start from all-zero weights")
    alive_bonus_offset: float = Field(
        0, description="added to each step's reward, to cancel a survival bonus"
    )
    n_eval_episodes: int = Field(1, ge=1, le=1000, description="episodes per candidate")

    @model_validator(mode="after")
    def _possible(self) -> ArsConfig:
        if self.n_top is not None and self.n_top > self.n_delta:
            raise ValueError(f"n_top ({self.n_top}) must not be larger than n_delta ({self.n_delta})")
        if self.policy == "linear" and (self.net_arch is not None or self.activation is not None):
            raise ValueError("net_arch and activation need policy=mlp")
        return self
