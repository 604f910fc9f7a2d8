"""Hands the loaded model to the libraries of the field, without loading it again where that is possible."""

from __future__ import annotations

from typing import Any

from .structure import base_of


def as_nnsight(model: Any, tokenizer: Any) -> Any:
    """The model as nnsight's LanguageModel, for tracing and interventions of any kind. Shares the weights.

    >>> as_nnsight(model, tokenizer)
    """
    try:
        from nnsight import LanguageModel
    except ImportError as error:
        raise ImportError("nnsight is not here: %pip install nnsight") from error
    return LanguageModel(model, tokenizer=tokenizer)


def as_transformer_lens(model: Any, tokenizer: Any, copy: bool = False) -> Any:
    """The model as TransformerLens's HookedTransformer, unprocessed. It holds a second copy of the weights, hence `copy=True`.

    >>> as_transformer_lens(model, tokenizer, copy=True)
    """
    base = base_of(model)
    size = sum(parameter.numel() * parameter.element_size() for parameter in base.parameters()) / 1e9
    if not copy:
        raise ValueError(f"TransformerLens makes a second copy of the weights, {size:.1f} GB more: pass copy=True if there is room")
    if base is not model:
        raise ValueError("TransformerLens knows no adapters: merge them into the base first")
    try:
        from transformer_lens import HookedTransformer
    except ImportError as error:
        raise ImportError("TransformerLens is not here: %pip install transformer-lens") from error
    name = base.config._name_or_path
    return HookedTransformer.from_pretrained_no_processing(name, hf_model=base, tokenizer=tokenizer, dtype=base.dtype)
