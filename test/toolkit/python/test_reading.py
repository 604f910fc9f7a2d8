"""Activations and the logit lens against plain hooks and the model's own logits."""

import glovebox_interp as interp
import pytest
import tiny
import torch

TEXTS = ["a cat", "the longest of these texts", "hm"]


def plain(model, tokenizer, text, layers):
    """Outputs of blocks for one text alone."""
    kept = {}
    blocks = interp.find_blocks(model)
    handles = [
        blocks[layer].register_forward_hook(
            lambda module, args, output, layer=layer: kept.update({layer: output if isinstance(output, torch.Tensor) else output[0]})
        )
        for layer in layers
    ]
    model(input_ids=torch.tensor([tokenizer(text)["input_ids"]]))
    for handle in handles:
        handle.remove()
    return {layer: hidden[0] for layer, hidden in kept.items()}


def close(a, b):
    torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


def test_42_activations_are_what_a_plain_hook_sees(model, tokenizer):
    wanted = [plain(model, tokenizer, text, [0, 2]) for text in TEXTS]
    last = interp.activations(model, tokenizer, TEXTS, [0, -1])
    each = interp.activations(model, tokenizer, TEXTS, [0, -1], "all", token_budget=1)
    mean = interp.activations(model, tokenizer, TEXTS, 2, "mean")
    some = interp.activations(model, tokenizer, TEXTS, 2, [0, -2])
    assert last.layers == [0, 2] and last[0].shape == (3, tiny.WIDTH) and last[0].dtype == torch.float32
    for line, one in enumerate(wanted):
        for layer in (0, 2):
            close(last[layer][line], one[layer][-1])
            close(each[layer][line], one[layer])
        close(mean[2][line], one[2].mean(0))
        close(some[2][line], one[2][[0, -2]])
    assert each.tokens[0] == ["<bos>", "a", " ", "c", "a", "t"] and each.positions[0] == list(range(6))
    assert last.positions == [[5], [26], [2]] and "1 inputs" not in repr(last)


def test_42_the_last_block_is_read_before_the_norm_and_nothing_behind_the_deepest_runs(model, tokenizer):
    ids = torch.tensor([tokenizer(TEXTS[0])["input_ids"]])
    normed = model(input_ids=ids, output_hidden_states=True).hidden_states[-1][0, -1]
    assert not torch.allclose(interp.activations(model, tokenizer, TEXTS[0], -1)[2][0], normed, atol=1e-2)
    ran = []
    blocks = interp.find_blocks(model)
    handles = [block.register_forward_pre_hook(lambda *_, n=number: ran.append(n)) for number, block in enumerate(blocks)]
    interp.activations(model, tokenizer, TEXTS, [1, 0])
    interp.activations(model, tokenizer, TEXTS, 1, site="attn_out")
    for handle in handles:
        handle.remove()
    assert ran == [0, 1, 0, 1]


def test_sites_add_up_to_the_residual_stream(model, tokenizer):
    read = {site: interp.activations(model, tokenizer, TEXTS, 1, site=site)[1] for site in ("block_in", "attn_out", "mlp_out", "block_out")}
    close(read["block_in"] + read["attn_out"] + read["mlp_out"], read["block_out"])


def test_numbers_are_numpys_and_gradients_stay(models, tokenizer):
    half = tiny.model("llama").to(torch.bfloat16)
    assert interp.activations(half, tokenizer, TEXTS, 0)[0].numpy().dtype == "float32"
    assert torch.is_grad_enabled()


def test_wrong_places_are_errors(models, tokenizer):
    model = models("llama")
    with pytest.raises(IndexError, match="position 6 of an input with 6 tokens"):
        interp.activations(model, tokenizer, TEXTS[0], 0, 6)
    with pytest.raises(ValueError, match="block_out, block_in, attn_out, mlp_out"):
        interp.activations(model, tokenizer, TEXTS[0], 0, site="somewhere")
    with pytest.raises(ValueError, match="input 0 has no tokens"):
        interp.activations(model, tokenizer, [[]], 0)


def test_reading_inside_steering_sees_it(models, tokenizer):
    model = models("llama")
    vector = torch.ones(tiny.WIDTH)
    before = interp.activations(model, tokenizer, TEXTS, 1)[1]
    with interp.steer(model, 1, vector, rows=[1], start=-1):
        after = interp.activations(model, tokenizer, TEXTS, 1, token_budget=1)[1]
    close(after - before, torch.stack([0 * vector, vector, 0 * vector]))


def test_44_the_logit_lens_at_the_last_block_is_the_models_own_answer(model, tokenizer):
    lens = interp.logit_lens(model, tokenizer, TEXTS[1], top_k=5)
    ids = torch.tensor([tokenizer(TEXTS[1])["input_ids"]])
    own = model(input_ids=ids).logits[0].topk(5)
    close(lens.logits[-1], own.values)
    assert torch.equal(lens.token_ids[-1], own.indices)
    assert lens.logits.shape == (tiny.LAYERS, ids.shape[1], 5)
    close(lens.probabilities[-1], model(input_ids=ids).logits[0].softmax(-1).topk(5).values)
    assert "block   2" in repr(lens)
    assert interp.logit_lens(model, tokenizer, TEXTS[1], layers=0, positions="last").token_ids.shape == (1, 1, 10)


def test_vectors_are_kept_with_what_they_are(models, tokenizer, tmp_path):
    model = models("llama")
    a, b = (interp.activations(model, tokenizer, texts, 1)[1] for texts in (TEXTS[:2], TEXTS[2:]))
    vector = interp.diff_of_means(a, b, unit=True)
    assert abs(float(vector.norm()) - 1) < 1e-5
    assert float(interp.cosine(vector, interp.diff_of_means(a, b))) > 0.9999
    model.config._commit_hash = "c0ffee"
    file = str(tmp_path / "direction.safetensors")
    interp.save_vector(file, vector, model, -2, pairs=3)
    model.config._commit_hash = None
    kept = interp.load_vector(file)
    assert torch.equal(kept.tensor, vector) and kept.layer == 1 and kept.site == "block_out"
    assert kept.commit == "c0ffee" and kept.notes == {"pairs": 3} and kept.date.startswith("20")


def test_memory_without_a_gpu_and_tensors_in_brief(models):
    report = interp.gpu_report({"model": models("llama"), "big": [torch.zeros(1000, 100)], "_hidden": torch.zeros(10**6)})
    assert report.devices == [] and repr(report).startswith("no GPU")
    assert [name for name, _, _ in report.largest][:1] == ["big"] and report.largest[0][2] == 400_000
    from glovebox_interp.memory import brief

    assert brief(torch.tensor([[1.0, 2.0]] * 10)) == "Tensor [10, 2] float32 on cpu: mean 1.5, std 0.5, min 1, max 2"
    assert brief(torch.full((20,), float("nan"))).endswith("20 not finite")
