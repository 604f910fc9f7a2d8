"""Generates for many prompts at once what each alone would get."""

from __future__ import annotations

import copy
import secrets
from dataclasses import dataclass
from typing import Any, Optional

import torch

from .inputs import Batch, batches, encode_all, pad_rows, pad_token
from .positions import batch_of
from .structure import base_of, input_device


@dataclass(frozen=True)
class Generation:
    """`finish_reason` is "stop" at a token that ends a text, else "length"; `seed` is None for greedy ones."""

    text: str
    token_ids: list[int]
    finish_reason: str
    prompt_length: int
    seed: Optional[int]


def generate(
    model: Any,
    tokenizer: Any,
    prompts_or_chats: Any,
    max_new_tokens: int = 256,
    temperature: float = 0,
    *,
    top_p: Optional[float] = None,
    seed: Optional[int] = None,
    token_budget: int = 16384,
    **options: Any,
) -> list[Generation]:
    """One answer for each prompt, chat or row of ids, in their order; greedy unless a temperature is given.

    Rows are padded on the left whatever the tokenizer says, and only what follows the padded prompt is an answer. A chat that
    ends with a turn of the assistant goes on in it. Batches hold at most `token_budget` tokens, prompts and answers together, and
    are halved when memory runs out. With a temperature, `seed` makes it the same again (for the same batches); without one it is
    drawn, and stands in the result. More options go to the model's own generate.

    >>> generate(model, tokenizer, ["The sky is"], max_new_tokens=8)[0].text
    """
    rows = encode_all(tokenizer, prompts_or_chats)
    config = copy.deepcopy(base_of(model).generation_config)
    config.do_sample = temperature > 0
    # Values that change nothing: what is None would be taken from the model's own configuration.
    is_greedy = temperature <= 0
    config.temperature, config.top_p, config.top_k = (1.0, 1.0, 50) if is_greedy else (temperature, top_p or 1.0, 0)
    config.typical_p, config.epsilon_cutoff, config.eta_cutoff, config.min_p = 1.0, 0.0, 0.0, None
    if is_greedy:
        seed = None
    elif seed is None:
        seed = secrets.randbelow(2**31)
    stops = config.eos_token_id if config.eos_token_id is not None else tokenizer.eos_token_id
    stop_ids = set(stops) if isinstance(stops, (list, tuple)) else {stops} - {None}
    pad = pad_token(tokenizer)
    config.eos_token_id, config.pad_token_id, config.max_new_tokens = sorted(stop_ids) or None, pad, max_new_tokens
    found: dict[int, list[int]] = {}
    waiting = list(batches(rows, token_budget, max_new_tokens, pad, True, input_device(model)))
    while waiting:
        batch = waiting.pop(0)
        try:
            answers = _run(model, batch, config, seed, options)
        except torch.cuda.OutOfMemoryError:
            if len(batch.items) == 1:
                raise
            torch.cuda.empty_cache()
            half = len(batch.items) // 2
            parts = (batch.items[:half], batch.items[half:])
            waiting[:0] = [pad_rows(rows, items, pad, True, batch.ids.device) for items in parts]
            continue
        found.update(zip(batch.items, answers))
    results = []
    for item, row in enumerate(rows):
        new = found[item]
        end = next((place for place, token in enumerate(new) if token in stop_ids), None)
        ids = new if end is None else new[: end + 1]
        text = tokenizer.decode(ids, skip_special_tokens=True)
        results.append(Generation(text, ids, "length" if end is None else "stop", len(row), seed))
    return results


def _run(model: Any, batch: Batch, config: Any, seed: Optional[int], options: dict[str, Any]) -> list[list[int]]:
    devices = list(range(torch.cuda.device_count())) if batch.ids.is_cuda else []
    with torch.no_grad(), torch.random.fork_rng(devices=devices, enabled=seed is not None), batch_of(base_of(model), batch.items):
        if seed is not None:
            torch.manual_seed(seed + batch.items[0])
        output = model.generate(input_ids=batch.ids, attention_mask=batch.mask, generation_config=config, **options)
    sequences = output if isinstance(output, torch.Tensor) else output.sequences
    if len(sequences) != len(batch.items):
        raise ValueError("one answer for each prompt: give a prompt several times instead of num_return_sequences")
    return sequences[:, batch.ids.shape[1] :].tolist()
