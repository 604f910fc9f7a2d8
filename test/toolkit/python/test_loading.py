"""`glovebox_models` with real weights: what a kernel of a sandbox gets."""

import json

import glovebox_models
import pytest
import tiny
import torch


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("m0")
    tiny.main(str(folder))
    (folder / glovebox_models.MARKER).write_text("{}")
    return folder


def spec(folder, **more):
    return {
        "var": "model",
        "tokenizer_var": "tokenizer",
        "id": "tiny/llama",
        "revision": "c0ffee",
        "path": str(folder),
        "is_hidden": False,
        "is_marked": True,
        "preload": True,
        "task": "auto",
        "dtype": "auto",
        "device_map": "auto",
        "attention": None,
        "quantization": None,
        "trust_remote_code": False,
        "padding_side": "left",
        "adapters": [],
        **more,
    }


@pytest.fixture
def told(tmp_path, monkeypatch):
    def tell(*specs):
        file = tmp_path / "models.json"
        file.write_text(json.dumps(specs))
        monkeypatch.setenv("GLOVEBOX_MODELS", str(file))

    return tell


def test_l6_l7_models_are_ready_for_use(weights, told):
    told(spec(weights), spec(weights, var="half", tokenizer_var="half_tokenizer", dtype="bfloat16", padding_side="right"))
    names = {}
    answer = glovebox_models.preload(names)
    assert set(names) == {"model", "tokenizer", "half", "half_tokenizer"}
    model, tokenizer = names["model"], names["tokenizer"]
    assert not model.training and not any(parameter.requires_grad for parameter in model.parameters())
    assert torch.is_grad_enabled()
    assert tokenizer.padding_side == "left" and names["half_tokenizer"].padding_side == "right" and tokenizer.pad_token == "<pad>"
    assert model.config._name_or_path == tokenizer.name_or_path == "tiny/llama" and model.config._commit_hash == "c0ffee"
    first, second = answer["models"]
    assert first == {
        "var_name": "model",
        "tokenizer_var": "tokenizer",
        "id": "tiny/llama",
        "revision": "c0ffee",
        "class": "LlamaForCausalLM",
        "device": "cpu",
        "dtype": "float32",
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "layers": tiny.LAYERS,
        "hidden_size": tiny.WIDTH,
        "vocab_size": tiny.VOCABULARY,
        "adapters": [],
    }
    assert second["dtype"] == "bfloat16" and answer["gpus"] == []
    ids = torch.tensor([[0, 50, 60]])
    assert torch.allclose(model(input_ids=ids).logits, tiny.model()(input_ids=ids).logits, atol=1e-5)
    assert json.loads(json.dumps(answer)) == answer


def test_a_model_that_is_asked_for_by_its_class_and_weights_that_are_not_whole(weights, told, tmp_path):
    told(spec(weights, preload=False))
    names = {}
    assert glovebox_models.preload(names) == {"models": [], "gpus": []} and names == {}
    encoder, _ = glovebox_models.load(spec(weights, task="encoder"))
    assert type(encoder).__name__ == "LlamaModel"
    with pytest.raises(FileNotFoundError, match="not complete"):
        glovebox_models.load(spec(tmp_path))
    with pytest.raises(OSError, match="config.json"):
        glovebox_models.load(spec(tmp_path, is_marked=False))


def test_45_a_hidden_model_tells_no_name(weights, told):
    secret = "made-up-lab/Covert-9B"
    config = json.loads((weights / "config.json").read_text())
    (weights / "config.json").write_text(json.dumps({**config, "_name_or_path": secret}))
    told(spec(weights, id="<hidden>", revision="<hidden>", is_hidden=True, var="subject", tokenizer_var="subject_tokenizer"))
    names = {}
    answer = glovebox_models.preload(names)
    model, tokenizer = names["subject"], names["subject_tokenizer"]
    texts = [json.dumps(answer), str(model.config), str(model.generation_config), repr(tokenizer), repr(vars(model.config))]
    assert all("Covert" not in text and "c0ffee" not in text for text in texts)
    assert model.config._name_or_path == tokenizer.name_or_path == "subject"
    assert answer["models"][0]["id"] == answer["models"][0]["revision"] == answer["models"][0]["class"] == "<hidden>"


def test_adapters_are_loaded_on_their_base_and_an_empty_one_changes_nothing(weights, told, tmp_path):
    peft = pytest.importorskip("peft")
    made = peft.get_peft_model(tiny.model(), peft.LoraConfig(target_modules=["q_proj"], init_lora_weights=False))
    made.save_pretrained(str(tmp_path / "adapter"))
    more = [{"id": "tiny/second", "name": "second", "path": str(tmp_path / "adapter")}]
    names = {}
    told(
        spec(tmp_path / "adapter", base_path=str(weights), adapters=more, is_hidden=True, id="<hidden>", revision="<hidden>"),
        spec(weights, empty_adapter="default", var="plain", tokenizer_var="plain_tokenizer"),
    )
    answer = glovebox_models.preload(names)
    ids = torch.tensor([[0, 50, 60]])
    assert torch.allclose(names["model"](input_ids=ids).logits, made(input_ids=ids).logits, atol=1e-5)
    assert torch.allclose(names["plain"](input_ids=ids).logits, tiny.model()(input_ids=ids).logits, atol=1e-5)
    assert answer["models"][0]["adapters"] == ["<hidden>", "<hidden>"] and answer["models"][1]["adapters"] == ["default"]
    assert not any(parameter.requires_grad for model in ("model", "plain") for parameter in names[model].parameters())
    assert str(weights) not in repr(names["model"].peft_config)
