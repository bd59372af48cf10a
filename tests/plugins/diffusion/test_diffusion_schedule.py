"""The noise levels of the process, against numbers from the papers and against diffusers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from sandbox_diffusion.networks.denoiser import Denoiser
from sandbox_diffusion.schedule import linear_signal, make_schedule


class FixedPrediction(nn.Module):
    """Predicts the same whatever it sees."""

    def __init__(self, output: torch.Tensor) -> None:
        super().__init__()
        self.output = output

    def forward(self, image: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        return self.output


def test_the_linear_schedule_is_ddpms() -> None:
    signal = linear_signal()
    assert signal[0] == 1 - 1e-4
    # Ho et al. (2020), section 4: sqrt of what is left of the image at the end is about 0.006.
    assert signal[-1] == pytest.approx(4.04e-5, rel=1e-2)


def test_the_last_step_reaches_the_clean_image_and_adds_the_floor() -> None:
    schedule = make_schedule(linear_signal(), 20, eta=1.0, floor=0.03)
    assert schedule.timesteps[0] == 999
    assert schedule.timesteps[-1] == 0
    assert schedule.signal[-1] == 1.0
    assert schedule.drift[-1] == 0.0
    assert schedule.sigma[-1] == 0.03
    assert (schedule.sigma[:-2] == schedule.drift[:-2]).all()


def test_without_noise_only_the_floor_is_left() -> None:
    schedule = make_schedule(linear_signal(), 10, eta=0.0, floor=0.01)
    assert (schedule.sigma == 0.01).all()


@pytest.mark.parametrize("prediction", ["epsilon", "sample", "v_prediction"])
@pytest.mark.parametrize("clip", [None, 1.0])
def test_steps_are_those_of_diffusers(prediction: Any, clip: float | None) -> None:
    """Mean and deviation of every step, levels spaced as here (``linspace``)."""
    diffusers = pytest.importorskip("diffusers")
    sampler = diffusers.DDIMScheduler(
        prediction_type=prediction,
        clip_sample=clip is not None,
        timestep_spacing="linspace",
        set_alpha_to_one=True,
    )
    sampler.set_timesteps(10)
    # diffusers looks for the next level 1000 / 10 levels further down, wherever the levels lie.
    levels = [int(level) for level in sampler.timesteps]
    schedule = make_schedule(linear_signal(), 10, eta=1.0, floor=1e-12)
    assert levels == schedule.timesteps.tolist()
    torch.manual_seed(0)
    image, output = torch.randn(3, 1, 4, 4), torch.randn(3, 1, 4, 4)
    denoiser = Denoiser(FixedPrediction(output), schedule, (1, 4, 4), prediction, clip)
    for number, level in enumerate(levels):
        following = levels[number + 1] if number < 9 else -1
        sampler.num_inference_steps = 1000 // (level - following)
        exact = sampler.config.num_train_timesteps // sampler.num_inference_steps == level - following
        noise = torch.randn(3, 1, 4, 4)
        expected = sampler.step(
            output, level, image, eta=1.0, use_clipped_model_output=True, variance_noise=noise
        ).prev_sample
        if not exact:
            continue
        mean = denoiser(image.flatten(1), torch.full((3,), number))
        drawn = mean + float(schedule.sigma[number]) * noise.flatten(1)
        torch.testing.assert_close(drawn, expected.flatten(1), rtol=1e-4, atol=1e-4)


def test_with_the_right_noise_every_mean_is_the_posteriors() -> None:
    """E[xₜ | xₛ, x₀] of the forward process (Ho et al. 2020, eq. 7), for ancestral sampling."""
    schedule = make_schedule(linear_signal(), 8, eta=1.0, floor=1e-12)
    torch.manual_seed(0)
    clean, noise = torch.rand(1, 1, 2, 2) * 2 - 1, torch.randn(1, 1, 2, 2)
    denoiser = Denoiser(FixedPrediction(noise), schedule, (1, 2, 2))
    for number in range(7):
        now, then = schedule.signal[number], schedule.signal[number + 1]
        image = np.sqrt(now) * clean + np.sqrt(1 - now) * noise
        beta = 1 - now / then
        mean = np.sqrt(then) * beta / (1 - now) * clean + np.sqrt(1 - beta) * (1 - then) / (1 - now) * image
        given = denoiser(image.flatten(1).float(), torch.tensor([number]))
        np.testing.assert_allclose(given.numpy(), mean.flatten(1).numpy(), atol=2e-5)
        assert schedule.sigma[number] ** 2 == pytest.approx((1 - then) / (1 - now) * beta)
