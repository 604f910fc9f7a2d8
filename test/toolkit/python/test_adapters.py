"""PEFT models: functions look through the wrapper, and adapters are as they were after a block."""

import glovebox_interp as interp
import pytest
import tiny
import torch

peft = pytest.importorskip("peft")

IDS = torch.tensor([[0, 50, 60, 70, 80]])


@pytest.fixture
def wrapped():
    """An untrained adapter that changes nothing, which is active, and two that change much."""
    options = {"target_modules": ["q_proj", "v_proj", "down_proj"], "r": 4}
    model = peft.get_peft_model(tiny.model("llama"), peft.LoraConfig(**options), adapter_name="empty")
    for name in ("first", "second"):
        model.add_adapter(name, peft.LoraConfig(**options, init_lora_weights=False))
    model.eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model


def logits(model):
    return model(input_ids=IDS).logits


def test_44_an_empty_adapter_leaves_logits_and_others_do_not(wrapped):
    base = logits(tiny.model("llama"))
    assert torch.equal(logits(wrapped), base)
    with interp.adapter(wrapped, "first"):
        first = logits(wrapped)
    with interp.adapter(wrapped, "second"):
        second = logits(wrapped)
        with interp.adapter(wrapped, None):
            assert torch.equal(logits(wrapped), base)
            with interp.adapter(wrapped, "first"):
                assert torch.equal(logits(wrapped), first)
            assert torch.equal(logits(wrapped), base)
        assert torch.equal(logits(wrapped), second)
    assert torch.equal(logits(wrapped), base) and not torch.allclose(first, base) and not torch.allclose(first, second)


def test_44_after_an_error_the_former_adapter_is_active_and_nothing_learns(wrapped):
    wrapped.set_adapter("first")
    for parameter in wrapped.parameters():
        parameter.requires_grad_(False)
    before = logits(wrapped)
    for name in ("second", None):
        with pytest.raises(ZeroDivisionError):
            with interp.adapter(wrapped, name):
                assert not any(parameter.requires_grad for parameter in wrapped.parameters())
                1 / 0
        assert wrapped.active_adapter == "first" and torch.equal(logits(wrapped), before)
    assert not any(parameter.requires_grad for parameter in wrapped.parameters())


def test_wrong_names_and_models_without_adapters_are_errors(wrapped):
    with pytest.raises(KeyError, match="empty, first, second"):
        with interp.adapter(wrapped, "third"):
            pass
    with pytest.raises(TypeError, match="no adapters"):
        with interp.adapter(tiny.model("llama"), "first"):
            pass


def test_42_activations_and_steering_of_a_wrapped_model_are_those_of_its_base(wrapped, models, tokenizer):
    vector = torch.ones(tiny.WIDTH)
    for model in (wrapped, models("llama")):
        read = interp.activations(model, tokenizer, ["hello", "a"], [1])[1]
        with interp.steer(model, 1, vector, where="generated"):
            made = interp.generate(model, tokenizer, ["hello", "a"], 5)
        lens = interp.logit_lens(model, tokenizer, "hello")
        if model is wrapped:
            kept = (read, made, lens.logits)
    assert torch.equal(kept[0], read) and kept[1] == made and torch.equal(kept[2], lens.logits)
    assert interp.active_hooks(wrapped) == []
    with interp.adapter(wrapped, "first"):
        assert not torch.allclose(interp.activations(wrapped, tokenizer, "hello", 1)[1], read[:1])


def test_an_oracle_reads_the_activations_of_the_target(wrapped, tokenizer):
    text, question = "a cat", "What?"
    found = interp.probe(wrapped, "first", "second", tokenizer, text, question, max_new_tokens=5, batch_size=4)
    assert [(one.position, one.token) for one in found] == list(enumerate(["<bos>", "a", " ", "c", "a", "t"]))
    # The same by hand for one position: the middle of three blocks is block 2 (round(1.5)), the prompt holds one placeholder.
    with interp.adapter(wrapped, "second"):
        vector = interp.activations(wrapped, tokenizer, text, 2, 3)[2][0]
    ids = interp.encode_chat(tokenizer, [{"role": "user", "content": f"Layer: 2\n ? \n{question}"}]).ids
    at = ids.index(tokenizer(" ?", add_special_tokens=False)["input_ids"][0])
    with interp.adapter(wrapped, "first"), interp.steer(wrapped, 1, vector, mode="add_normed", start=at, end=at + 1):
        assert interp.generate(wrapped, tokenizer, [ids], 5)[0].text == found[3].text
    (together,) = {one.text for one in interp.probe(wrapped, "first", None, tokenizer, text, question, together=True, max_new_tokens=5)}
    assert wrapped.active_adapter == "empty" and isinstance(together, str)
    with pytest.raises(ValueError, match="2 tokens"):
        interp.probe(wrapped, "first", None, tokenizer, text, question, placeholder="##")
