"""Denoisers from files: the one that ships, a diffusers folder, or what a user's function makes."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from sandbox.api import BrokenFileError, InvalidValueError, MisfitError, MissingExtraError
from sandbox.api.types import Array
from sandbox_diffusion.digits import DATA
from sandbox_diffusion.networks.denoiser import Denoiser, Prediction, ReferenceMeans
from sandbox_diffusion.networks.layers import DigitDenoiser, JudgeClassifier, RewardClassifier
from sandbox_diffusion.schedule import linear_signal, make_schedule
from sandbox_diffusion.user_code import code_of_user, load_function

if TYPE_CHECKING:
    from sandbox_diffusion.config import DenoisingConfig

MAX_PIXELS = 65_536
"""Channels × height × width of an image, at most."""


def make_denoiser(config: DenoisingConfig) -> Denoiser:
    """A new copy of the pre-trained model of a task.

    Raises:
        BrokenFileError: If the model's files cannot be read.
        InvalidValueError: If a user's function fails or makes something else, if its network does not fit, or
            if there are fewer levels than steps.
        MissingExtraError: Without diffusers, where its files are named.
    """
    prediction: Prediction = "epsilon"
    clip: float | None = 1.0
    signal = linear_signal()
    if not config.model:
        network: nn.Module = DigitDenoiser()
        read_weights(network, DATA / "denoiser.safetensors")
        shape: tuple[int, ...] = DigitDenoiser.image_shape
    elif _names_code(config.model):
        network = _call(config.model)
        with code_of_user(config.model):
            shape = tuple(map(int, getattr(network, "image_shape", ())))
            signal = np.asarray(getattr(network, "alphas_cumprod", signal), float)
    else:
        network, shape, process = _diffusers(Path(config.model))
        signal = np.asarray(process.alphas_cumprod, float)
        prediction = process.config.prediction_type
        clip = process.config.clip_sample_range if process.config.clip_sample else None
    if len(shape) != 3 or not 0 < int(np.prod(shape)) <= MAX_PIXELS:
        raise InvalidValueError(
            f"The model {config.model} is for images of shape {tuple(shape)}.",
            f"It needs channels, height and width (image_shape), at most {MAX_PIXELS} values.",
        )
    if len(signal) < config.steps:
        raise InvalidValueError(
            f"The model {config.model} knows {len(signal)} noise levels, but config.steps is {config.steps}."
        )
    _require_falling(signal, config.model)
    schedule = make_schedule(signal, config.steps, config.eta, config.sigma_floor)
    denoiser = Denoiser(network.eval(), schedule, (shape[0], shape[1], shape[2]), prediction, clip)
    if config.model:
        _try_out(denoiser, config.model)
    return denoiser


def _require_falling(signal: Array, model: str) -> None:
    """Refuse noise levels that are none."""
    if signal.ndim != 1 or not ((signal >= 0) & (signal <= 1)).all() or (np.diff(signal) > 0).any():
        raise InvalidValueError(
            f"The noise levels of the model {model} are none.",
            "alphas_cumprod must be numbers from 0 to 1 that never rise, one a level.",
        )


def _try_out(denoiser: Denoiser, model: str) -> None:
    """Ask a user's network once, so that one which does not fit is refused before anything begins."""
    image = torch.zeros(1, *denoiser.shape)
    with code_of_user(model), torch.inference_mode():
        seen: Any = denoiser.predicted(image.flatten(1), torch.zeros(1, dtype=torch.int64))
        shape = tuple(seen.shape)
        finite = bool(torch.isfinite(seen).all())
    if shape != (1, image.numel()):
        raise InvalidValueError(
            f"The model {model} gives {shape[-1]} numbers for an image of {image.numel()}.",
            "It must predict noise of the shape of the image.",
        )
    if not finite:
        raise InvalidValueError(f"The model {model} predicts numbers that are not finite.")


def fine_tuned(config: DenoisingConfig) -> Denoiser:
    """What `sandbox.api.Task.pretrained` gives: the model whose images are actions.

    Raises:
        MisfitError: Where actions are noise that is added to the pre-trained model's own mean.
    """
    if config.action == "noise":
        raise MisfitError(
            "With config.action=noise the pre-trained model is part of the environment and not fine-tuned.",
            "Take config.action=image, or an algorithm that learns from actions alone, such as ppo.",
        )
    return make_denoiser(config)


