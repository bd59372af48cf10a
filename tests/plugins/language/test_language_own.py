"""A user's own model and preferences, and what is refused of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from language_support import play, preference_file, several_envs, text_env, tiny_model

from sandbox.api import BrokenFileError, InvalidValueError
from sandbox_language.baselines import pretrained
from sandbox_language.config import LanguageConfig
from sandbox_language.networks.load import make_model, material
from sandbox_language.networks.reward_model import accuracy, judge_model, reward_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama."""
    return tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def preferences(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty comparisons."""
    return preference_file(tmp_path_factory.mktemp("preferences") / "pairs.jsonl")


def own(model: Path, preferences: Path, **config: object) -> dict[str, object]:
    """Parameters of a task with them."""
    return {"model": str(model), "preferences": str(preferences), "tokens": 4, **config}


def test_a_users_model_and_comparisons_make_an_environment(model: Path, preferences: Path) -> None:
    env = text_env(**own(model, preferences))
    env.reset(seed=0)
    assert env.action_space.n == 10
    assert env.observation_space.shape == (6,)  # two tokens of a prompt and four of a text
    words = env.core.process.text(0)
    assert words in ("the cat", "the dog")
    for token in (5, 7, 9):  # sat well .
        env.step(token)
    _, reward, terminated, _, info = env.step(0)
    assert terminated
    assert env.core.process.text(0) == f"{words} sat well ."
    assert info["metrics"]["sentences"] == 1.0  # it ended by itself
    assert reward == pytest.approx(info["metrics"]["score"])
    assert info["metrics"]["true_reward"] == pytest.approx(
        judge_model(env.config).values(env.core.process.windows)[0]
    )


def test_the_reward_model_learns_the_comparisons_and_is_kept(
    model: Path, preferences: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path))
    config = LanguageConfig(**own(model, preferences))  # type: ignore[arg-type]
    reward_model.cache_clear()
    fitted = reward_model(config)
    assert accuracy(fitted, material(config).held_out) == 1.0
    files = list(tmp_path.rglob("*.safetensors"))
    assert len(files) == 1
    reward_model.cache_clear()
    again = reward_model(config)
    for name, value in fitted.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=0, atol=0)
    # Another number of pairs is another reward model.
    reward_model(LanguageConfig(**own(model, preferences, pairs=12)))  # type: ignore[arg-type]
    assert len(list(tmp_path.rglob("*.safetensors"))) == 2


def test_its_texts_are_measured_together(model: Path, preferences: Path) -> None:
    envs = several_envs(2, **own(model, preferences), texts=4)
    metrics = play(envs, pretrained(envs))
    assert metrics["kl"] == pytest.approx([0.0, 0.0], abs=1e-5)
    assert (metrics["length"] <= 4).all()


def test_the_model_is_the_one_that_was_saved(model: Path, preferences: Path) -> None:
    from transformers import AutoModelForCausalLM

    ours = make_model(LanguageConfig(**own(model, preferences)))  # type: ignore[arg-type]
    saved = AutoModelForCausalLM.from_pretrained(model)
    windows = torch.tensor([[2, 3, 5, 10, 10, 10], [2, 4, 6, 7, 9, 0]])
    with torch.no_grad():
        expected = torch.log_softmax(saved(input_ids=windows[1:]).logits, -1)[0]
        short = torch.log_softmax(saved(input_ids=windows[:1, :3]).logits, -1)[0]
        torch.testing.assert_close(ours.log_probs(windows)[1], expected)
        # What fills a window changes nothing before it.
        torch.testing.assert_close(ours.next_log_probs(windows)[0], short[-1])


def test_longer_texts_than_the_model_sees_are_refused(model: Path, preferences: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"up to 42 tokens, but the model .* sees 24"):
        text_env(**own(model, preferences, tokens=40))


def test_weights_in_a_pickle_are_not_read(tmp_path: Path) -> None:
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"holds no model\.safetensors"):
        LanguageConfig(model=str(tmp_path))
    with pytest.raises(ValueError, match="neither a folder nor a file"):
        LanguageConfig(model=str(tmp_path / "pytorch_model.bin"))


def test_a_damaged_model_is_refused(model: Path, preferences: Path, tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((model / name).read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(BrokenFileError, match="cannot be read as a causal language model"):
        text_env(**own(tmp_path, preferences))


def test_a_model_without_its_tokeniser_is_refused(model: Path, preferences: Path, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((model / name).read_bytes())
    with pytest.raises(BrokenFileError, match="cannot be read as a tokeniser"):
        text_env(**own(tmp_path, preferences))


def test_code_in_a_models_folder_is_not_run(model: Path, preferences: Path, tmp_path: Path) -> None:
    for path in model.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    document = json.loads((tmp_path / "config.json").read_text())
    document |= {
        "model_type": "mine",
        "auto_map": {"AutoModelForCausalLM": "code.Mine", "AutoConfig": "code.C"},
    }
    (tmp_path / "config.json").write_text(json.dumps(document))
    (tmp_path / "code.py").write_text("raise SystemExit('run')")
    with pytest.raises(BrokenFileError, match="cannot be read as a causal language model"):
        text_env(**own(tmp_path, preferences))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: it is no JSON"),
        ('{"prompt": "the cat", "chosen": "sat"}', "line 2: it needs the texts"),
        ('{"prompt": "the cat", "chosen": "sat", "rejected": ""}', "line 2: it needs the texts"),
        ("[1]", "line 2: it needs the texts"),
    ],
)
def test_lines_that_are_no_comparison_are_refused(
    model: Path, tmp_path: Path, line: str, message: str
) -> None:
    good = '{"prompt": "the cat", "chosen": "sat", "rejected": "ran"}'
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join([good, line, good, good, good]))
    with pytest.raises(BrokenFileError, match=message):
        text_env(**own(model, path))


@pytest.fixture
def copied(model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model, to be spoiled."""
    for path in model.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_weights_of_another_kind_of_model_are_not_filled_up_at_random(
    copied: Path, preferences: Path
) -> None:
    document = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps(document | {"num_hidden_layers": 2}))
    with pytest.raises(BrokenFileError, match=r"lacks 9 of the model's tensors, such as model\.layers\.1"):
        text_env(**own(copied, preferences))


