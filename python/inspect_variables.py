"""Lists the variables of a kernel as JSON: types, shapes, sizes and short previews, without waking anything up.

Runs inside the kernel, by `exec` in a namespace of its own. It imports no library, calls no `__repr__`, `__len__` or `__iter__` of a
foreign class, reads no values from a device, and looks at the length of nothing twice. An object that fails costs only its row.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
import types
from typing import Any, Callable, Dict, List, Optional, Tuple

PREVIEW_CHARS = 80
LIMIT_S = 3.0
MIME = "application/vnd.glovebox.variables+json"
HIDDEN = frozenset(("In", "Out", "exit", "quit", "get_ipython", "open"))
ARRAY_LIBRARIES = frozenset(("numpy", "torch", "jax", "jaxlib", "cupy", "tensorflow", "pandas", "polars", "xarray", "scipy"))
CONTAINERS = (list, tuple, set, frozenset, dict)

Row = Dict[str, Any]


def ancestors(value: object) -> List[Tuple[str, str]]:
    """Module and name of the type and of what it derives from; never asks the object itself, which may be a proxy."""
    found = []
    for cls in type.__getattribute__(type(value), "__mro__"):
        module = type.__getattribute__(cls, "__module__")
        found.append((module if isinstance(module, str) else "?", type.__getattribute__(cls, "__name__")))
    return found


def type_name(value: object) -> str:
    module, name = ancestors(value)[0]
    return name if module in ("builtins", "__main__") else f"{module}.{name}"


def library_of(value: object) -> Optional[str]:
    """The array library that the object, or a class it derives from, belongs to."""
    for module, _name in ancestors(value):
        root = module.split(".", 1)[0]
        if root in ARRAY_LIBRARIES:
            return root
    return None


def attempt(read: Callable[[], Any]) -> Any:
    """The value, or None where reading it fails; an interrupt passes."""
    try:
        return read()
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - objects may raise anything, SystemExit too
        return None


def cut(text: str) -> str:
    text = " ".join(text[: PREVIEW_CHARS * 4].split())
    return text if len(text) <= PREVIEW_CHARS else text[: PREVIEW_CHARS - 1] + "…"


def summary(value: object, depth: int = 0) -> str:
    """A short text made of what is safe to read; only built-in types are looked into."""
    kind = type(value)
    if value is None or kind in (bool, float, complex, range, slice) or value is Ellipsis:
        return repr(value)
    if issubclass(kind, type):
        return f"<class {type.__getattribute__(value, '__name__')}>"
    if kind is int:
        bits = int.bit_length(value)  # type: ignore[arg-type]
        return repr(value) if bits <= 256 else f"<int of {bits} bits>"
    if kind in (str, bytes, bytearray):
        return repr(value[:PREVIEW_CHARS])  # type: ignore[index]
    if kind in CONTAINERS:
        return container_summary(value, depth)
    if library_of(value) == "numpy" and kind.__name__ not in ("ndarray", "matrix") and hasattr(kind, "item"):
        return repr(kind.item(value))  # type: ignore[attr-defined]
    if depth == 0:
        fields = attributes_of(value)
        if fields:
            inner = ", ".join(f"{name}={summary(field, 1)}" for name, field in fields)
            return f"{kind.__name__}({inner})"
    return f"<{type_name(value)}>"


def container_summary(value: Any, depth: int) -> str:
    kind = type(value)
    opening, closing = {list: "[]", tuple: "()", set: "{}", frozenset: "{}", dict: "{}"}[kind]
    if depth >= 2:
        return f"{opening}{len(value)} items{closing}"
    first = list(itertools.islice(kind.items(value) if kind is dict else kind.__iter__(value), 8))
    if kind is dict:
        parts = [f"{summary(key, depth + 1)}: {summary(item, depth + 1)}" for key, item in first]
    else:
        parts = [summary(item, depth + 1) for item in first]
    more = [f"... {len(value)} in all"] if len(value) > len(first) else []
    return opening + ", ".join(parts + more) + closing


def attributes_of(value: object) -> List[Tuple[str, object]]:
    """What stands in the object's own dictionary, without asking the object."""
    found = attempt(lambda: object.__getattribute__(value, "__dict__"))
    if type(found) is not dict:
        return []
    return [(name, field) for name, field in itertools.islice(dict.items(found), 6) if isinstance(name, str)]


def shape_of(value: Any) -> Optional[List[int]]:
    shape = attempt(lambda: value.shape)
    numbers = attempt(lambda: [int(size) for size in tuple(shape)])
    return numbers if isinstance(numbers, list) else None


def device_of(value: Any, library: str) -> Optional[str]:
    if library in ("jax", "jaxlib"):
        devices = attempt(lambda: sorted(str(device) for device in value.devices()))
        return ", ".join(devices[:4]) if devices else None
    if library in ("torch", "cupy", "tensorflow"):
        return attempt(lambda: str(value.device))
    return None


