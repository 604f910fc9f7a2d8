"""Changes what flows through a model: adds vectors at chosen tokens, takes directions out, in passes or in the weights."""

from __future__ import annotations

from typing import Any, Callable, Iterable, Mapping, Optional, Sequence, Union

import torch
from torch import Tensor, nn

from .hooks import Attached
from .structure import Layers, SUBLAYERS, NORMS_BEHIND, base_of, layer_indices, parts_of, site_module, width_of

Vectors = Union[Tensor, Mapping[int, Tensor]]
_RESIDUAL_SITES = {"resid": ("block_in", "block_out"), "attn": ("attn_out",), "mlp": ("mlp_out",)}
_OUTPUT_LAYERS = ("o_proj", "c_proj", "dense", "out_proj", "down_proj", "dense_4h_to_h", "w2", "fc2", "fc_out")


def steer(
    model: Any,
    layers: Layers,
    vector: Vectors,
    strength: float = 1.0,
    start: int = 0,
    end: Optional[int] = None,
    where: str = "all",
    mode: str = "add",
    rows: Optional[Sequence[int]] = None,
    *,
    site: str = "block_out",
    blocks: Optional[Iterable[nn.Module]] = None,
) -> Attached:
    """Steers the output of blocks while the context is open, in the prefill and in every generated token.

    Acts on tokens whose position is in `start` to `end` (negative: from the end of the prompt), of the prompt, of what is
    generated, or of both (`where`), in the rows that `rows` names by the index of their prompt. `mode` "add" adds `strength` times
    the vector; "add_normed" scales its unit to the norm of what is there, times `strength`; "ablate" takes its direction out.
    `vector` may be a mapping from layers to vectors. Contexts add up.

    >>> with steer(model, 12, vector, strength=4.0, where="generated"):
    ...     answers = generate(model, tokenizer, ["My name is"], max_new_tokens=20)
    """
    if where not in ("all", "prompt", "generated"):
        raise ValueError(f'where is "all", "prompt" or "generated", not {where!r}')
    if mode not in ("add", "add_normed", "ablate"):
        raise ValueError(f'mode is "add", "add_normed" or "ablate", not {mode!r}')
    blocks = None if blocks is None else list(blocks)
    count = len(parts_of(model, blocks).blocks)
    if isinstance(vector, Mapping):
        vector = {layer_indices(layer, count)[0]: one for layer, one in vector.items()}

    def edit_of(layer: int) -> Callable[[Tensor], Tensor]:
        one = _checked(vector[layer] if isinstance(vector, Mapping) else vector, width_of(model))

        def edit(hidden: Tensor) -> Tensor:
            if hidden.shape[-1] != one.shape[0]:
                raise ValueError(f"a vector of width {one.shape[0]} for a residual stream of width {hidden.shape[-1]}")
            changed = _changed(hidden, one.to(hidden.device), strength, mode)
            return torch.where(attached.chosen(hidden, (start, end, where, rows)), changed.to(hidden.dtype), hidden)

        return edit

    edits = [(layer, site, edit_of(layer)) for layer in layer_indices(layers, count)]
    attached = Attached(model, "steer", edits, blocks, counts_positions=True)
    return attached


def _checked(vector: Tensor, width: Optional[int]) -> Tensor:
    vector = torch.as_tensor(vector).detach().float()
    if vector.dim() != 1 or (width is not None and vector.shape[0] != width):
        raise ValueError(f"a vector of shape {tuple(vector.shape)}; the residual stream has the width {width}")
    if not bool(torch.isfinite(vector).all()):
        raise ValueError("the vector holds values that are not finite")
    return vector


def _changed(hidden: Tensor, vector: Tensor, strength: float, mode: str) -> Tensor:
    if mode == "add":
        return hidden + (strength * vector).to(hidden.dtype)
    unit = vector / vector.norm().clamp_min(1e-12)
    wide = hidden.float()
    if mode == "add_normed":
        return wide + strength * wide.norm(dim=-1, keepdim=True) * unit
    return wide - strength * (wide @ unit)[..., None] * unit


