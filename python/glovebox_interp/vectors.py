"""Directions: made from two sets of activations, compared, and kept with what is needed to know later what they are."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Optional

import torch
from torch import Tensor

from .structure import base_of, layer_indices, parts_of


def diff_of_means(a: Tensor, b: Tensor, unit: bool = False) -> Tensor:
    """The mean of the rows of `a` minus that of `b`, in float32; with `unit` of length 1.

    >>> diff_of_means(activations(model, tokenizer, happy, 8)[8], activations(model, tokenizer, sad, 8)[8])
    """
    difference = a.float().mean(0) - b.float().mean(0)
    if not unit:
        return difference
    norm = difference.norm()
    if norm == 0:
        raise ValueError("the two means are the same")
    return difference / norm


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """The cosine of the angle between vectors, along the last dimension, in float32.

    >>> float(cosine(vector, other))
    """
    return torch.nn.functional.cosine_similarity(a.float(), b.float(), dim=-1)


@dataclass(frozen=True)
class Vector:
    """A direction and where it is from. `model` is the name under which the session knows the model, `commit` that of its weights."""

    tensor: Tensor
    layer: int
    site: str
    model: str
    commit: Optional[str]
    date: str
    notes: dict[str, Any] = field(default_factory=dict)


def save_vector(path: str, vector: Tensor, model: Any, layer: int, site: str = "block_out", **notes: Any) -> None:
    """Writes a safetensors file that says of which model, commit, layer and site the vector is, and when it was made.

    >>> save_vector("outputs/refusal.safetensors", vector, model, layer=12, pairs=128)
    """
    from safetensors.torch import save_file

    config = base_of(model).config
    facts = {
        "layer": layer_indices(layer, len(parts_of(model).blocks))[0],
        "site": site,
        "model": getattr(config, "_name_or_path", ""),
        "commit": getattr(config, "_commit_hash", None),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "notes": notes,
    }
    save_file({"vector": vector.detach().cpu().contiguous()}, path, {"glovebox": json.dumps(facts)})


def load_vector(path: str) -> Vector:
    """What `save_vector` wrote.

    >>> load_vector("outputs/refusal.safetensors").layer
    """
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        facts = json.loads((file.metadata() or {})["glovebox"])
        return Vector(file.get_tensor("vector"), **facts)
