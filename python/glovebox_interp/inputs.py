"""From what people have (texts, chats, ids) to rows of token ids and padded batches; the tokenizer's own settings are never touched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator, Optional, Sequence, Union

import torch
from torch import Tensor

Chat = Sequence[dict]
Input = Union[str, Chat, Sequence[int], Tensor]
# Stands at the end of a turn that is to be continued while its template is rendered; a private character of Unicode.
_END = "\ue000\ue001\ue000"


@dataclass(frozen=True)
class EncodedChat:
    """`system_merged`: the template knows no system role, and the first user turn holds the text of it."""

    ids: list[int]
    text: str
    system_merged: bool


def encode_chat(tokenizer: Any, messages: Chat, **template: Any) -> EncodedChat:
    """A chat as token ids, ready for an answer: with the generation prompt, and with one BOS where the tokenizer uses one.

    A chat that ends with a turn of the assistant is continued in the middle of that turn. More named arguments, such as `tools`,
    go to the template.

    >>> encode_chat(tokenizer, [{"role": "user", "content": "Hi"}]).ids
    """
    messages = [dict(message) for message in messages]
    if not messages:
        raise ValueError("a chat without messages")
    try:
        text, merged = _render(tokenizer, messages, template), False
        system = messages[0]["content"] if messages[0]["role"] == "system" else None
        if isinstance(system, str) and system.strip() not in text:
            raise ValueError("the template leaves the system message out")
    except Exception:
        if messages[0]["role"] != "system" or len(messages) < 2 or messages[1]["role"] != "user":
            raise
        system, first, *rest = messages
        text = _render(tokenizer, [{**first, "content": f"{system['content']}\n\n{first['content']}"}, *rest], template)
        merged = True
    ids = list(tokenizer(text, add_special_tokens=False)["input_ids"])
    bos = tokenizer.bos_token_id
    if bos is not None and ids[:1] != [bos] and list(tokenizer("a")["input_ids"])[:1] == [bos]:
        ids = [bos, *ids]
    return EncodedChat(ids, text, merged)


def _render(tokenizer: Any, messages: list[dict], template: dict[str, Any]) -> str:
    last = messages[-1]
    if last["role"] != "assistant":
        return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **template)
    marked = [*messages[:-1], {**last, "content": last["content"] + _END}]
    text = tokenizer.apply_chat_template(marked, tokenize=False, add_generation_prompt=False, **template)
    return text[: text.rindex(_END)]


def encode(tokenizer: Any, one: Input) -> list[int]:
    """A text as the tokenizer has it, a chat by its template, ids as they are."""
    if isinstance(one, str):
        return list(tokenizer(one)["input_ids"])
    if isinstance(one, Tensor):
        return [int(number) for number in one.reshape(-1)]
    if len(one) > 0 and isinstance(one[0], dict):
        return encode_chat(tokenizer, one).ids
    return [int(number) for number in one]


def encode_all(tokenizer: Any, inputs: Any) -> list[list[int]]:
    """One input, or several, as rows of ids; an empty one is an error."""
    is_one = isinstance(inputs, (str, Tensor)) or (len(inputs) > 0 and isinstance(inputs[0], (dict, int)))
    rows = [encode(tokenizer, one) for one in ([inputs] if is_one else inputs)]
    for index, row in enumerate(rows):
        if not row:
            raise ValueError(f"input {index} has no tokens")
    return rows


@dataclass(frozen=True)
class Batch:
    """Rows of one forward pass: `items` are their places in the list that was given."""

    items: list[int]
    ids: Tensor
    mask: Tensor


def batches(rows: Sequence[Sequence[int]], budget: int, room: int, pad: int, left: bool, device: Any) -> Iterator[Batch]:
    """Rows of about the same length together, each batch of at most `budget` tokens with `room` more per row, and never empty."""
    order = sorted(range(len(rows)), key=lambda item: -len(rows[item]))
    while order:
        width = len(rows[order[0]])
        size = max(1, budget // (width + room))
        items, order = order[:size], order[size:]
        yield pad_rows(rows, items, pad, left, device)


def pad_rows(rows: Sequence[Sequence[int]], items: list[int], pad: int, left: bool, device: Any) -> Batch:
    width = max(len(rows[item]) for item in items)
    ids = torch.full((len(items), width), pad, dtype=torch.long)
    mask = torch.zeros((len(items), width), dtype=torch.long)
    for line, item in enumerate(items):
        row = torch.as_tensor(rows[item], dtype=torch.long)
        place = slice(width - len(row), width) if left else slice(0, len(row))
        ids[line, place], mask[line, place] = row, 1
    return Batch(items, ids.to(device), mask.to(device))


def pad_token(tokenizer: Any) -> int:
    """Which token fills rows does not matter, as the mask hides it; there must be one."""
    found: Optional[int] = tokenizer.pad_token_id
    found = tokenizer.eos_token_id if found is None else found
    return 0 if found is None else found


def token_texts(tokenizer: Any, ids: Sequence[int]) -> list[str]:
    return [tokenizer.decode([int(number)]) for number in ids]