def test_weights_that_are_no_numbers_are_refused(copied: Path, preferences: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(copied / "model.safetensors")
    weights["model.norm.weight"][3] = torch.nan
    save_file(weights, copied / "model.safetensors", {"format": "pt"})
    with pytest.raises(BrokenFileError, match=r"its tensor model\.norm\.weight holds numbers that are not"):
        text_env(**own(copied, preferences))


def test_a_tokeniser_with_more_tokens_than_the_model_is_refused(copied: Path, preferences: Path) -> None:
    document = json.loads((copied / "tokenizer.json").read_text())
    document["model"]["vocab"]["sat"] = 50  # in what people compared, not in a prompt
    (copied / "tokenizer.json").write_text(json.dumps(document))
    with pytest.raises(InvalidValueError, match="has token 50, but the model has 10") as refused:
        text_env(**own(copied, preferences))
    assert "tokenizer.json that belongs to the model" in refused.value.hint


@pytest.mark.parametrize("end", ['"x"', "500", "[[1]]", "1.5"])
def test_an_end_token_that_is_none_is_refused(copied: Path, preferences: Path, end: str) -> None:
    (copied / "generation_config.json").write_text(f'{{"eos_token_id": {end}}}')
    with pytest.raises(BrokenFileError, match=r"end token|cannot be read"):
        text_env(**own(copied, preferences))


def test_too_few_comparisons_are_refused(model: Path, tmp_path: Path) -> None:
    path = preference_file(tmp_path / "pairs.jsonl", count=3)
    with pytest.raises(BrokenFileError, match="holds 3 comparisons"):
        text_env(**own(model, path))


def test_prompts_of_the_file_are_drawn(model: Path, preferences: Path) -> None:
    env = text_env(**own(model, preferences))
    seen = set()
    for seed in range(8):
        env.reset(seed=seed)
        seen.add(env.core.process.text(0))
    assert seen == {"the cat", "the dog"}
    assert np.isfinite(reward_model(env.config).values(env.core.process.windows)).all()