def bytes_of(value: Any, library: Optional[str]) -> Optional[int]:
    """Of arrays their data, of models their parameters, of everything else the object itself without what it refers to."""
    size: Any = None
    if library == "pandas":
        size = attempt(lambda: value.memory_usage(index=True).sum()) or attempt(lambda: value.memory_usage(index=True))
        # Its own __sizeof__ would look at every string.
        size = attempt(lambda: value.nbytes) if size is None else size
    elif library == "polars":
        size = attempt(lambda: value.estimated_size())
    elif library is not None:
        size = attempt(lambda: value.nbytes)
        if size is None:
            size = attempt(lambda: value.numel() * value.element_size())
        if size is None and ("torch.nn.modules.module", "Module") in ancestors(value):
            size = attempt(lambda: sum(item.numel() * item.element_size() for item in value.parameters()))
    size = attempt(lambda: int(size)) if size is not None else None
    if size is None:
        size = attempt(lambda: sys.getsizeof(value))
    if size is None:
        size = attempt(lambda: object.__sizeof__(value))
    return size


def dtype_of(value: Any, library: str) -> Optional[str]:
    if library == "pandas" and hasattr(type(value), "dtypes") and not hasattr(type(value), "dtype"):
        kinds = attempt(lambda: sorted({str(kind) for kind in value.dtypes}))
        return cut(", ".join(kinds)) if kinds else None
    return attempt(lambda: cut(str(value.dtype)))


def array_preview(value: Any, library: str) -> str:
    """A few values where they are in memory already; nothing of what lies on a device."""
    exact = ancestors(value)[0]
    if library == "numpy" and exact == ("numpy", "ndarray"):
        first = [summary(item, 1) for item in itertools.islice(value.flat, 6)]
        return f"[{', '.join(first)}{', ...' if value.size > len(first) else ''}]"
    if library == "torch" and exact in (("torch", "Tensor"), ("torch.nn.parameter", "Parameter")):
        if str(value.device) != "cpu":
            return "(values stay on the device)"
        row = value.detach()[(0,) * (len(value.shape) - 1)]
        first = row[:6].tolist() if len(value.shape) > 0 else row.tolist()
        return summary(first, 1) + (" ..." if value.numel() > 6 else "")
    if library == "torch" and ("torch.nn.modules.module", "Module") in ancestors(value):
        return f"{sum(item.numel() for item in value.parameters())} parameters"
    if library == "pandas" and hasattr(type(value), "columns"):
        return "columns " + summary(value.columns[:8].tolist(), 1) + (" ..." if len(value.columns) > 8 else "")
    if library == "pandas" and hasattr(type(value), "iloc"):
        return summary(value.iloc[:6].tolist(), 1) + (" ..." if len(value) > 6 else "")
    if library == "numpy":
        return summary(value, 1)
    return "(values not read)"


def measure(name: str, value: Any) -> Row:
    library = attempt(lambda: library_of(value))
    row: Row = {"name": name, "type": attempt(lambda: cut(type_name(value))) or "?", "bytes": bytes_of(value, library)}
    kind = type(value)
    if library is not None:
        row.update(shape=shape_of(value), dtype=dtype_of(value, library), device=device_of(value, library))
    elif kind in CONTAINERS or kind in (str, bytes, bytearray):
        row["shape"] = [len(value)]
    return {key: item for key, item in row.items() if item is not None}


def preview(value: Any) -> str:
    library = library_of(value)
    return cut(summary(value) if library is None else array_preview(value, library))


def is_definition(value: object) -> bool:
    """Modules, functions and classes are no variables to most people."""
    kinds = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)
    return any(issubclass(type(value), kind) for kind in kinds)


def chosen(namespace: Dict[str, Any], names: Optional[List[str]]) -> Tuple[List[Tuple[str, Any]], int]:
    """What to list, and how many definitions were left out."""
    everything = list(namespace.items())
    if names is not None:
        return [(name, value) for name, value in everything if name in names], 0
    own = [(name, value) for name, value in everything if not name.startswith("_") and name not in HIDDEN]
    listed = [(name, value) for name, value in own if not is_definition(value)]
    return listed, len(own) - len(listed)


def inspect(namespace: Dict[str, Any], names: Optional[List[str]], limit: int) -> Dict[str, Any]:
    end = time.monotonic() + LIMIT_S
    listed, definitions = chosen(namespace, names)
    rows: List[Tuple[Row, Any]] = []
    unseen = 0
    for name, value in listed:
        if time.monotonic() > end:
            unseen += 1
        else:
            rows.append((measure(name, value), value))
    rows.sort(key=lambda pair: (-pair[0].get("bytes", 0), pair[0]["name"]))
    shown = []
    for row, value in rows[:limit]:
        text = attempt(lambda value=value: preview(value)) if time.monotonic() <= end else None
        shown.append({**row, "preview": text if isinstance(text, str) else "(cannot be shown)"})
    missing = [name for name in names or [] if name not in namespace]
    return {"variables": shown, "count": len(listed), "definitions": definitions, "unseen": unseen, "missing": missing}


def publish(result: Dict[str, Any]) -> None:
    text = json.dumps(result)
    try:
        from IPython import get_ipython

        get_ipython().display_pub.publish({MIME: text})
    except Exception:  # noqa: BLE001 - a Python kernel without IPython
        sys.stdout.write(text + "\n")


def main(namespace: Dict[str, Any], request: str) -> None:
    asked = json.loads(request)
    publish(inspect(namespace, asked.get("names"), asked["limit"]))


if "glovebox_request" in globals():
    main(globals()["glovebox_namespace"], globals()["glovebox_request"])
