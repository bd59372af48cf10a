"""What the registry loads: cheap, without torch and Numba."""

from sandbox.api.algorithm import Algorithm, Capabilities

alphazero = Algorithm(
    name="alphazero",
    family="model-based",
    backend="sandbox",
    capabilities=Capabilities(
        observation_spaces=frozenset({"Box"}),
        action_spaces=frozenset({"Discrete"}),
        masks=True,
        agents=frozenset({"parallel"}),
        search=True,
        on_policy=False,
        exact_resume=True,
    ),
    config="sandbox.backends.alphazero.config:AlphaZeroConfig",
    train="sandbox.backends.alphazero.train:train",
    load="sandbox.backends.alphazero.policy:load",
    requires=("torch", "safetensors", "numba"),
    extra="games",
    description="Self-play: a search improves on the network's moves, and the network learns them.",
    sources=(
        "Silver et al. (2018), A general reinforcement learning algorithm that masters chess, shogi and Go "
        "through self-play, Science 362:1140-1144",
        "Danihelka et al. (2022), Policy improvement by planning with Gumbel, ICLR",
        "Wu (2019), Accelerating self-play learning in Go, arXiv 1902.10565",
    ),
)
