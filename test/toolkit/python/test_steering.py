"""Steering and ablation: at which tokens, in which passes, and nothing else."""

import glovebox_interp as interp
import pytest
import tiny
import torch

PROMPTS = [[0, 50, 60, 70, 80], [0, 90, 100], [0, 33, 44, 55, 66, 77, 88, 99]]
NEW = 4


@pytest.fixture
def vector():
    return torch.randn(tiny.WIDTH, generator=torch.Generator().manual_seed(1))


def padded(rows, left=True):
    width = max(map(len, rows))
    filler = [[2] * (width - len(row)) for row in rows]
    marks = [[0] * (width - len(row)) for row in rows]
    ids = [fill + row if left else row + fill for fill, row in zip(filler, rows)]
    mask = [mark + [1] * len(row) if left else [1] * len(row) + mark for mark, row in zip(marks, rows)]
    return torch.tensor(ids), torch.tensor(mask)


def steps(model, rows, **options):
    """Logits of each generated step, with the cache, and the new tokens."""
    ids, mask = padded(rows)
    options = {"max_new_tokens": NEW, "do_sample": False, **options}
    made = model.generate(input_ids=ids, attention_mask=mask, output_logits=True, return_dict_in_generate=True, **options)
    return torch.stack(made.logits, 1), made.sequences[:, ids.shape[1] :].tolist()


def reference(model, row, change, layers):
    """The same for one row, by a plain hook, from the whole text anew for each token."""
    ids, logits = list(row), []
    blocks = interp.find_blocks(model)

    def hook(module, args, output):
        hidden = (output if isinstance(output, torch.Tensor) else output[0]).clone()
        change(hidden[0], len(row))
        return hidden if isinstance(output, torch.Tensor) else (hidden, *output[1:])

    handles = [blocks[layer].register_forward_hook(hook) for layer in layers]
    try:
        for _ in range(NEW):
            logits.append(model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1])
            ids.append(int(logits[-1].argmax()))
    finally:
        for handle in handles:
            handle.remove()
    return torch.stack(logits), ids[len(row) :]


def assert_same(model, got, change, layers, rows=PROMPTS):
    logits, tokens = got
    for line, row in enumerate(rows):
        wanted, new = reference(model, row, change, layers)
        assert tokens[line] == new
        torch.testing.assert_close(logits[line], wanted, atol=1e-4, rtol=1e-4)


# The lengths of the prompts are 5, 3 and 8, so these are before, in, at the end of and behind prompts.
@pytest.mark.parametrize("start", [0, 3, 5, 7, 10])
def test_39_steers_from_a_position_on_with_cache_and_left_padding(model, vector, start):
    def change(hidden, prompt):
        hidden[start:] += 2.0 * vector

    with interp.steer(model, 1, vector, strength=2.0, start=start):
        got = steps(model, PROMPTS)
    assert_same(model, got, change, [1])


@pytest.mark.parametrize("extra", [0, 2])
def test_39_steers_what_is_generated(model, vector, extra):
    def change(hidden, prompt):
        hidden[prompt + extra :] += vector

    # With one length for all, prompt length + 2 is a number; with mixed ones it is `where`.
    rows = PROMPTS if extra == 0 else [[0, 50, 60, 70], [0, 90, 100, 110]]
    options = {"where": "generated"} if extra == 0 else {"start": 4 + extra}
    with interp.steer(model, [0, -1], vector, **options):
        got = steps(model, rows)
    assert_same(model, got, change, [0, tiny.LAYERS - 1], rows)


def test_steers_the_end_of_the_prompt_only(model, vector):
    def change(hidden, prompt):
        hidden[prompt - 2 : prompt] += vector

    with interp.steer(model, 1, vector, start=-2, where="prompt"):
        got = steps(model, PROMPTS)
    assert_same(model, got, change, [1])


def test_contexts_add_up_and_restart_with_each_sequence(models, vector):
    model = models("llama")
    other = torch.flip(vector, [0])

    def change(hidden, prompt):
        hidden[2:] += vector
        hidden[prompt:] += 3 * other

    with interp.steer(model, 1, vector, start=2), interp.steer(model, 1, other, strength=3, where="generated"):
        for _ in range(2):
            got = steps(model, PROMPTS)
    assert_same(model, got, change, [1])


