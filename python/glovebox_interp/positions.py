"""Tells hooks which logical position each token of a forward pass has: in a prefill, in each cached step of a generation, with padding.

With a cache a step has length 1, so what a block sees does not tell where in its row a token stands. Known it is one level
higher: from attention mask, position ids, length of the cache, and from what `generate` was called with.
"""

from __future__ import annotations

import functools
import inspect
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Callable, Iterator, Optional, Sequence

import torch
from torch import Tensor, nn

_ATTRIBUTE = "_glovebox_passes"


@dataclass(frozen=True)
class Positions:
    """Of one forward pass: `index` and `is_real` are [rows, tokens], `rows` says which prompt a row belongs to."""

    index: Tensor
    is_real: Tensor
    rows: Tensor
    prompt_lengths: Optional[Tensor]

    def selected(self, start: int, end: Optional[int], where: str, rows: Optional[Sequence[int]]) -> Tensor:
        """The tokens of a range. Negative bounds count from the end of the prompt of each row."""
        chosen = self.is_real & (self.index >= self._bound(start))
        if end is not None:
            chosen = chosen & (self.index < self._bound(end))
        if where != "all":
            is_prompt = self.index < self._prompts()
            chosen = chosen & (is_prompt if where == "prompt" else ~is_prompt)
        if rows is not None:
            wanted = torch.as_tensor(list(rows), device=self.rows.device)
            chosen = chosen & (self.rows[:, None] == wanted[None, :]).any(dim=1)[:, None]
        return chosen

    def _bound(self, value: int) -> Any:
        return value if value >= 0 else self._prompts() + value

    def _prompts(self) -> Tensor:
        if self.prompt_lengths is None:
            raise RuntimeError("where the prompt ends is not known: its prefill must run inside the context too")
        return self.prompt_lengths[:, None]


