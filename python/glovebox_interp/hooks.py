"""Hooks that say what they are, where they were set, and that always go: every function of this package uses these."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Callable, Iterable, Optional, Sequence, Tuple

from torch import Tensor, nn

from .positions import Passes
from .structure import parts_of, site_module

# What a hook does with hidden states of shape [rows, tokens, width]: None leaves them as they are.
Edit = Callable[[Tensor], Optional[Tensor]]
# Start, end, "all" or "prompt" or "generated", rows: as `steer` takes them.
Tokens = Tuple[int, Optional[int], str, Optional[Sequence[int]]]


class Attached(AbstractContextManager):
    """Edits at sites of some blocks, while the context is open."""

    def __init__(
        self,
        model: Any,
        what: str,
        edits: Iterable[tuple[int, str, Edit]],
        blocks: Optional[Iterable[nn.Module]] = None,
        counts_positions: bool = False,
    ) -> None:
        self.what = what
        self.cell: Optional[int] = None
        self.passes: Optional[Passes] = None
        self._parts = parts_of(model, blocks)
        self._edits = list(edits)
        self._counts_positions = counts_positions
        self._handles: list[Any] = []
        self._shell: Any = None

    def __enter__(self) -> Attached:
        if self._handles:
            raise RuntimeError(f"this {self.what} is active already")
        try:
            self._shell = _shell()
            if self._shell is not None:
                # The counter of the shell is that of the next cell in some versions.
                self.cell = len(self._shell.history_manager.input_hist_parsed) - 1
                self._shell.events.register("post_run_cell", self._after_cell)
            if self._counts_positions:
                self.passes = Passes.join(self._parts.base, self._parts.stack)
            for layer, site, edit in self._edits:
                module = site_module(self._parts.blocks[layer], site)
                hook = Hook(self, f"{self.what} at {site} of block {layer}", edit)
                attach = module.register_forward_pre_hook if site == "block_in" else module.register_forward_hook
                self._handles.append(attach(hook.before if site == "block_in" else hook.after))
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_: Any) -> None:
        self.remove()

    def chosen(self, hidden: Tensor, tokens: Tokens) -> Tensor:
        """The tokens of this pass that are in the range, as [rows, tokens, 1] where the hidden states are."""
        if self.passes is None:
            raise RuntimeError(f"{self.what} is not active")
        found = self.passes.current().selected(*tokens)
        if found.shape != hidden.shape[:2]:
            raise RuntimeError(f"hidden states of shape {tuple(hidden.shape)} for {tuple(found.shape)} rows and tokens")
        return found.to(hidden.device)[..., None]

    def remove(self) -> None:
        """Takes all of it away; once more does nothing."""
        while self._handles:
            self._handles.pop().remove()
        if self.passes is not None:
            self.passes.leave()
            self.passes = None
        if self._shell is not None:
            shell, self._shell = self._shell, None
            try:
                shell.events.unregister("post_run_cell", self._after_cell)
            except ValueError:
                pass

    def _after_cell(self, *_: Any) -> None:
        print(f"glovebox_interp: {self.what}, set in cell [{self.cell}], is still active; clear_hooks(model) ends it", file=sys.stderr)


@dataclass(frozen=True)
class Hook:
    """One of the hooks of an `Attached`."""

    owner: Attached
    what: str
    edit: Edit

    def before(self, module: nn.Module, args: tuple[Any, ...]) -> Any:
        if not args:
            raise RuntimeError(f"{self.what}: this model passes hidden states by name")
        edited = self.edit(args[0])
        return None if edited is None else (edited, *args[1:])

    def after(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        is_plain = isinstance(output, Tensor)
        edited = self.edit(output if is_plain else output[0])
        if edited is None:
            return None
        return edited if is_plain else (edited, *output[1:])


def _shell() -> Any:
    """IPython's, in a notebook."""
    module = sys.modules.get("IPython")
    return None if module is None else module.get_ipython()


@dataclass(frozen=True)
class LiveHook:
    """One hook on a module: `cell` is the number of the cell that set it, where that is known."""

    module: str
    what: str
    cell: Optional[int]
    is_ours: bool


def _hooks_of(model: Any) -> Iterable[tuple[str, nn.Module, dict[Any, Any], Any, Any]]:
    for name, module in model.named_modules():
        for hooks in (module._forward_pre_hooks, module._forward_hooks):
            for key, function in list(hooks.items()):
                # With some of its own transformers gathers what a pass returns; they stay, and do nothing else.
                if str(getattr(function, "__module__", "")).startswith("transformers."):
                    continue
                yield name, module, hooks, key, function


def active_hooks(model: Any) -> list[LiveHook]:
    """Every forward hook that is on the model now, also those of others, but not those that are part of transformers.

    >>> active_hooks(model)
    []
    """
    found = []
    for name, _module, _hooks, _key, function in _hooks_of(model):
        ours = getattr(function, "__self__", None)
        if isinstance(ours, Hook):
            found.append(LiveHook(name, ours.what, ours.owner.cell, True))
        else:
            found.append(LiveHook(name, getattr(function, "__qualname__", type(function).__name__), None, False))
    return found


def clear_hooks(model: Any, foreign: bool = False) -> int:
    """Ends everything of this package that is still active on the model, with `foreign` the hooks of others too; how many hooks.

    >>> clear_hooks(model)
    0
    """
    count = 0
    for _name, _module, hooks, key, function in list(_hooks_of(model)):
        ours = getattr(function, "__self__", None)
        if isinstance(ours, Hook):
            ours.owner.remove()
        elif foreign:
            hooks.pop(key, None)
        else:
            continue
        count += 1
    return count
