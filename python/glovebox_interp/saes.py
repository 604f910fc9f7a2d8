"""Reads and changes what a sparse autoencoder sees; loading and formats are sae-lens's, only `encode`, `decode` and `W_dec` are used."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Iterable, Optional, Sequence

import torch
from torch import Tensor

from .capture import Where, activations
from .hooks import Attached
from .steering import steer
from .structure import layer_indices, parts_of

_NAMED_SITES = {
    "hook_resid_post": "block_out",
    "hook_resid_pre": "block_in",
    "hook_attn_out": "attn_out",
    "hook_mlp_out": "mlp_out",
}
# Tokens that are encoded together: their latents are held as float32, 16,384 of them in 64 KiB for each token.
_TOGETHER = 512


@dataclass(frozen=True)
class SaeLatents:
    """The strongest latents of each token: `indices` and `values` are [tokens, top_k], strongest first."""

    layer: int
    site: str
    tokens: list[str]
    positions: list[int]
    indices: Tensor
    values: Tensor

    def __repr__(self) -> str:
        lines = [f"latents at {self.site} of block {self.layer}:"]
        for token, indices, values in zip(self.tokens, self.indices.tolist(), self.values.tolist()):
            lines.append(f"  {token!r:<16} " + "  ".join(f"{index}: {value:.2f}" for index, value in zip(indices[:5], values)))
        return "\n".join(lines)


def _site_of(model: Any, sae: Any, layer: Optional[int]) -> tuple[int, str]:
    """Where the SAE was trained, by its own configuration."""
    config = getattr(sae, "cfg", None)
    name = getattr(config, "hook_name", None) or getattr(getattr(config, "metadata", None), "hook_name", None)
    count = len(parts_of(model).blocks)
    asked = None if layer is None else layer_indices(layer, count)[0]
    if name is None:
        if asked is None:
            raise ValueError("this SAE does not say where it was trained: pass layer=...")
        return asked, "block_out"
    match = re.fullmatch(r"blocks\.(\d+)\.(\w+)", name) or re.fullmatch(r"(?:\w+\.)*(?:layers|h)\.(\d+)(?:\.(output))?", name)
    site = None if match is None else "block_out" if match[2] in (None, "output") else _NAMED_SITES.get(match[2])
    if match is None or site is None:
        raise ValueError(f"an SAE of {name}: only {', '.join(_NAMED_SITES)} are read here")
    trained = layer_indices(int(match[1]), count)[0]
    if asked is not None and asked != trained:
        raise ValueError(f"this SAE was trained at block {trained} ({name}), not at block {asked}")
    return trained, site


def _encode(sae: Any, hidden: Tensor) -> Tensor:
    place = sae.W_dec
    with torch.no_grad():
        return sae.encode(hidden.to(place.device, place.dtype))


def sae_latents(
    model: Any,
    tokenizer: Any,
    text: Any,
    sae: Any,
    layer: Optional[int] = None,
    top_k: int = 10,
    positions: Where = "all",
    skip_bos: bool = True,
) -> SaeLatents:
    """The strongest latents at the site that the SAE was trained on; a `layer` that contradicts its configuration is an error.

    The BOS is left out, since activations there are outliers.

    >>> sae_latents(model, tokenizer, "The Golden Gate Bridge", sae, top_k=5)
    """
    index, site = _site_of(model, sae, layer)
    hidden, tokens, places = _activations(model, tokenizer, text, index, site, positions, skip_bos)
    tops = [_encode(sae, part).float().cpu().topk(top_k, dim=-1) for part in hidden.split(_TOGETHER)]
    indices, values = (torch.cat([getattr(top, name) for top in tops]) for name in ("indices", "values"))
    return SaeLatents(index, site, tokens, places, indices, values)


def _activations(
    model: Any, tokenizer: Any, text: Any, layer: int, site: str, positions: Where, skip_bos: bool
) -> tuple[Tensor, list[str], list[int]]:
    wanted = [positions] if isinstance(positions, int) else [-1] if positions == "last" else positions
    if wanted == "mean":
        raise ValueError("the latents of a mean are not the mean of latents: take positions")
    found = activations(model, tokenizer, text, layer, wanted, site)
    if len(found.tokens) != 1:
        raise ValueError("one text at a time")
    hidden, ids, places = found[layer][0], found.token_ids[0], found.positions[0]
    keep = [
        line
        for line, place in enumerate(places)
        if not (skip_bos and place == 0 and ids[line] == tokenizer.bos_token_id)
    ]
    if not keep:
        raise ValueError("no tokens but the BOS: skip_bos=False reads it")
    return hidden[keep], [found.tokens[0][line] for line in keep], [places[line] for line in keep]


def ablate_latents(
    model: Any,
    sae: Any,
    indices: Sequence[int],
    layer: Optional[int] = None,
    start: int = 0,
    end: Optional[int] = None,
    where: str = "all",
    rows: Optional[Sequence[int]] = None,
) -> Attached:
    """Takes what some latents contribute out of the residual stream, and nothing else: what the SAE does not explain stays.

    >>> with ablate_latents(model, sae, [4242]):
    ...     answers = generate(model, tokenizer, prompts)
    """
    index, site = _site_of(model, sae, layer)
    wanted = list(indices)

    def edit(hidden: Tensor) -> Tensor:
        latents = _encode(sae, hidden)
        none = torch.zeros_like(latents)
        own = none.clone()
        own[..., wanted] = latents[..., wanted]
        with torch.no_grad():
            # A difference, so that biases cancel and norms that the SAE undoes are undone; it undoes them once, hence one call.
            with_own, without = sae.decode(torch.stack([own, none])).to(hidden.device).float()
            share = with_own - without
        changed = (hidden.float() - share).to(hidden.dtype)
        return torch.where(attached.chosen(hidden, (start, end, where, rows)), changed, hidden)

    attached = Attached(model, "ablate_latents", [(index, site, edit)], counts_positions=True)
    return attached


def steer_latents(
    model: Any, sae: Any, indices: Sequence[int], strength: float = 1.0, layer: Optional[int] = None, **tokens: Any
) -> Attached:
    """Adds the decoder directions of some latents, times `strength`, at the site of the SAE; `tokens` as `steer` takes them.

    >>> with steer_latents(model, sae, [4242], strength=80.0, where="generated"):
    ...     answers = generate(model, tokenizer, prompts)
    """
    index, site = _site_of(model, sae, layer)
    direction = sae.W_dec[list(indices)].detach().float().sum(0)
    return steer(model, index, direction, strength, site=site, **tokens)


@dataclass(frozen=True)
class LatentDifference:
    """In which share of each set a latent exceeds the threshold somewhere; the texts where it is strongest, with its maximum."""

    index: int
    share_a: float
    share_b: float
    examples: list[tuple[str, float]]


def feature_diff(
    model: Any,
    tokenizer: Any,
    sae: Any,
    texts_a: Sequence[Any],
    texts_b: Sequence[Any],
    threshold: float = 0.0,
    top_k: int = 20,
    layer: Optional[int] = None,
    examples: int = 3,
) -> list[LatentDifference]:
    """Latents that are active in more texts of one set than of the other, by the difference of the shares.

    Holds one float32 for each text and latent in host memory: 256 texts and 65,536 latents are 64 MiB.

    >>> feature_diff(model, tokenizer, sae, refused, answered, threshold=1.0)[0].index
    """
    index, site = _site_of(model, sae, layer)

    def strongest(texts: Iterable[Any]) -> Tensor:
        lines = []
        for text in texts:
            hidden, _, _ = _activations(model, tokenizer, text, index, site, "all", True)
            parts = [_encode(sae, part).float().amax(0).cpu() for part in hidden.split(_TOGETHER)]
            lines.append(torch.stack(parts).amax(0))
        return torch.stack(lines)

    highest = [strongest(texts_a), strongest(texts_b)]
    shares = [(one > threshold).float().mean(0) for one in highest]
    order = (shares[0] - shares[1]).abs().topk(min(top_k, shares[0].shape[0])).indices.tolist()
    texts, values = [*texts_a, *texts_b], torch.cat(highest)
    results = []
    for latent in order:
        best = values[:, latent].topk(min(examples, len(texts)))
        shown = [(str(texts[line]), value) for line, value in zip(best.indices.tolist(), best.values.tolist()) if value > threshold]
        results.append(LatentDifference(latent, float(shares[0][latent]), float(shares[1][latent]), shown))
    return results
