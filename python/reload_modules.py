"""Imports modules anew whose files were replaced, and lets names that a session took out of them mean the new ones.

Runs inside the kernel of a session, by `exec` in a namespace of its own, for Python 3.8 and later.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
import traceback
from typing import Any, Dict, List

MIME = "application/vnd.glovebox.reload+json"


def file_of(module: Any) -> str:
    place = getattr(module, "__file__", None)
    return os.path.realpath(place) if isinstance(place, str) else ""


def forget_compiled(file: str) -> None:
    """It is told from its source by a time in whole seconds and a size, which a change of a moment ago may share."""
    try:
        os.unlink(importlib.util.cache_from_source(file))
    except (OSError, NotImplementedError):
        pass


def rebind(namespace: Dict[str, Any], before: Dict[str, Any], module: Any) -> None:
    """Names of the session that are the very objects the module had, under whatever name it has them."""
    for name, value in list(namespace.items()):
        if name.startswith("_"):
            continue
        for known, old in before.items():
            if old is value and callable(old) and getattr(old, "__module__", None) == module.__name__ and hasattr(module, known):
                namespace[name] = getattr(module, known)


def reload(files: List[str], namespace: Dict[str, Any]) -> Dict[str, List[str]]:
    importlib.invalidate_caches()
    wanted = {os.path.realpath(place) for place in files}
    reloaded: List[str] = []
    failed: List[str] = []
    # A module stands behind those that it imports: it is put there when it has run.
    for name, module in list(sys.modules.items()):
        if name == "__main__" or file_of(module) not in wanted:
            continue
        before = dict(vars(module))
        forget_compiled(file_of(module))
        try:
            importlib.reload(module)
        except BaseException:  # noqa: B036 - whatever a module does when it is imported
            failed.append(f"{name}: {traceback.format_exc(limit=-3).strip()[-2000:]}")
            continue
        rebind(namespace, before, module)
        reloaded.append(name)
    return {"reloaded": reloaded, "failed": failed}


def main(request: str, namespace: Dict[str, Any]) -> None:
    from IPython import get_ipython

    result = reload(json.loads(request)["files"], namespace)
    get_ipython().display_pub.publish({MIME: json.dumps(result)})


if "glovebox_request" in globals():
    main(globals()["glovebox_request"], globals()["glovebox_namespace"])