@lru_cache(maxsize=8)
def reference(config: DenoisingConfig) -> tuple[ReferenceMeans, Denoiser]:
    """The pre-trained model for arrays, and its constants; made once a process, as nothing changes it."""
    denoiser = make_denoiser(config)
    return ReferenceMeans(denoiser), denoiser


@lru_cache(maxsize=1)
def reward_classifier() -> RewardClassifier:
    """The classifier that rewards."""
    net = RewardClassifier()
    read_weights(net, DATA / "reward.safetensors")
    return net


@lru_cache(maxsize=1)
def judge_classifier() -> JudgeClassifier:
    """The classifier that judges."""
    net = JudgeClassifier()
    read_weights(net, DATA / "judge.safetensors")
    return net


def log_odds(net: nn.Module, images: Array, features: bool = False) -> Array:
    """What a classifier (or its features) makes of images ``(n, 64)``; shape ``(n, 10)`` (or ``(n, 16)``)."""
    with torch.inference_mode():
        rows = torch.from_numpy(np.ascontiguousarray(images, np.float32))
        result: Any = net.features(rows) if features else net(rows)  # type: ignore[operator]
    array: Array = result.numpy().astype(np.float64)
    return array


def read_weights(net: nn.Module, path: Path) -> None:
    """Load weights of half precision into a network, which is no longer trained.

    Raises:
        BrokenFileError: If they do not fit.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        net.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise BrokenFileError(path, f"cannot be read as weights: {error}") from error
    net.eval().requires_grad_(False)


def _names_code(model: str) -> bool:
    """Whether a model is named as ``module:function`` and not by a file."""
    return ":" in model and not Path(model).exists()


def _call(reference_: str) -> nn.Module:
    """What a user's function makes, which the user has named on the command line."""
    make = load_function(reference_, "config.model")
    with code_of_user(reference_):
        made = make()
    if not isinstance(made, nn.Module):
        raise InvalidValueError(
            f"{reference_[:80]}() gives a {type(made).__name__}.",
            "It must give a torch module: image (n, channels, height, width) and timestep (n,) to noise.",
        )
    return made


def _diffusers(weights: Path) -> tuple[nn.Module, tuple[int, ...], Any]:
    """A U-Net of diffusers from its safetensors file, and the noise schedule beside it.

    Args:
        weights: In the folder of a ``UNet2DModel``, or in the folder ``unet`` of a pipeline that has a
            folder ``scheduler`` beside it. No pickle is read.
    """
    try:
        diffusers: Any = import_module("diffusers")
    except ImportError as error:
        raise MissingExtraError("A model of diffusers", ["diffusers"], "diffusion") from error
    folder = weights.parent
    try:
        network, loading = diffusers.UNet2DModel.from_pretrained(
            folder,
            use_safetensors=True,
            local_files_only=True,
            low_cpu_mem_usage=False,
            output_loading_info=True,
        )
        scheduler = folder.parent / "scheduler"
        if (scheduler / "scheduler_config.json").is_file():
            # The process is told by the levels alone; which sampler the pipeline prefers does not matter.
            document = json.loads((scheduler / "scheduler_config.json").read_text(encoding="utf-8"))
            process = diffusers.DDPMScheduler.from_config(document)
        else:
            process = diffusers.DDPMScheduler()
    except (OSError, ValueError, TypeError, RuntimeError, KeyError, NotImplementedError) as error:
        raise BrokenFileError(weights, f"cannot be read as a UNet2DModel of diffusers: {error}") from error
    if loading["missing_keys"]:  # diffusers would go on with random numbers in their place
        missing = sorted(loading["missing_keys"])
        raise BrokenFileError(weights, f"lacks {len(missing)} of the network's tensors, such as {missing[0]}")
    size = network.config.sample_size
    if network.config.class_embed_type is not None or network.config.num_class_embeds is not None:
        raise BrokenFileError(weights, "is a model with classes; only unconditional ones are taken")
    if network.config.out_channels != network.config.in_channels:
        raise BrokenFileError(weights, "predicts variances as well, which is not supported")
    height, width = (size, size) if isinstance(size, int) else (size or (0, 0))
    return network, (int(network.config.in_channels), int(height), int(width)), process
