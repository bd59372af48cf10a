"""A user's own network, diffusers folder and reward."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusion_support import image_env, set_env

from sandbox.api import BrokenFileError, InvalidValueError, MisfitError
from sandbox.registry.allowed import PLUGINS_VARIABLE, allow_modules
from sandbox.scenarios.resolve import load_scenario
from sandbox_diffusion.config import DenoisingConfig
from sandbox_diffusion.networks.load import make_denoiser

TINY = "diffusion_support:tiny_unet"
REDNESS = "diffusion_support:redness"


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an unconditional pipeline of diffusers with a tiny U-Net for colour images."""
    diffusers = pytest.importorskip("diffusers")
    torch.manual_seed(0)
    network = diffusers.UNet2DModel(
        sample_size=8,
        in_channels=3,
        out_channels=3,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    )
    scheduler = diffusers.DDPMScheduler(
        num_train_timesteps=400, beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction"
    )
    folder = tmp_path_factory.mktemp("pipeline")
    diffusers.DDPMPipeline(network, scheduler).save_pretrained(folder)
    return folder


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ``--allow diffusion_support`` does."""
    monkeypatch.setenv(PLUGINS_VARIABLE, "")
    allow_modules(["diffusion_support"])


def settings(**config: Any) -> list[str]:
    """Pairs for ``--set``."""
    return [f"config.{name}={json.dumps(value)}" for name, value in config.items()]


def test_a_pipeline_of_diffusers_is_taken_by_its_folder(pipeline: Path) -> None:
    config = DenoisingConfig(model=str(pipeline), goal="brightness", steps=5)
    denoiser = make_denoiser(config)
    assert config.model.endswith("unet/diffusion_pytorch_model.safetensors")
    assert denoiser.shape == (3, 8, 8)
    assert denoiser.prediction == "v_prediction"
    assert denoiser.timesteps.tolist() == [399, 299, 200, 100, 0]
    assert denoiser(torch.randn(2, 192), torch.tensor([0, 4])).shape == (2, 192)
    assert float(denoiser.signal[-1]) > 0.999


def test_the_network_of_a_pipeline_is_the_one_that_was_saved(pipeline: Path) -> None:
    from diffusers import UNet2DModel

    denoiser = make_denoiser(DenoisingConfig(model=str(pipeline / "unet"), goal="brightness", steps=5))
    saved = UNet2DModel.from_pretrained(pipeline / "unet")
    image = torch.randn(2, 3, 8, 8)
    expected = saved(image, torch.tensor([399, 399])).sample
    torch.testing.assert_close(denoiser.network(image, torch.tensor([399, 399])).sample, expected)


def test_a_set_of_a_pipelines_images_is_measured_against_the_pipeline(pipeline: Path) -> None:
    env = set_env(model=str(pipeline), goal="compressibility", steps=2, images=4)
    env.reset(seed=0)
    for _ in range(2):
        actions = {agent: np.full(192, 0.5, np.float32) for agent in env.possible_agents}
        *_, infos = env.step(actions)
    metrics = infos["image_0"]["metrics"]
    assert metrics["diversity"] == pytest.approx(0.0, abs=1e-6)
    assert metrics["goal"] == metrics["judged"] < 0.0
    assert metrics["frechet"] > 0.0


@pytest.mark.usefixtures("allowed")
def test_a_users_network_and_goal_are_taken_once_their_module_is_allowed() -> None:
    scenario = load_scenario("diffusion/eight-image", settings(model=TINY, goal=REDNESS, steps=3))
    denoiser = make_denoiser(scenario.config)  # type: ignore[arg-type]
    assert denoiser.shape == (3, 6, 6)
    env = image_env(**scenario.config.model_dump())
    env.reset(seed=0)
    red = np.concatenate([np.ones(36), -np.ones(72)]).astype(np.float32)
    env.step(red)
    env.step(red)
    *_, info = env.step(red)
    assert info["metrics"]["goal"] == pytest.approx(1.0)


@pytest.mark.parametrize("key", ["model", "goal"])
def test_modules_that_nobody_allowed_are_refused(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PLUGINS_VARIABLE, "")
    with pytest.raises(InvalidValueError, match="no file may have the module os imported") as refused:
        load_scenario("diffusion/eight-image", [f"config.{key}=os:getcwd"])
    assert "--allow os" in refused.value.hint


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="gives a int"):
        make_denoiser(DenoisingConfig(model="diffusion_support:nothing"))


@pytest.mark.parametrize(
    ("goal", "message"),
    [
        ("mistaken", "diffusion_support:mistaken fails with ValueError: my own mistake"),
        ("words", "diffusion_support:words fails with ValueError: could not convert"),
        ("three", "is 'diffusion_support:three', a int and no function"),
        ("absent", "is 'diffusion_support:absent', which is not there"),
        ("undefined", "diffusion_support:undefined gives nan for an image"),
    ],
)
def test_what_goes_wrong_in_a_users_goal_is_said_to_be_its_own(goal: str, message: str) -> None:
    def draw() -> None:
        env = image_env(goal=f"diffusion_support:{goal}", steps=2)
        env.reset(seed=0)
        for _ in range(2):
            env.step(np.zeros(64, np.float32))

    with pytest.raises(InvalidValueError, match=message):
        draw()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("mistaken", "diffusion_support:mistaken fails with TypeError"),
        ("halved", "gives 32 numbers for an image of 64"),
        ("unsound", "diffusion_support:unsound fails with RuntimeError: inside the network"),
        ("undefined_net", "predicts numbers that are not finite"),
        ("rising", "The noise levels of the model diffusion_support:rising are none"),
        ("shapeless", "diffusion_support:shapeless fails with TypeError"),
    ],
)
def test_a_users_network_that_cannot_be_used_is_refused_before_it_is_trained(
    model: str, message: str
) -> None:
    with pytest.raises(InvalidValueError, match=message):
        make_denoiser(DenoisingConfig(model=f"diffusion_support:{model}", goal="brightness", steps=2))


@pytest.mark.parametrize(
    ("text", "message"), [("def (", "fails with SyntaxError"), ("1 / 0", "fails with ZeroDivisionError")]
)
def test_a_module_that_cannot_be_imported_is_named(
    text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"broken_{len(text)}"
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InvalidValueError, match=f"{name}:goal {message}"):
        image_env(goal=f"{name}:goal")


def test_weights_of_another_network_are_not_filled_up_at_random(pipeline: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    (tmp_path / "config.json").write_text((pipeline / "unet" / "config.json").read_text())
    weights = load_file(pipeline / "unet" / "diffusion_pytorch_model.safetensors")
    del weights["conv_in.weight"]
    save_file(weights, tmp_path / "diffusion_pytorch_model.safetensors", {"format": "pt"})
    with pytest.raises(BrokenFileError, match=r"lacks 1 of the network's tensors, such as conv_in\.weight"):
        make_denoiser(DenoisingConfig(model=str(tmp_path), goal="brightness"))


def test_digits_are_no_goal_of_a_users_network() -> None:
    with pytest.raises(MisfitError, match=r"\(3, 6, 6\)") as refused:
        image_env(model=TINY)
    assert "brightness" in refused.value.hint


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds neither unet/diffusion_pytorch_model\.safetensors"):
        DenoisingConfig(model=str(tmp_path))


def test_a_damaged_file_is_refused(tmp_path: Path, pipeline: Path) -> None:
    weights = tmp_path / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(b"no weights")
    (tmp_path / "config.json").write_text((pipeline / "unet" / "config.json").read_text())
    with pytest.raises(BrokenFileError, match="cannot be read as a UNet2DModel"):
        make_denoiser(DenoisingConfig(model=str(weights), goal="brightness"))


def test_weights_in_a_pickle_are_not_read(tmp_path: Path, pipeline: Path) -> None:
    (tmp_path / "config.json").write_text((pipeline / "unet" / "config.json").read_text())
    torch.save({}, tmp_path / "diffusion_pytorch_model.bin")
    with pytest.raises(ValueError, match="holds neither"):
        DenoisingConfig(model=str(tmp_path))
    with pytest.raises(BrokenFileError):
        make_denoiser(DenoisingConfig(model=str(tmp_path / "diffusion_pytorch_model.bin"), goal="brightness"))


def test_more_steps_than_noise_levels_are_refused(pipeline: Path) -> None:
    with pytest.raises(InvalidValueError, match="knows 400 noise levels"):
        make_denoiser(DenoisingConfig(model=str(pipeline), goal="brightness", steps=500))