def test_modes(models, vector):
    model = models("llama")
    unit = vector / vector.norm()

    def normed(hidden, prompt):
        hidden += 0.5 * hidden.norm(dim=-1, keepdim=True) * unit

    def ablated(hidden, prompt):
        hidden -= (hidden @ unit)[:, None] * unit

    for mode, strength, change in (("add_normed", 0.5, normed), ("ablate", 1.0, ablated)):
        with interp.steer(model, 1, vector, strength, mode=mode):
            got = steps(model, PROMPTS)
        assert_same(model, got, change, [1])


def test_rows_are_those_of_the_prompts_also_with_beams_and_in_batches_of_generate(models, vector, tokenizer):
    model = models("llama")
    beams = {"num_beams": 2, "max_new_tokens": 5, "do_sample": False}
    plain = [model.generate(torch.tensor([row]), **beams)[0, len(row) :].tolist() for row in PROMPTS]
    with interp.steer(model, 1, vector, strength=5, rows=[0], where="generated"):
        alone = model.generate(torch.tensor([PROMPTS[2]]), **beams)[0, len(PROMPTS[2]) :].tolist()
    ids, mask = padded(PROMPTS)
    with interp.steer(model, 1, vector, strength=5, rows=[2], where="generated"):
        got = model.generate(ids, attention_mask=mask, **beams)[:, ids.shape[1] :].tolist()
        each = interp.generate(model, tokenizer, PROMPTS, 5, token_budget=1)
    assert got == [*plain[:2], alone] and alone != plain[2]
    greedy = interp.generate(model, tokenizer, PROMPTS, 5)
    assert [one.token_ids == other.token_ids for one, other in zip(each, greedy)] == [True, True, False]


@pytest.mark.parametrize("options", [{"use_cache": False}, {"cache_implementation": "static"}, {"prompt_lookup_num_tokens": 2}])
def test_other_ways_to_generate_steer_the_same_tokens(models, vector, options):
    model = models("llama")
    rows = PROMPTS[:1] if "prompt_lookup_num_tokens" in options else PROMPTS
    ids, mask = padded(rows)
    common = {"max_new_tokens": 6, "do_sample": False, "attention_mask": mask}
    with interp.steer(model, 1, vector, strength=3, where="generated", start=-1):
        wanted = model.generate(ids, **common).tolist()
        assert model.generate(ids, **common, **options).tolist() == wanted
    assert model.generate(ids, **common).tolist() != wanted


# Not Gemma 2, whose steps need a cache of their own kind in some versions.
@pytest.mark.parametrize("family", ["llama", "qwen", "gpt2", "neox", "nested"])
def test_steps_that_somebody_writes_himself(models, family, vector):
    """A prefill and steps with its cache, and a mask of everything."""
    model = models(family)
    change = lambda hidden, prompt: hidden[prompt:].add_(vector)
    row = PROMPTS[0]
    with interp.steer(model, 1, vector, where="generated"), torch.no_grad():
        made = model(input_ids=torch.tensor([row]), use_cache=True)
        logits, new = [made.logits[0, -1]], []
        for step in range(NEW):
            new.append(int(logits[-1].argmax()))
            if step == NEW - 1:
                break
            mask = torch.ones(1, len(row) + len(new), dtype=torch.long)
            made = model(
                input_ids=torch.tensor([new[-1:]]), attention_mask=mask, past_key_values=made.past_key_values, use_cache=True
            )
            logits.append(made.logits[0, -1])
    assert_same(model, (torch.stack(logits)[None], [new]), change, [1], [row])


def test_what_cannot_be_known_is_an_error(models, vector):
    model = models("llama")
    prefill = model(input_ids=torch.tensor(PROMPTS[:1]), use_cache=True)
    with interp.steer(model, 1, vector, where="generated"):
        with pytest.raises(RuntimeError, match="prefill must run inside"):
            model(input_ids=torch.tensor([[5]]), past_key_values=prefill.past_key_values)
    mask = torch.zeros(1, 1, 5, 5)
    with interp.steer(model, 1, vector):
        with pytest.raises(RuntimeError, match="do not count up"):
            positions = torch.tensor([[0, 1, 2, 1, 1]])
            model(input_ids=torch.tensor(PROMPTS[:1]), attention_mask=mask, position_ids=positions)