def ablate_direction(
    model: Any,
    directions: Tensor,
    layers: Layers = "all",
    sites: Sequence[str] = ("resid", "attn", "mlp"),
    *,
    blocks: Optional[Iterable[nn.Module]] = None,
) -> Attached:
    """Takes one direction, or the span of several ([k, width]), out of every token at the chosen sites, generated ones included.

    "resid" is what enters and what leaves a block, "attn" and "mlp" what its sublayers add. Computed in float32.

    >>> with ablate_direction(model, refusal):
    ...     answers = generate(model, tokenizer, prompts)
    """
    basis = _basis(directions, width_of(model))
    unknown = [site for site in sites if site not in _RESIDUAL_SITES]
    if unknown:
        raise ValueError(f"sites are {', '.join(_RESIDUAL_SITES)}, not {', '.join(unknown)}")

    def edit(hidden: Tensor) -> Tensor:
        own = basis.to(hidden.device)
        wide = hidden.float()
        return (wide - (wide @ own.T) @ own).to(hidden.dtype)

    blocks = None if blocks is None else list(blocks)
    wanted = layer_indices(layers, len(parts_of(model, blocks).blocks))
    places = [place for site in sites for place in _RESIDUAL_SITES[site]]
    return Attached(model, "ablate_direction", [(layer, place, edit) for layer in wanted for place in places], blocks)


def _basis(directions: Tensor, width: Optional[int]) -> Tensor:
    """Orthonormal rows that span the directions."""
    given = torch.as_tensor(directions).detach().float().cpu()
    given = torch.stack([_checked(one, width) for one in (given[None] if given.dim() == 1 else given)])
    norms = given.norm(dim=1, keepdim=True)
    if bool((norms == 0).any()):
        raise ValueError("a direction of norm 0")
    _, values, rows = torch.linalg.svd(given.double() / norms.double(), full_matrices=False)
    return rows[values > 1e-6 * values[0]].float()


class Undo:
    """Puts weights back; also a context that does so at its end. Doing it twice does nothing."""

    def __init__(self, kept: list[tuple[nn.Parameter, Tensor]]) -> None:
        self._kept = kept

    def __call__(self) -> None:
        while self._kept:
            parameter, before = self._kept.pop()
            with torch.no_grad():
                parameter.copy_(before)

    def __enter__(self) -> Undo:
        return self

    def __exit__(self, *_: Any) -> None:
        self()


def orthogonalize_weights(model: Any, directions: Tensor) -> Undo:
    """Makes every matrix that writes to the residual stream (embeddings, attention and MLP outputs) unable to write the directions.

    Returns what undoes it; for that it keeps a copy of these matrices in host memory, about a third of the model. Refused where
    it would not be exact: blocks that norm what they add, adapters, quantised weights. `ablate_direction` works there.

    >>> undo = orthogonalize_weights(model, refusal)
    >>> undo()
    """
    base = base_of(model)
    parts = parts_of(model)
    if base is not model or hasattr(model, "peft_config"):
        raise ValueError("adapters write to the residual stream too: merge them first, or use ablate_direction")
    basis = _basis(directions, width_of(model))
    matrices = [(base.get_input_embeddings().weight, None, False)]
    if hasattr(parts.stack, "wpe"):
        matrices.append((parts.stack.wpe.weight, None, False))
    for block in parts.blocks:
        if any(hasattr(block, names["mlp_out"]) for names in NORMS_BEHIND):
            raise ValueError("these blocks norm what they add, which turns directions: use ablate_direction")
        for site in SUBLAYERS:
            sublayer = site_module(block, site)
            last = next((getattr(sublayer, name) for name in _OUTPUT_LAYERS if hasattr(sublayer, name)), None)
            if last is None or not last.weight.is_floating_point():
                raise ValueError(f"the output matrix of a {type(sublayer).__name__} is not known or quantised: use ablate_direction")
            # A Linear keeps its output first, the Conv1D of GPT-2 last.
            matrices.append((last.weight, last.bias, isinstance(last, nn.Linear)))
    undo = Undo([])
    with torch.no_grad():
        for weight, bias, is_output_first in matrices:
            for parameter, is_first in ((weight, is_output_first), (bias, False)):
                if parameter is None:
                    continue
                undo._kept.append((parameter, parameter.detach().cpu().clone()))
                wide = parameter.float().T if is_first else parameter.float()
                own = basis.to(wide.device)
                changed = wide - (wide @ own.T) @ own
                parameter.copy_(changed.T if is_first else changed)
    return undo
