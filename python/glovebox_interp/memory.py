"""What lies in the memory of each GPU, and how tensors are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Optional

import torch
from torch import Tensor, nn

from .hooks import _shell

_GIB = 2**30


@dataclass(frozen=True)
class DeviceMemory:
    """In bytes. `other_bytes` are tensors that are no weights: activations, caches of keys and values, captures."""

    device: str
    name: str
    weights_bytes: int
    other_bytes: int
    cache_bytes: int
    free_bytes: int
    total_bytes: int


@dataclass(frozen=True)
class GpuReport:
    """`largest` are variables with their bytes on any device, the largest first."""

    devices: list[DeviceMemory]
    largest: list[tuple[str, str, int]]

    def __repr__(self) -> str:
        lines = [
            f"{one.device} {one.name}: weights {one.weights_bytes / _GIB:.2f}, other tensors {one.other_bytes / _GIB:.2f}, "
            f"PyTorch's cache {one.cache_bytes / _GIB:.2f}, free {one.free_bytes / _GIB:.2f} of {one.total_bytes / _GIB:.2f} GiB"
            for one in self.devices
        ] or ["no GPU"]
        return "\n".join([*lines, *(f"  {name} ({device}): {size / _GIB:.3f} GiB" for name, device, size in self.largest)])


def gpu_report(namespace: Optional[Mapping[str, Any]] = None, top: int = 10) -> GpuReport:
    """Memory of each GPU, and the largest tensors and models among the variables of the notebook (or of `namespace`).

    >>> gpu_report()
    """
    shell = _shell()
    variables = namespace if namespace is not None else {} if shell is None else shell.user_ns
    sizes: dict[tuple[str, str], int] = {}
    weights: dict[str, int] = {}
    seen: set[int] = set()
    for name, value in list(variables.items()):
        if name.startswith("_"):
            continue
        for tensor, is_weight in _tensors(value):
            size, device = tensor.numel() * tensor.element_size(), str(tensor.device)
            sizes[name, device] = sizes.get((name, device), 0) + size
            if is_weight and tensor.data_ptr() not in seen:
                seen.add(tensor.data_ptr())
                weights[device] = weights.get(device, 0) + size
    largest = sorted(((name, device, size) for (name, device), size in sizes.items()), key=lambda one: -one[2])[:top]
    devices = []
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        free, total = torch.cuda.mem_get_info(index)
        held, reserved = torch.cuda.memory_allocated(index), torch.cuda.memory_reserved(index)
        own = min(weights.get(f"cuda:{index}", 0), held)
        devices.append(
            DeviceMemory(f"cuda:{index}", torch.cuda.get_device_name(index), own, held - own, reserved - held, free, total)
        )
    return GpuReport(devices, largest)


def _tensors(value: Any, depth: int = 0) -> Iterator[tuple[Tensor, bool]]:
    if isinstance(value, Tensor):
        yield value, isinstance(value, nn.Parameter)
    elif isinstance(value, nn.Module):
        for tensor in (*value.parameters(), *value.buffers()):
            yield tensor, True
    elif depth < 2 and isinstance(value, (list, tuple, dict)) and len(value) <= 10_000:
        for one in value.values() if isinstance(value, dict) else value:
            yield from _tensors(one, depth + 1)
    elif depth < 2 and hasattr(value, "values") and isinstance(getattr(value, "values"), dict):
        yield from _tensors(value.values, depth + 1)


def brief(tensor: Tensor) -> str:
    """Shape, dtype, device and statistics of a tensor; a small one whole."""
    if tensor.numel() <= 16:
        return repr(tensor)
    words = f"Tensor {list(tensor.shape)} {str(tensor.dtype).replace('torch.', '')} on {tensor.device}"
    if tensor.is_complex() or tensor.is_quantized or tensor.layout is not torch.strided:
        return words
    wide = tensor.detach().float()
    finite = wide[torch.isfinite(wide)]
    odd = wide.numel() - finite.numel()
    if finite.numel() > 0:
        low, high = float(finite.min()), float(finite.max())
        words += f": mean {float(finite.mean()):.4g}, std {float(finite.std(unbiased=False)):.4g}, min {low:.4g}, max {high:.4g}"
    return f"{words}, {odd} not finite" if odd else words


def brief_tensors(shell: Any = None) -> None:
    """Shows tensors that are the last value of a cell by shape, dtype, device and statistics. Glovebox does so where it loads models.

    >>> brief_tensors()
    """
    shell = shell or _shell()
    if shell is not None:
        plain = shell.display_formatter.formatters["text/plain"]
        for kind in (Tensor, nn.Parameter):
            plain.for_type(kind, lambda tensor, printer, cycle: printer.text(brief(tensor)))
