"""Parameters of the four tasks."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator


class BanditConfig(BaseModel):
    """What all bandits have."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    arms: int = Field(10, ge=2, le=1_000, description="arms K")
    horizon: int = Field(1_000, ge=1, le=1_000_000, description="pulls of an episode T")


class BernoulliConfig(BanditConfig):
    """Arms that pay 1 or nothing."""

    arms: int = Field(5, ge=2, le=1_000, description="arms K")
    horizon: int = Field(2_000, ge=1, le=1_000_000, description="pulls of an episode T")
    means: tuple[float, ...] | None = Field(
        (0.5, 0.55, 0.6, 0.65, 0.7),
        description="chance that each arm pays, K of them, shuffled in every episode; "
        "null draws them from 0 to 1, all alike likely",
    )

    @model_validator(mode="after")
    def _chances(self) -> BernoulliConfig:
        if self.means is not None and len(self.means) != self.arms:
            raise ValueError(f"there are {self.arms} arms, but {len(self.means)} means")
        if self.means is not None and not all(0 <= mean <= 1 for mean in self.means):
            raise ValueError("a mean is a chance, from 0 to 1")
        return self


class GaussianConfig(BanditConfig):
    """Arms whose payments are normally distributed."""

    centre: float = Field(0.0, ge=-1e6, le=1e6, description="mean of the arms' means")
    spread: float = Field(1.0, gt=0, le=100, description="standard deviation of the arms' means")
    noise: float = Field(1.0, gt=0, le=100, description="standard deviation of a payment around its mean")


class ContextualConfig(GaussianConfig):
    """Arms whose means are linear in a context, which is seen before every pull."""

    arms: int = Field(5, ge=2, le=1_000, description="arms K")
    centre: float = Field(0.0, ge=-1e6, le=1e6, description="mean of the weights θ")
    spread: float = Field(1.0, gt=0, le=100, description="standard deviation of the weights θ")
    features: int = Field(5, ge=1, le=100, description="length of the context d")


class RestaurantsConfig(GaussianConfig):
    """Restaurants that change their cook."""

    horizon: int = Field(2_000, ge=1, le=1_000_000, description="evenings T")
    change: float = Field(
        0.001, ge=0, le=1, description="chance that a restaurant changes its cook, an evening"
    )
