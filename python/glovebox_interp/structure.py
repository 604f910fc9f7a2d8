"""Where things are in a model: its blocks, what each writes to, the last norm and the unembedding. A table; nothing is guessed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Iterable, Optional, Sequence, Union

import torch
from torch import Tensor, nn

Layers = Union[int, str, Iterable[int]]
SITES = ("block_out", "block_in", "attn_out", "mlp_out")

# Where the list of blocks is, first match first; the last two are for models without a head.
BLOCKS = (
    "model.layers",
    "model.language_model.layers",
    "language_model.model.layers",
    "language_model.layers",
    "transformer.h",
    "gpt_neox.layers",
    "layers",
    "h",
)
FINAL_NORMS = ("norm", "ln_f", "final_layer_norm", "final_layernorm")
SUBLAYERS = {
    "attn_out": ("self_attn", "attn", "attention", "self_attention"),
    "mlp_out": ("mlp", "block_sparse_moe", "feed_forward"),
}
# Blocks that norm what a sublayer has made before they add it: then that norm's output is what reaches the residual stream.
NORMS_BEHIND = (
    {"attn_out": "post_attention_layernorm", "mlp_out": "post_feedforward_layernorm"},
    {"attn_out": "post_self_attn_layernorm", "mlp_out": "post_mlp_layernorm"},
)


@dataclass(frozen=True)
class Parts:
    """`base` is the model inside PEFT's wrapper, `stack` the module that holds the blocks (None when they were given)."""

    base: Any
    stack: Optional[nn.Module]
    blocks: Sequence[nn.Module]


def base_of(model: Any) -> Any:
    """The model inside PEFT's wrapper, or the model itself."""
    if hasattr(model, "peft_config") and callable(getattr(model, "get_base_model", None)):
        return model.get_base_model()
    return model


def find_blocks(model: Any, blocks: Optional[Iterable[nn.Module]] = None) -> list[nn.Module]:
    """The transformer blocks of a model in order, also inside PEFT; `blocks` names them where the model keeps them elsewhere.

    >>> len(find_blocks(model)) == model.config.num_hidden_layers
    """
    return list(parts_of(model, blocks).blocks)


def parts_of(model: Any, blocks: Optional[Iterable[nn.Module]] = None) -> Parts:
    base = base_of(model)
    if blocks is not None:
        return Parts(base, None, list(blocks))
    for path in BLOCKS:
        holder, _, name = path.rpartition(".")
        stack = _resolve(base, holder)
        found = getattr(stack, name, None)
        if isinstance(found, nn.ModuleList):
            return Parts(base, stack, list(found))
    lists = [f"{name} ({len(module)})" for name, module in base.named_modules() if isinstance(module, nn.ModuleList)]
    seen = ", ".join(lists) or ", ".join(name for name, _ in base.named_children()) or "none"
    raise LookupError(f"no transformer blocks at {', '.join(BLOCKS)}; lists of modules here: {seen}. Pass blocks=[...].")


def _resolve(module: Any, path: str) -> Any:
    for name in path.split(".") if path else []:
        module = getattr(module, name, None)
    return module


def layer_indices(layers: Layers, count: int) -> list[int]:
    """0-based, without negative ones and without doubles, in the order given."""
    if isinstance(layers, str):
        if layers != "all":
            raise ValueError(f'layers is a number, several, or "all", not {layers!r}')
        return list(range(count))
    wanted = [layers] if isinstance(layers, int) else [int(layer) for layer in layers]
    for layer in wanted:
        if not -count <= layer < count:
            raise IndexError(f"layer {layer} of a model with {count} blocks")
    return list(dict.fromkeys(layer % count for layer in wanted))


def site_module(block: nn.Module, site: str) -> nn.Module:
    """The module whose output (for `block_in` whose input) is the site; of attention and MLP what they add to the residual stream."""
    if site in ("block_out", "block_in"):
        return block
    if site not in SITES:
        raise ValueError(f"site is one of {', '.join(SITES)}, not {site!r}")
    for names in NORMS_BEHIND:
        if hasattr(block, names["mlp_out"]):
            return getattr(block, names[site])
    for name in SUBLAYERS[site]:
        if hasattr(block, name):
            return getattr(block, name)
    raise LookupError(f"no {site} in a {type(block).__name__}: {', '.join(name for name, _ in block.named_children())}")


def text_config(model: Any) -> Any:
    """Of a model for text and more, the part about text."""
    config = base_of(model).config
    return getattr(config, "text_config", None) or config


def width_of(model: Any) -> Optional[int]:
    config = text_config(model)
    return getattr(config, "hidden_size", None) or getattr(config, "n_embd", None)


def input_device(model: Any) -> torch.device:
    """Where token ids belong, also when a model is spread over several devices."""
    return base_of(model).get_input_embeddings().weight.device


def unembedding(model: Any) -> Callable[[Tensor], Tensor]:
    """From the residual stream after a block to logits, as the model itself does it: norm, head, scale and soft cap."""
    parts = parts_of(model)
    norm = next((getattr(parts.stack, name) for name in FINAL_NORMS if hasattr(parts.stack, name)), None)
    head = parts.base.get_output_embeddings()
    if norm is None or head is None:
        raise LookupError("no final norm or no unembedding in this model; the logit lens needs a causal language model")
    config = text_config(model)
    scale = getattr(config, "logit_scale", None) or 1.0
    scale /= getattr(config, "logits_scaling", None) or 1.0
    cap = getattr(config, "final_logit_softcapping", None)

    def project(hidden: Tensor) -> Tensor:
        place = next(norm.parameters())
        normed = norm(hidden.to(place.device, place.dtype))
        logits = head(normed.to(head.weight.device)).float() * scale
        return torch.tanh(logits / cap) * cap if cap else logits

    return project
