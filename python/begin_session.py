"""The beginning of a session: imports into its namespace, and code of the user that leaves no cell.

Runs inside the kernel of a session, by `exec` in a namespace of its own, for Python 3.8 and later.
"""

from __future__ import annotations

import importlib
import json
import linecache
import os
from typing import Any, Dict

INIT = "<init_code>"


def begin(asked: Dict[str, Any], namespace: Dict[str, Any]) -> None:
    os.environ.update(asked["env"])
    for name in asked["imports"]:
        # As `import a.b` does it: the name that is bound is `a`.
        importlib.import_module(name)
        top = name.partition(".")[0]
        namespace[top] = importlib.import_module(top)
    code = asked.get("init_code")
    if code:
        # So that a traceback shows the line.
        linecache.cache[INIT] = (len(code), None, code.splitlines(True), INIT)
        exec(compile(code, INIT, "exec"), namespace)


if "glovebox_request" in globals():
    begin(json.loads(globals()["glovebox_request"]), globals()["glovebox_namespace"])
