"""What is written about the functions runs: the examples of their docstrings, and the code of the skill, in a notebook's order."""

import ast
import functools
import inspect
import re
from pathlib import Path

import glovebox_interp as interp
import pytest
import tiny
import torch
from test_saes import Sae

ROOT = Path(__file__).parents[3]
SKILL = ROOT / "plugin/skills/interpretability/SKILL.md"
FUNCTIONS = [name for name in interp.__all__ if inspect.isfunction(getattr(interp, name))]
# Need what is not here; what they answer without it is tested elsewhere.
ELSEWHERE = {"adapter", "probe", "as_nnsight", "as_transformer_lens"}


@pytest.fixture
def names(tmp_path, monkeypatch):
    """What a notebook holds after its first cells."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outputs").mkdir()
    texts = ["I like it", "You like it"]
    vector = torch.randn(tiny.WIDTH, generator=torch.Generator().manual_seed(1))
    sae = Sae()
    return {
        **{name: getattr(interp, name) for name in interp.__all__},
        "generate": functools.partial(interp.generate, max_new_tokens=3),
        **{name: texts for name in ("prompts", "happy", "refused")},
        **{name: texts[::-1] for name in ("sad", "answered")},
        **{name: vector for name in ("vector", "refusal", "other")},
        "model": SmallSteps(12),
        "tokenizer": tiny.tokenizer(),
        "sae": sae,
    }


def SmallSteps(layers):
    """A model of as many blocks as examples speak of."""
    import transformers

    torch.manual_seed(0)
    sizes = tiny._sizes(num_key_value_heads=2, num_hidden_layers=layers + 1)
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes)).eval().requires_grad_(False)


def run(code, names):
    exec(compile(code, "example", "exec"), names)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_k9_every_function_has_one_example_and_it_runs(name, names):
    text = inspect.getdoc(getattr(interp, name)) or ""
    lines = re.findall(r"^(?:>>>|\.\.\.) ?(.*)$", text, re.M)
    assert lines, name
    code = "\n".join(lines)
    ast.parse(code)
    if name in ELSEWHERE:
        return
    if name == "ablate_latents" or name == "steer_latents":
        code = code.replace("4242", "42")
    if name == "feature_diff":
        code = code.replace("[0].index", "")
    if name == "load_vector":
        run('save_vector("outputs/refusal.safetensors", vector, model, 3)', names)
    run(code, names)


def test_p2_the_code_of_the_skill_runs(names):
    blocks = re.findall(r"```python\n(.*?)```", SKILL.read_text(), re.S)
    assert len(blocks) == 4
    for block in blocks:
        run(block.replace("max_new_tokens=20", "max_new_tokens=3"), names)
    assert len(names["answers"]) == 2 and names["without"] and interp.active_hooks(names["model"]) == []


def test_a_wrapper_says_what_it_needs(models, tokenizer):
    with pytest.raises(ValueError, match="second copy of the weights, 0.0 GB more"):
        interp.as_transformer_lens(models("llama"), tokenizer)
