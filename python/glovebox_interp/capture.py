"""Reads what flows through a model: activations at sites of blocks, and what each block's output would predict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Iterable, Optional, Sequence, Union

import torch
from torch import Tensor, nn

from .hooks import Attached
from .inputs import Batch, batches, encode_all, pad_token, token_texts
from .positions import batch_of
from .structure import Layers, base_of, input_device, layer_indices, parts_of, unembedding

Where = Union[str, int, Sequence[int]]


class _Enough(Exception):
    """Ends a forward pass behind the deepest block that anybody asked for."""


@dataclass(frozen=True)
class Activations:
    """For each layer a tensor [inputs, width] ("last", "mean", one position), [inputs, positions, width] (a list of positions),
    or for "all" a list with one [tokens, width] for each input. `tokens` and `positions` say which tokens these are."""

    site: str
    values: dict[int, Any]
    tokens: list[list[str]]
    token_ids: list[list[int]]
    positions: list[list[int]]

    def __getitem__(self, layer: int) -> Any:
        return self.values[layer]

    @property
    def layers(self) -> list[int]:
        return list(self.values)

    def __repr__(self) -> str:
        tensors = [one for value in self.values.values() for one in (value if isinstance(value, list) else [value])]
        size = sum(one.numel() * one.element_size() for one in tensors) / 2**20
        return f"Activations({self.site} of layers {self.layers}, {len(self.tokens)} inputs, {size:.1f} MiB)"


def activations(
    model: Any,
    tokenizer: Any,
    inputs: Any,
    layers: Layers,
    positions: Where = "last",
    site: str = "block_out",
    *,
    token_budget: int = 16384,
    dtype: torch.dtype = torch.float32,
    blocks: Optional[Iterable[nn.Module]] = None,
) -> Activations:
    """Activations of texts, chats or rows of ids at one site of blocks: one pass for all layers, which ends behind the deepest.

    `site` is "block_out", "block_in", "attn_out" or "mlp_out" (what attention and MLP add to the residual stream); `positions` is
    "last" (the last real token of each input), "mean", "all", a position or a list of them. Only what was asked for leaves the
    device, as float32 on the CPU: inputs x positions x layers x width x 4 bytes; "all" of 1,000 tokens at 40 layers of a width of
    4,096 are 625 MiB.

    >>> activations(model, tokenizer, ["A cat", "A dog"], layers=[4, 8])[8].shape
    """
    rows = encode_all(tokenizer, inputs)
    blocks = None if blocks is None else list(blocks)
    wanted = layer_indices(layers, len(parts_of(model, blocks).blocks))
    places = [_places(positions, len(row)) for row in rows]
    found: dict[int, list[Any]] = {layer: [None] * len(rows) for layer in wanted}
    for batch in batches(rows, token_budget, 0, pad_token(tokenizer), False, input_device(model)):

        def keep(layer: int, hidden: Tensor, batch: Batch = batch) -> None:
            for line, item in enumerate(batch.items):
                picked = hidden[line, torch.as_tensor(places[item], device=hidden.device)]
                picked = picked.float().mean(0) if positions == "mean" else picked
                found[layer][item] = picked.to("cpu", dtype)

        run_with(model, batch, wanted, site, keep, blocks)
    is_single = positions in ("last",) or isinstance(positions, int)

    def together(values: list[Any]) -> Any:
        if positions == "all":
            return values
        stacked = torch.stack(values)
        return stacked[:, 0] if is_single else stacked

    token_ids = [[row[place] for place in chosen] for row, chosen in zip(rows, places)]
    tokens = [token_texts(tokenizer, ids) for ids in token_ids]
    return Activations(site, {layer: together(values) for layer, values in found.items()}, tokens, token_ids, places)


def _places(positions: Where, length: int) -> list[int]:
    if positions in ("all", "mean"):
        return list(range(length))
    if isinstance(positions, str) and positions != "last":
        raise ValueError(f'positions are "last", "mean", "all", a number or several, not {positions!r}')
    wanted = [-1] if isinstance(positions, str) else [positions] if isinstance(positions, int) else list(positions)
    for place in wanted:
        if not -length <= place < length:
            raise IndexError(f"position {place} of an input with {length} tokens")
    return [place % length for place in wanted]


def run_with(
    model: Any,
    batch: Batch,
    layers: Sequence[int],
    site: str,
    keep: Callable[[int, Tensor], None],
    blocks: Optional[Iterable[nn.Module]] = None,
) -> None:
    """One pass without gradients that hands hidden states at the site over, and ends behind the deepest of the blocks."""
    deepest = max(layers)

    def edit_of(layer: int) -> Callable[[Tensor], None]:
        def edit(hidden: Tensor) -> None:
            keep(layer, hidden.detach())
            if layer == deepest:
                raise _Enough

        return edit

    edits = [(layer, site, edit_of(layer)) for layer in layers]
    with torch.no_grad(), Attached(model, "activations", edits, blocks), batch_of(base_of(model), batch.items):
        try:
            model(input_ids=batch.ids, attention_mask=batch.mask, use_cache=False)
        except _Enough:
            pass


@dataclass(frozen=True)
class LogitLens:
    """`token_ids`, `logits` and `probabilities` are [layers, positions, top_k]; `tokens` are those of the input."""

    layers: list[int]
    positions: list[int]
    tokens: list[str]
    token_ids: Tensor
    logits: Tensor
    probabilities: Tensor
    texts: list[list[list[str]]]

    def __repr__(self) -> str:
        lines = [f"after {self.tokens[-1]!r}:"]
        for line, layer in enumerate(self.layers):
            best = zip(self.texts[line][-1][:5], self.probabilities[line][-1].tolist())
            lines.append(f"  block {layer:>3}  " + "  ".join(f"{text!r} {share:.2f}" for text, share in best))
        return "\n".join(lines)


def logit_lens(
    model: Any, tokenizer: Any, text: Any, layers: Layers = "all", top_k: int = 10, positions: Where = "all"
) -> LogitLens:
    """What the model would say next if it ended behind each block: final norm, unembedding, and soft cap where it has one.

    At the last block these are its own logits. One layer's logits are held at a time: positions x vocabulary x 4 bytes.

    >>> logit_lens(model, tokenizer, "The capital of France is", positions="last")
    """
    rows = encode_all(tokenizer, text)
    if len(rows) != 1:
        raise ValueError("the logit lens takes one text")
    wanted = layer_indices(layers, len(parts_of(model).blocks))
    places = [len(rows[0]) - 1] if positions == "last" else _places(positions, len(rows[0]))
    project = unembedding(model)
    found: dict[int, tuple[Tensor, Tensor, Tensor]] = {}

    def keep(layer: int, hidden: Tensor) -> None:
        logits = project(hidden[0, torch.as_tensor(places, device=hidden.device)])
        top = logits.topk(min(top_k, logits.shape[-1]), dim=-1)
        shares = (top.values - logits.logsumexp(-1, keepdim=True)).exp()
        found[layer] = (top.indices.cpu(), top.values.cpu(), shares.cpu())

    for batch in batches(rows, 1, 0, pad_token(tokenizer), False, input_device(model)):
        run_with(model, batch, wanted, "block_out", keep)
    ids, logits, shares = (torch.stack([found[layer][part] for layer in wanted]) for part in range(3))
    texts = [[token_texts(tokenizer, one) for one in line.tolist()] for line in ids]
    return LogitLens(wanted, places, token_texts(tokenizer, [rows[0][place] for place in places]), ids, logits, shares, texts)