def test_nothing_is_changed_in_place_and_types_are_kept(models, vector):
    model = tiny.model("llama").to(torch.bfloat16)
    seen = []
    handle = interp.find_blocks(model)[0].register_forward_hook(lambda module, args, output: seen.append(output))
    with interp.steer(model, 0, vector, strength=9, end=2):
        model(input_ids=torch.tensor(PROMPTS[:1]))
    handle.remove()
    first = seen[0] if isinstance(seen[0], torch.Tensor) else seen[0][0]
    again = model(input_ids=torch.tensor(PROMPTS[:1]), output_hidden_states=True).hidden_states[1]
    assert torch.equal(first, again) and first.dtype == torch.bfloat16


def test_mistakes_are_told_before_anything_runs(models, vector):
    model = models("llama")
    for wrong, error, words in (
        (lambda: interp.steer(model, 9, vector), IndexError, "layer 9 of a model with 3 blocks"),
        (lambda: interp.steer(model, 1, vector[:5]), ValueError, "width 32"),
        (lambda: interp.steer(model, 1, vector / 0), ValueError, "not finite"),
        (lambda: interp.steer(model, 1, vector, where="answer"), ValueError, "generated"),
        (lambda: interp.ablate_direction(model, vector, sites=("residual",)), ValueError, "resid, attn, mlp"),
        (lambda: interp.find_blocks(torch.nn.Sequential(torch.nn.Linear(2, 2))), LookupError, "Pass blocks="),
    ):
        with pytest.raises(error, match=words):
            wrong()


def test_an_error_inside_takes_everything_away(models, vector):
    model = models("llama")
    with pytest.raises(ZeroDivisionError):
        with interp.steer(model, [0, 1], vector), interp.ablate_direction(model, vector):
            hooks = interp.active_hooks(model)
            assert len(hooks) == 2 + 4 * tiny.LAYERS and all(hook.is_ours for hook in hooks)
            1 / 0
    assert interp.active_hooks(model) == []


def test_what_was_left_open_can_be_listed_and_ended(models, vector):
    model = models("llama")
    left = interp.steer(model, 1, vector)
    left.__enter__()
    own = interp.find_blocks(model)[0].register_forward_hook(lambda *_: None)
    names = [(hook.module, hook.what, hook.is_ours) for hook in interp.active_hooks(model)]
    assert ("model.layers.1", "steer at block_out of block 1", True) in names and len(names) == 2
    assert interp.clear_hooks(model) == 1 and len(interp.active_hooks(model)) == 1
    left.__exit__()
    own.remove()


def test_blocks_of_a_model_that_is_not_known_can_be_given(models, vector):
    model = models("llama")
    holder = torch.nn.ModuleDict({"odd": model})
    with pytest.raises(LookupError, match=r"odd.model.layers \(3\)"):
        interp.find_blocks(holder)
    assert len(interp.find_blocks(holder, blocks=model.model.layers)) == 3


def sites_of(model):
    from glovebox_interp.structure import site_module

    for block in interp.find_blocks(model):
        for site in ("block_out", "attn_out", "mlp_out"):
            yield site_module(block, site)


def test_43_an_ablated_direction_is_nowhere_during_generation(model, vector):
    unit = vector / vector.norm()
    found = []

    def look(module, args, output):
        hidden = output if isinstance(output, torch.Tensor) else output[0]
        found.append(float((hidden @ unit).abs().max()))

    plain = steps(model, PROMPTS)[0]
    with interp.ablate_direction(model, torch.stack([vector, 2 * vector])):
        handles = [module.register_forward_hook(look) for module in sites_of(model)]
        got = steps(model, PROMPTS)[0]
    for handle in handles:
        handle.remove()
    assert len(found) == NEW * 3 * tiny.LAYERS and max(found) < 1e-4
    assert not torch.allclose(plain, got)


def test_weights_without_a_direction_do_what_ablation_does(vector):
    for family in ("llama", "gpt2", "neox"):
        model = tiny.model(family)
        before = {name: weight.clone() for name, weight in model.state_dict().items()}
        unit = vector / vector.norm()
        with interp.orthogonalize_weights(model, vector) as undo:
            hidden = model(input_ids=torch.tensor(PROMPTS[:1]), output_hidden_states=True).hidden_states
            # The last one has been through the final norm.
            assert max(float((one @ unit).abs().max()) for one in hidden[:-1]) < 1e-4
        undo()
        assert all(torch.equal(before[name], weight) for name, weight in model.state_dict().items())
    with pytest.raises(ValueError, match="use ablate_direction"):
        interp.orthogonalize_weights(tiny.model("gemma"), vector)
