"""Switches the adapters of a PEFT model for a block of code, and asks one adapter about the activations of another."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Iterator, Optional, Sequence

import torch
from torch import Tensor

from .capture import Where, activations
from .generation import generate
from .hooks import Attached
from .inputs import encode, encode_chat
from .structure import parts_of


@contextmanager
def adapter(model: Any, name: Optional[str]) -> Iterator[Any]:
    """Uses one adapter in the block, or for None the base alone; afterwards, also after an error, all is as it was.

    >>> with adapter(model, None):
    ...     of_the_base = generate(model, tokenizer, prompts)
    """
    tuner = getattr(model, "base_model", None)
    if not hasattr(model, "peft_config") or not hasattr(tuner, "disable_adapter_layers"):
        raise TypeError("this model has no adapters: wrap it with peft, or load one")
    if name is not None and name not in model.peft_config:
        raise KeyError(f"no adapter {name!r}; adapters: {', '.join(model.peft_config)}")
    before, active = model.active_adapter, list(tuner.active_adapters)
    was_off = any(getattr(module, "disable_adapters", False) is True for module in tuner.modules())
    # Switching lets the adapter learn; whoever reads activations does not want that.
    learning = {parameter: parameter.requires_grad for parameter in model.parameters()}
    try:
        if name is None:
            tuner.disable_adapter_layers()
        else:
            model.set_adapter(name)
            tuner.enable_adapter_layers()
        _set_learning(learning)
        yield model
    finally:
        model.set_adapter(before if isinstance(before, str) else active[0])
        if len(active) > 1:
            tuner.set_adapter(active)
        (tuner.disable_adapter_layers if was_off else tuner.enable_adapter_layers)()
        _set_learning(learning)


def _set_learning(learning: dict[Any, bool]) -> None:
    for parameter, wanted in learning.items():
        parameter.requires_grad_(wanted)


@dataclass(frozen=True)
class Probed:
    """What the oracle said of the activation at one position of the text."""

    position: int
    token: str
    text: str


def probe(
    model: Any,
    oracle_adapter: str,
    target_adapter: Optional[str],
    tokenizer: Any,
    text: Any,
    question: str,
    *,
    depth: float = 0.5,
    positions: Where = "all",
    together: bool = False,
    inject_at: int = 1,
    placeholder: str = " ?",
    max_new_tokens: int = 64,
    batch_size: int = 32,
) -> list[Probed]:
    """Asks an activation oracle about a text: activations of the target are put into the oracle's prompt, and it answers.

    They are read behind the block at `depth` of the model (0.5: the middle), with `target_adapter` on (None: the base), and
    written, scaled to the norm of what is there, behind block `inject_at` of the oracle, in the prefill only. One question for each
    position, or with `together` one for all of them. The prompt is "Layer: N", the placeholders and the question.

    >>> probe(model, "oracle", "target", tokenizer, "I like trains", "What is this about?", positions="last")[0].text
    """
    count = len(parts_of(model).blocks)
    layer = min(count - 1, round(depth * count))
    wanted = [positions] if isinstance(positions, int) else [-1] if positions == "last" else positions
    if wanted == "mean":
        raise ValueError("an oracle is asked about positions")
    with adapter(model, target_adapter):
        read = activations(model, tokenizer, text, layer, wanted)
    if len(read.tokens) != 1:
        raise ValueError("one text at a time")
    vectors, tokens, places = read[layer][0], read.tokens[0], read.positions[0]
    groups = [list(range(len(places)))] if together else [[line] for line in range(len(places))]
    prompt, at = _oracle_prompt(tokenizer, layer, placeholder, len(groups[0]), question)
    found = []
    with adapter(model, oracle_adapter):
        for begin in range(0, len(groups), batch_size):
            batch = groups[begin : begin + batch_size]
            with _injected(model, inject_at, torch.stack([vectors[group] for group in batch]), at):
                # All prompts are the same, so that they are one batch in this order.
                budget = (len(prompt) + max_new_tokens) * len(batch)
                answers = generate(model, tokenizer, [prompt] * len(batch), max_new_tokens, token_budget=budget)
            for group, answer in zip(batch, answers):
                found += [Probed(places[line], tokens[line], answer.text) for line in group]
    return found


def _oracle_prompt(tokenizer: Any, layer: int, placeholder: str, count: int, question: str) -> tuple[list[int], list[int]]:
    """The ids, and at which of them the placeholders are: found in the ids that the model really gets."""
    ids = tokenizer(placeholder, add_special_tokens=False)["input_ids"]
    if len(ids) != 1:
        raise ValueError(f"the placeholder {placeholder!r} is {len(ids)} tokens of this tokenizer; it must be one")
    content = f"Layer: {layer}\n{placeholder * count} \n{question}"
    has_template = getattr(tokenizer, "chat_template", None) is not None
    prompt = encode_chat(tokenizer, [{"role": "user", "content": content}]).ids if has_template else encode(tokenizer, content)
    at = [place for place, token in enumerate(prompt) if token == ids[0]][:count]
    if len(at) != count or at != list(range(at[0], at[0] + count)):
        raise ValueError(f"the {count} placeholders are not {count} tokens next to each other in the prompt")
    return prompt, at


def _injected(model: Any, layer: int, vectors: Tensor, at: Sequence[int]) -> Attached:
    """Adds vectors, [rows, positions, width], at positions of the prompt."""
    units = vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(1e-12)

    def edit(hidden: Tensor) -> Tensor:
        passes = attached.passes
        if passes is None:
            raise RuntimeError("not active")
        now = passes.current()
        changed = hidden.float()
        own = units.to(hidden.device)[now.rows.to(hidden.device)]
        for line, position in enumerate(at):
            here = (now.is_real & (now.index == position)).to(hidden.device)[..., None]
            norms = hidden.float().norm(dim=-1, keepdim=True)
            changed = torch.where(here, changed + norms * own[:, line, None, :], changed)
        return changed.to(hidden.dtype)

    attached = Attached(model, "probe", [(layer, "block_out", edit)], counts_positions=True)
    return attached
