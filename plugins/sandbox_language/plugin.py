"""What the domain of language offers; importing this file loads neither NumPy nor torch."""

from __future__ import annotations

from sandbox.api import Baseline, Domain, Metric, Task, View

TRUE = Metric(
    "true_reward",
    "points",
    "higher",
    "what people think of the text, −4 to 4, by ratings that no reward model has seen; 0 for what is no "
    "sentence. "
    "With preferences of your own: a second reward model's value, fitted to held-out comparisons",
)
RATING = Metric("rating", "points", "higher", "the same, sentence or not: the mean of its rated words")
SCORE = Metric(
    "score", "1", "higher", "value of the reward model, in standard deviations of the model's texts"
)
KL = Metric(
    "kl",
    "nats",
    "lower",
    "distance from the pre-trained model: sum over tokens of the log-ratio of probabilities, in "
    "expectation the KL "
    "divergence; −log π₀ for agents that do not say with which probability they draw",
)
SENTENCES = Metric(
    "sentences",
    "1",
    "higher",
    "share of texts that are sentences of the corpus's grammar; else that end by themselves",
)
PERPLEXITY = Metric("perplexity", "1", "lower", "of the texts under the pre-trained model, per token")
DISTINCT_1 = Metric(
    "distinct_1", "1", "higher", "different tokens as a share of all, over the episode's texts"
)
DISTINCT_2 = Metric("distinct_2", "1", "higher", "the same of pairs of neighbouring tokens")
LENGTH = Metric("length", "tokens", "higher", "mean tokens of a text, without its prompt")
METRICS = (TRUE, SCORE, KL, RATING, SENTENCES, PERPLEXITY, DISTINCT_1, DISTINCT_2, LENGTH)

_BEST_OF = "Best of n: n texts are drawn, and the one that the reward model likes most is taken"
BASELINES = (
    Baseline(
        "pretrained",
        "sandbox_language.baselines:pretrained",
        "draws from the model before any fine-tuning",
        "Radford et al. 2019, Language models are unsupervised multitask learners",
    ),
    Baseline(
        "best-of-8",
        "sandbox_language.baselines:best_of_8",
        f"{_BEST_OF}; n = 8",
        "Stiennon et al. 2020, arXiv 2009.01325",
    ),
    Baseline("best-of-64", "sandbox_language.baselines:best_of_64", f"{_BEST_OF}; n = 64"),
)
TEXTS_VIEW = View(
    "texts", "sandbox_language.views:texts", "some texts of every agent with what they are worth"
)
REPLAY = View("replay", "sandbox_language.views:replay", "the writing for the web page", ("json",))

CHRISTIANO = "Christiano et al. 2017, Deep reinforcement learning from human preferences, arXiv 1706.03741"
STIENNON = "Stiennon et al. 2020, Learning to summarize from human feedback, arXiv 2009.01325"
OUYANG = "Ouyang et al. 2022, Training language models to follow instructions, arXiv 2203.02155"
GAO = "Gao et al. 2023, Scaling laws for reward model overoptimization, arXiv 2210.10760"
VADER = "Hutto & Gilbert 2014, VADER, ICWSM: ten human ratings a word, MIT licence"
SOURCES = (CHRISTIANO, STIENNON, OUYANG, GAO, VADER)

DECLARES = {
    "baselines-only-look": "agents declare to the environment with which probability they draw, which is "
    "what makes the term kl: the same tokens from an agent that declares nothing have another",
}

TEXTS = Task(
    name="texts",
    version=1,
    title="Writing several texts on one prompt, measured together",
    config="sandbox_language.config:TextsConfig",
    make="sandbox_language.env:make_texts",
    make_vec="sandbox_language.env:make_texts_vec",
    observation_fields="sandbox_language.env:observation_fields",
    rewards="sandbox_language.reward:REWARDS",
    default_reward="score",
    transition="sandbox_language.reward:Transition",
    metrics=METRICS,
    agents="parallel",
    cheap=True,
    max_num_envs=64,
    resume="state",
    baselines=BASELINES,
    views=(TEXTS_VIEW, REPLAY),
    pretrained="sandbox_language.networks.load:make_model",
    sources=SOURCES,
    small={"texts": 3, "tokens": 5},
    expected_failures=DECLARES,
)

TEXT = Task(
    name="text",
    version=1,
    title="Writing a text",
    config="sandbox_language.config:LanguageConfig",
    make="sandbox_language.env:make",
    make_vec="sandbox_language.env:make_vec",
    observation_fields="sandbox_language.env:observation_fields",
    rewards="sandbox_language.reward:REWARDS",
    default_reward="score",
    transition="sandbox_language.reward:Transition",
    metrics=METRICS,
    cheap=True,
    resume="state",
    baselines=BASELINES,
    views=(TEXTS_VIEW, REPLAY),
    pretrained="sandbox_language.networks.load:make_model",
    sources=SOURCES,
    small={"tokens": 5},
    expected_failures={
        **DECLARES,
        "no-constant-observation": "every text begins with the token that marks the beginning",
        "baseline-beats-random": "the model before writes as many bad reviews as good ones, so its mean is "
        "near the 0 of what is no sentence",
    },
)

domain = Domain(
    name="language",
    title="Fine-tuning language models by preferences",
    tasks=(TEXTS, TEXT),
    default_scenario="language/reviews",
    requires=("torch", "safetensors", "transformers", "tokenizers", "vaderSentiment", "pettingzoo"),
    extra="language",
    sources=SOURCES,
)
