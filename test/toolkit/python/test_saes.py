"""SAEs: the site is the one that they were trained on, and only a latent's own share is changed."""

from types import SimpleNamespace

import glovebox_interp as interp
import pytest
import tiny
import torch

PROMPT = [[0, 50, 60, 70, 80]]


class Sae:
    """What sae-lens's SAEs are to this package: a configuration, `W_dec`, `encode` and `decode`."""

    def __init__(self, hook_name="blocks.1.hook_resid_post", nested=False):
        torch.manual_seed(4)
        self.W_dec = torch.nn.Parameter(torch.randn(64, tiny.WIDTH), requires_grad=False)
        self.b_dec = torch.randn(tiny.WIDTH)
        self.cfg = SimpleNamespace(metadata=SimpleNamespace(hook_name=hook_name)) if nested else SimpleNamespace(hook_name=hook_name)

    def encode(self, hidden):
        return torch.relu((hidden - self.b_dec) @ self.W_dec.T - 2)

    def decode(self, latents):
        return latents @ self.W_dec + self.b_dec


@pytest.fixture
def sae():
    return Sae()


@pytest.mark.parametrize(
    ("hook", "layer", "site"),
    [
        ("blocks.1.hook_resid_post", 1, "block_out"),
        ("blocks.2.hook_resid_pre", 2, "block_in"),
        ("blocks.0.hook_mlp_out", 0, "mlp_out"),
        ("model.layers.1", 1, "block_out"),
    ],
)
def test_latents_are_read_where_the_sae_was_trained(models, tokenizer, hook, layer, site):
    sae = Sae(hook, nested=layer == 1)
    found = interp.sae_latents(models("llama"), tokenizer, "hello", sae, top_k=4)
    hidden = interp.activations(models("llama"), tokenizer, "hello", layer, "all", site)[layer][0]
    best = sae.encode(hidden[1:]).topk(4)
    assert (found.layer, found.site, found.positions) == (layer, site, [1, 2, 3, 4, 5])
    assert torch.equal(found.indices, best.indices) and torch.equal(found.values, best.values)
    assert found.tokens == list("hello") and "'h'" in repr(found)


def test_the_bos_is_read_when_asked_for(models, tokenizer, sae):
    found = interp.sae_latents(models("llama"), tokenizer, "hello", sae, skip_bos=False)
    assert found.positions[0] == 0
    last = interp.sae_latents(models("llama"), tokenizer, "hello", sae, positions="last")
    assert last.positions == [5] and last.indices.shape == (1, 10)


def test_another_layer_than_its_own_is_an_error(models, tokenizer, sae):
    with pytest.raises(ValueError, match="trained at block 1"):
        interp.sae_latents(models("llama"), tokenizer, "hello", sae, layer=2)
    with pytest.raises(ValueError, match="hook_z"):
        interp.ablate_latents(models("llama"), Sae("blocks.1.attn.hook_z"), [0])
    sae.cfg = None
    with pytest.raises(ValueError, match="pass layer"):
        interp.sae_latents(models("llama"), tokenizer, "hello", sae)


def test_43_an_inactive_latent_changes_nothing_and_an_active_one_its_own_share(models, sae):
    model = models("llama")
    ids = torch.tensor(PROMPT)
    plain = model(input_ids=ids, output_hidden_states=True)
    latents = sae.encode(plain.hidden_states[2])
    silent = int((latents.amax((0, 1)) == 0).nonzero()[0])
    loud = int(latents.amax((0, 1)).argmax())
    with interp.ablate_latents(model, sae, [silent]):
        assert torch.equal(model(input_ids=ids).logits, plain.logits)
    seen = []
    with interp.ablate_latents(model, sae, [loud], start=2):
        handle = interp.find_blocks(model)[1].register_forward_hook(
            lambda module, args, output: seen.append(output if isinstance(output, torch.Tensor) else output[0])
        )
        model(input_ids=ids)
    handle.remove()
    wanted = plain.hidden_states[2].clone()
    wanted[:, 2:] -= latents[:, 2:, loud, None] * sae.W_dec[loud]
    torch.testing.assert_close(seen[0], wanted.detach(), atol=1e-4, rtol=1e-4)


class NormingSae(Sae):
    """As those of sae-lens with `normalize_activations`: what `encode` has divided by, `decode` multiplies with, once."""

    def encode(self, hidden):
        self.norm = hidden.norm(dim=-1, keepdim=True)
        return super().encode(hidden / self.norm * 6)

    def decode(self, latents):
        norm = self.norm
        del self.norm
        return super().decode(latents) / 6 * norm


def test_an_sae_that_norms_what_it_sees_is_asked_once(models):
    model, sae = models("llama"), NormingSae()
    ids = torch.tensor(PROMPT)
    hidden = model(input_ids=ids, output_hidden_states=True).hidden_states[2]
    latents = sae.encode(hidden)
    loud = int(latents.amax((0, 1)).argmax())
    seen = []
    with interp.ablate_latents(model, sae, [loud]):
        handle = interp.find_blocks(model)[1].register_forward_hook(
            lambda module, args, output: seen.append(output if isinstance(output, torch.Tensor) else output[0])
        )
        model(input_ids=ids)
    handle.remove()
    share = latents[..., loud, None] * sae.W_dec[loud] / 6 * hidden.norm(dim=-1, keepdim=True)
    assert share.abs().max() > 0.1
    torch.testing.assert_close(seen[0], hidden - share, atol=1e-3, rtol=1e-3)


def test_steering_by_latents_is_steering_by_their_directions(models, sae):
    model = models("llama")
    ids = torch.tensor(PROMPT)
    with interp.steer_latents(model, sae, [3, 5], strength=2.0, where="prompt"):
        got = model(input_ids=ids).logits
    with interp.steer(model, 1, (sae.W_dec[3] + sae.W_dec[5]).detach(), strength=2.0):
        torch.testing.assert_close(got, model(input_ids=ids).logits)


def test_feature_diff_ranks_by_shares_of_texts(models, tokenizer, sae):
    model = models("llama")
    a, b = ["aaa", "aab", "aba"], ["zzz", "zzy"]
    found = interp.feature_diff(model, tokenizer, sae, a, b, threshold=1.0, top_k=5)
    gaps = [abs(one.share_a - one.share_b) for one in found]
    assert gaps == sorted(gaps, reverse=True) and gaps[0] > 0

    def share(texts, latent):
        tops = [sae.encode(interp.activations(model, tokenizer, text, 1, "all")[1][0][1:]).amax(0) for text in texts]
        return sum(float(top[latent]) > 1.0 for top in tops) / len(texts)

    best = found[0]
    assert best.share_a == pytest.approx(share(a, best.index)) and best.share_b == pytest.approx(share(b, best.index))
    assert best.examples[0][0] in [*a, *b] and best.examples[0][1] > 1.0