class Passes:
    """Follows the forward passes of one model, for as long as any context needs it. Shared by all of them."""

    def __init__(self, base: Any, stack: Optional[nn.Module]) -> None:
        self._base = base
        self._users = 0
        self._restore: list[Callable[[], None]] = []
        self._current: Optional[Positions] = None
        self._reason = "no forward pass is running"
        self._depth = 0
        # Of the `generate` that runs: rows, width of the prompt with padding, its mask.
        self._call: Optional[tuple[int, int, Optional[Tensor]]] = None
        self._prompts: Optional[Tensor] = None
        self._items: Optional[Sequence[int]] = None
        if callable(getattr(base, "generate", None)):
            self._wrap(base, "generate", self._around_generate)
        for module in [base] if stack is None or stack is base else [base, stack]:
            self._wrap(module, "forward", self._around_forward)

    @classmethod
    def join(cls, base: Any, stack: Optional[nn.Module]) -> Passes:
        found = base.__dict__.get(_ATTRIBUTE)
        if found is None:
            found = base.__dict__[_ATTRIBUTE] = cls(base, stack)
        found._users += 1
        return found

    def leave(self) -> None:
        self._users -= 1
        if self._users == 0:
            del self._base.__dict__[_ATTRIBUTE]
            while self._restore:
                self._restore.pop()()

    def current(self) -> Positions:
        if self._current is None:
            raise RuntimeError(f"positions of the tokens are not known: {self._reason}")
        return self._current

    def _wrap(self, module: nn.Module, name: str, around: Callable[..., Any]) -> None:
        # On the object, as hooks of accelerate are: PyTorch has hooks that see named arguments only from 2.0 on.
        before = module.__dict__.get(name)
        original = getattr(module, name)
        signature = inspect.signature(original)

        @functools.wraps(original)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with around(_named(signature, args, kwargs)):
                return original(*args, **kwargs)

        def restore() -> None:
            # Somebody may have wrapped it once more meanwhile; then ours stays inside, and does nothing that matters.
            if module.__dict__.get(name) is wrapper:
                if before is None:
                    del module.__dict__[name]
                else:
                    module.__dict__[name] = before

        module.__dict__[name] = wrapper
        self._restore.append(restore)

    @contextmanager
    def _around_generate(self, named: dict[str, Any]) -> Iterator[None]:
        given = next((named[name] for name in ("inputs", "input_ids", "inputs_embeds") if named.get(name) is not None), None)
        before = self._call
        if isinstance(given, Tensor):
            mask = named.get("attention_mask")
            self._call = (given.shape[0], given.shape[1], mask if _is_plain(mask) else None)
        self._prompts = None
        try:
            yield
        finally:
            self._call = before

    @contextmanager
    def _around_forward(self, named: dict[str, Any]) -> Iterator[None]:
        self._depth += 1
        try:
            # The outermost call that knows is asked: further in, masks are often no longer what people gave.
            if self._current is None:
                self._current = self._positions(named)
            yield
        finally:
            self._depth -= 1
            if self._depth == 0:
                self._current = None
                self._reason = "no forward pass is running"

    def _positions(self, named: dict[str, Any]) -> Optional[Positions]:
        ids = named.get("input_ids")
        ids = named.get("inputs_embeds") if ids is None else ids
        if not isinstance(ids, Tensor):
            self._reason = "the model was called without input_ids and inputs_embeds"
            return None
        count, length = ids.shape[:2]
        past = _past_length(named)
        given, mask = named.get("position_ids"), named.get("attention_mask")
        call = self._call
        line = None if past is None else past + torch.arange(length, device=ids.device).expand(count, length)
        if _is_plain(mask) and mask.shape[1] >= length and not (past and mask.shape[1] == length):
            whole = mask.to(ids.device) != 0
            index, is_real = (whole.long().cumsum(1) - 1)[:, -length:], whole[:, -length:]
            is_first = whole.shape[1] == length
            width = call[1] if call is not None else length
            prompts = whole[:, :width].sum(1) if call is not None or is_first else self._kept(count)
        elif call is not None and call[2] is not None and line is not None:
            whole = call[2].to(ids.device).repeat_interleave(count // call[0], 0) != 0
            prompts = whole.sum(1)
            line = line.to(ids.device)
            inside = line.clamp(max=call[1] - 1)
            behind = prompts[:, None] + line - call[1]
            index = torch.where(line < call[1], (whole.long().cumsum(1) - 1).gather(1, inside), behind)
            is_real = whole.gather(1, inside) | (line >= call[1])
        elif isinstance(given, Tensor) and given.dim() == 2:
            last = given[:, -1:].to(ids.device).expand(count, 1)
            index = last - torch.arange(length - 1, -1, -1, device=ids.device)
            is_real = index >= 0
            if not bool((index.eq(given.to(ids.device)) | ~is_real).all()):
                self._reason = "position ids that do not count up, and no mask of rows and tokens"
                return None
            prompts = is_real.sum(1) if past == 0 else self._kept(count)
        elif mask is None and line is not None:
            index, is_real = line, torch.ones_like(line, dtype=torch.bool)
            prompts = is_real.sum(1) if past == 0 else self._kept(count)
        else:
            self._reason = "neither a mask of rows and tokens, nor position ids, nor the length of the cache"
            return None
        self._prompts = prompts
        items = call[0] if call is not None else len(self._items or ()) or count
        rows = torch.arange(count, device=ids.device) // max(1, count // items)
        if self._items is not None:
            rows = torch.as_tensor(list(self._items), device=ids.device)[rows]
        return Positions(index, is_real, rows, prompts)

    def _kept(self, count: int) -> Optional[Tensor]:
        """Of the prefill of this sequence, which came before."""
        return self._prompts if self._prompts is not None and len(self._prompts) == count else None


@contextmanager
def batch_of(base: Any, items: Sequence[int]) -> Iterator[None]:
    """Says which items of a longer list the rows are that run now, so that `rows` of a context means items of the list."""
    passes = base.__dict__.get(_ATTRIBUTE)
    if passes is None:
        yield
        return
    passes._items = items
    try:
        yield
    finally:
        passes._items = None


def _named(signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    try:
        named = dict(signature.bind_partial(*args, **kwargs).arguments)
    except TypeError:
        # The call itself will say what is wrong with it.
        return {}
    for name, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            named.update(named.pop(name, {}))
    return named


def _is_plain(mask: Any) -> bool:
    return isinstance(mask, Tensor) and mask.dim() == 2


def _past_length(named: dict[str, Any]) -> Optional[int]:
    place = named.get("cache_position")
    if isinstance(place, Tensor) and place.numel() > 0:
        return int(place.reshape(-1)[0])
    past = named.get("past_key_values")
    if past is None:
        return 0
    if callable(getattr(past, "get_seq_length", None)):
        length = past.get_seq_length()
        return None if length is None else int(length)
    if isinstance(past, (tuple, list)):
        return past[0][0].shape[-2] if past and past[0] is not None else 0
    return None
