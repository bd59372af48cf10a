"""What the domain of denoising offers; importing this file loads neither NumPy nor torch."""

from __future__ import annotations

from sandbox.api import Baseline, Domain, Metric, Task, View

JUDGED = Metric(
    "judged",
    "1",
    "higher",
    "the digit's probability by a classifier that takes no part in the reward; else the goal itself",
)
GOAL = Metric("goal", "1", "higher", "what was rewarded, of the finished image")
KL = Metric(
    "kl",
    "nats",
    "lower",
    "distance from the pre-trained model: sum of the steps' log-density ratios; in expectation the KL "
    "divergence of a policy that draws with the model's standard deviations",
)
FRECHET = Metric(
    "frechet",
    "1",
    "lower",
    "squared Fréchet distance of the judge's features from those of real digits (of the goal's digit); for "
    "other images, of coarse pixels from the pre-trained model's",
)
DIVERSITY = Metric(
    "diversity", "1", "higher", "mean distance between images, as a share of the pre-trained model's"
)

_BEST_OF = "Best of n: n ways to finish each image are drawn, and the one that earns most is taken"
BASELINES = (
    Baseline(
        "pretrained",
        "sandbox_diffusion.baselines:pretrained",
        "draws from the pre-trained model",
        "Song et al. 2021, Denoising diffusion implicit models, arXiv 2010.02502",
    ),
    Baseline("best-of-4", "sandbox_diffusion.baselines:best_of_4", f"{_BEST_OF}; n = 4"),
    Baseline("best-of-16", "sandbox_diffusion.baselines:best_of_16", f"{_BEST_OF}; n = 16"),
    Baseline("best-of-64", "sandbox_diffusion.baselines:best_of_64", f"{_BEST_OF}; n = 64"),
)
SAMPLES = View(
    "samples", "sandbox_diffusion.views:samples", "the finished images of every agent, side by side"
)
STEPS = View(
    "steps", "sandbox_diffusion.views:steps", "some images of every agent after every denoising step"
)
REPLAY = View("replay", "sandbox_diffusion.views:replay", "the denoising for the web page", ("json",))

DDPO = "Black et al. 2023, Training diffusion models with reinforcement learning, arXiv 2305.13301"
DDIM = "Song et al. 2021, Denoising diffusion implicit models, arXiv 2010.02502"
DIGITS = "Alpaydin & Kaynak 1998, Optical recognition of handwritten digits, UCI repository, CC BY 4.0"

IMAGES = Task(
    name="images",
    version=1,
    title="Denoising a set of images, judged together",
    config="sandbox_diffusion.config:SetConfig",
    make="sandbox_diffusion.env:make_set",
    make_vec="sandbox_diffusion.env:make_set_vec",
    observation_fields="sandbox_diffusion.env:observation_fields",
    rewards="sandbox_diffusion.reward:SET_REWARDS",
    default_reward="goal",
    transition="sandbox_diffusion.reward:Transition",
    metrics=(FRECHET, JUDGED, GOAL, DIVERSITY, KL),
    agents="parallel",
    cheap=True,
    max_num_envs=16,
    resume="state",
    baselines=BASELINES,
    views=(SAMPLES, STEPS, REPLAY),
    pretrained="sandbox_diffusion.networks.load:fine_tuned",
    sources=(DDPO, DDIM, DIGITS),
    small={"images": 3, "steps": 4},
)

IMAGE = Task(
    name="image",
    version=1,
    title="Denoising one image",
    config="sandbox_diffusion.config:DenoisingConfig",
    make="sandbox_diffusion.env:make",
    make_vec="sandbox_diffusion.env:make_vec",
    observation_fields="sandbox_diffusion.env:observation_fields",
    rewards="sandbox_diffusion.reward:REWARDS",
    default_reward="goal",
    transition="sandbox_diffusion.reward:Transition",
    metrics=(JUDGED, GOAL, KL),
    cheap=True,
    resume="state",
    baselines=BASELINES,
    views=(SAMPLES, STEPS, REPLAY),
    pretrained="sandbox_diffusion.networks.load:fine_tuned",
    sources=(DDPO, DDIM, DIGITS),
    small={"steps": 4},
)

domain = Domain(
    name="diffusion",
    title="Training diffusion models by reward",
    tasks=(IMAGES, IMAGE),
    default_scenario="diffusion/eight",
    requires=("torch", "safetensors", "sklearn", "pettingzoo"),
    extra="diffusion",
    sources=(DDPO, DDIM, DIGITS),
)
