"""Trains the networks that ship, from scikit-learn's digits.

    python -m sandbox_diffusion.networks.pretrain [--out FOLDER]

Half of the digits (every other one) train the reward's classifier and the denoiser learns from all of them;
the judge learns from the other half, so that an image that fools the one need not fool the other. It takes
a few minutes on one core. Another processor or version of torch gives slightly other weights, which is why
the files ship.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from sandbox_diffusion.digits import load_digits
from sandbox_diffusion.networks.layers import PIXELS, SIDE, DigitDenoiser, JudgeClassifier, RewardClassifier
from sandbox_diffusion.schedule import linear_signal

SEED = 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and write the three files."""
    parser = argparse.ArgumentParser(prog="python -m sandbox_diffusion.networks.pretrain")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "data")
    out: Path = parser.parse_args(arguments).out
    torch.set_num_threads(1)
    digits = load_digits()
    images, labels = torch.from_numpy(digits.images), torch.from_numpy(digits.labels)
    rewarding, judging = slice(0, None, 2), slice(1, None, 2)
    reward, judge = RewardClassifier(), JudgeClassifier()
    torch.manual_seed(SEED)
    reward.apply(_again)
    fit_classifier(reward, images[rewarding], labels[rewarding], epochs=60, moved=False)
    torch.manual_seed(SEED)
    judge.apply(_again)
    fit_classifier(judge, images[judging], labels[judging], epochs=120, moved=True)
    for name, net, held_out in (("reward", reward, judging), ("judge", judge, rewarding)):
        right = (net(images[held_out]).argmax(1) == labels[held_out]).float().mean()
        print(f"{name}: {right:.4f} right of the digits that it did not learn from", flush=True)
        _write(net, out / f"{name}.safetensors")
    torch.manual_seed(SEED)
    denoiser = fit_denoiser(DigitDenoiser(), images, updates=16_000)
    _write(denoiser, out / "denoiser.safetensors")


def fit_classifier(net: nn.Module, images: Tensor, labels: Tensor, epochs: int, moved: bool) -> None:
    """Fit a classifier by cross-entropy.

    Args:
        net: The classifier.
        images: Shape ``(n, 64)``, pixels from −1 to 1.
        labels: Shape ``(n,)``.
        epochs: Passes.
        moved: Whether images are moved by up to a pixel and made noisy.
    """
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        for rows in torch.split(torch.randperm(len(images)), 64):
            batch = _moved(images[rows]) if moved else images[rows]
            loss = nn.functional.cross_entropy(net(batch), labels[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        schedule.step()
    net.eval()


def fit_denoiser(net: DigitDenoiser, images: Tensor, updates: int) -> DigitDenoiser:
    """Fit a denoiser to predict noise (Ho et al. 2020, algorithm 1); returns the average of its weights.

    Args:
        net: The denoiser.
        images: Shape ``(n, 64)``, pixels from −1 to 1.
        updates: Gradient steps with batches of 256.
    """
    signal = torch.from_numpy(linear_signal()).float()
    averaging = torch.optim.swa_utils.get_ema_multi_avg_fn(0.999)  # type: ignore[no-untyped-call]
    average = torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=averaging)
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, updates, pct_start=0.05)
    losses = []
    for update in range(updates):
        clean = images[torch.randint(len(images), (256,))].view(-1, 1, SIDE, SIDE)
        level = torch.randint(len(signal), (256,))
        noise, kept = torch.randn_like(clean), signal[level].view(-1, 1, 1, 1)
        loss = (net(kept.sqrt() * clean + (1 - kept).sqrt() * noise, level) - noise).square().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average.update_parameters(net)
        losses.append(loss.item())
        if (update + 1) % 2000 == 0:
            print(f"denoiser: update {update + 1}, loss {sum(losses[-2000:]) / 2000:.4f}", flush=True)
    averaged = average.module
    assert isinstance(averaged, DigitDenoiser)
    return averaged.eval()


def _moved(images: Tensor) -> Tensor:
    """A third of the batches moved by up to a pixel; all with noise of a random size."""
    grid = images.view(-1, SIDE, SIDE)
    if torch.rand(()) < 1 / 3:
        down, right = (int(shift) for shift in torch.randint(-1, 2, (2,)))
        grid = torch.roll(grid, (down, right), (1, 2))
    noisy = grid + 0.2 * torch.rand(len(grid), 1, 1) * torch.randn_like(grid)
    return noisy.reshape(-1, PIXELS)


def _again(module: nn.Module) -> None:
    """Draw a layer's first weights from the generator as it is now."""
    if isinstance(module, nn.Linear | nn.Conv2d):
        module.reset_parameters()


def _write(net: nn.Module, path: Path) -> None:
    """Weights in half precision, as they ship."""
    save_file({name: value.half().contiguous() for name, value in net.state_dict().items()}, path)


if __name__ == "__main__":
    main()
