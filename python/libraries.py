"""Puts libraries of the user where kernels of this sandbox find them, and tries whether they can be imported.

Runs inside a kernel, by `exec` in a namespace of its own, for Python 3.8 and later.
"""

from __future__ import annotations

import base64
import importlib.machinery
import json
import keyword
import os
import shutil
import subprocess
import sys
import tempfile
from typing import Any, Dict, List, Optional

MIME = "application/vnd.glovebox.libraries+json"
# Beside the libraries: what of them was put there by us, and from which content.
MARKS = ".glovebox"
CHECK_S = 300

# In a process of its own: an import that fails, hangs or prints must not do so here.
CHECK = '''
import importlib, inspect, json, sys, traceback

out, names = sys.argv[1], sys.argv[2:]


def describe(module):
    names = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
    lines = []
    for name in names:
        value = getattr(module, name, None)
        home = getattr(value, "__module__", None) or ""
        if not callable(value) or (home + ".").split(".")[0] != module.__name__:
            continue
        try:
            signature = str(inspect.signature(value))
        except (TypeError, ValueError):
            signature = "(...)"
        about = (inspect.getdoc(value) or "").strip().split("\\n")[0]
        kind = "class " if inspect.isclass(value) else ""
        lines.append(kind + name + signature + (": " + about if about else ""))
    about = inspect.getdoc(module) or ""
    return "\\n".join(([about.strip()] if about.strip() else []) + lines)


found = {}
for name in names:
    try:
        found[name] = {"docs": describe(importlib.import_module(name))}
    except BaseException:
        found[name] = {"error": traceback.format_exc()[-4000:]}
with open(out, "w", encoding="utf-8") as stream:
    json.dump(found, stream)
'''


def mark_of(folder: str, name: str) -> str:
    return os.path.join(folder, MARKS, name + ".json")


def read_mark(folder: str, name: str) -> Optional[Dict[str, Any]]:
    try:
        with open(mark_of(folder, name), encoding="utf-8") as stream:
            mark: Dict[str, Any] = json.load(stream)
    except (OSError, ValueError):
        return None
    return mark


def forget(folder: str, name: str) -> None:
    for place in (os.path.join(folder, name), os.path.join(folder, name + ".py")):
        if os.path.isdir(place) and not os.path.islink(place):
            shutil.rmtree(place)
        elif os.path.lexists(place):
            os.unlink(place)


def put(folder: str, name: str, files: List[Dict[str, str]]) -> None:
    """All of it beside its place, then into it: an import meanwhile finds the old library or the new one."""
    stage = tempfile.mkdtemp(prefix=".glovebox-", dir=folder)
    try:
        for file in files:
            place = os.path.join(stage, file["name"])
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "wb") as stream:
                stream.write(base64.b64decode(file["data"]))
        forget(folder, name)
        for top in os.listdir(stage):
            os.replace(os.path.join(stage, top), os.path.join(folder, top))
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def state(folder: str, asked: Dict[str, Any]) -> Dict[str, Any]:
    """What is there already, whole and tried."""
    known = {}
    for name in asked["names"]:
        mark = read_mark(folder, name)
        is_there = any(os.path.exists(os.path.join(folder, place)) for place in (name, name + ".py"))
        if mark is not None and is_there:
            known[name] = mark
    return {"known": known}


def hidden_by(name: str, folder: str) -> Optional[str]:
    """The module that a library of that name would hide, from this kernel and from all that start."""
    if name in sys.builtin_module_names:
        return "Python itself"
    # Neither the libraries nor the folder that the kernel happens to sit in.
    others = [place for place in sys.path if place and os.path.realpath(place) != os.path.realpath(folder)]
    spec = importlib.machinery.PathFinder.find_spec(name, others)
    return None if spec is None else spec.origin


def install(folder: str, asked: Dict[str, Any]) -> Dict[str, Any]:
    name = asked["name"]
    hidden = hidden_by(name, folder)
    if hidden is not None:
        return {"error": f"library {name}: a module of this name is installed already: {hidden}"}
    if keyword.iskeyword(name):
        return {"error": f"{name} is a word of Python and cannot be imported"}
    mark = mark_of(folder, name)
    is_taken = any(os.path.lexists(os.path.join(folder, place)) for place in (name, name + ".py"))
    if is_taken and not os.path.exists(mark) and not asked["overwrite"]:
        return {"error": f"{os.path.join(folder, name)} is there already, and was not put there as a library"}
    # Without its hash until it was tried.
    with open(mark, "w", encoding="utf-8") as stream:
        json.dump({"sha256": "", "docs": ""}, stream)
    put(folder, name, asked["files"])
    return {}


def check(folder: str, asked: Dict[str, Any]) -> Dict[str, Any]:
    """Imports each once. Those that fail stay, and are tried again when they are asked for again."""
    libraries = {library["name"]: library for library in asked["libraries"]}
    out = os.path.join(folder, MARKS, f"check-{os.getpid()}.json")
    command = [sys.executable, "-c", CHECK, out, *libraries]
    env = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    try:
        done = subprocess.run(
            command, cwd=os.path.join(folder, MARKS), env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=CHECK_S
        )
        with open(out, encoding="utf-8") as stream:
            found = json.load(stream)
        os.unlink(out)
    except subprocess.TimeoutExpired:
        return {"error": f"importing them took more than {CHECK_S} s"}
    except (OSError, ValueError):
        words = done.stderr.decode("utf-8", "replace").strip()[-2000:]
        return {"error": f"the process that imported them ended with {done.returncode}: {words}"}
    for name, result in found.items():
        if "docs" in result:
            docs = libraries[name].get("docs") or result["docs"]
            with open(mark_of(folder, name), "w", encoding="utf-8") as stream:
                json.dump({"sha256": libraries[name]["sha256"], "docs": docs}, stream)
    return {"found": found}


def answer(asked: Dict[str, Any]) -> Dict[str, Any]:
    folder = os.environ.get("GLOVEBOX_LIB")
    if not folder:
        return {"no_folder": True}
    os.makedirs(os.path.join(folder, MARKS), exist_ok=True)
    operations = {"state": state, "install": install, "check": check}
    return operations[asked["operation"]](folder, asked)


def main(request: str) -> None:
    from IPython import get_ipython

    get_ipython().display_pub.publish({MIME: json.dumps(answer(json.loads(request)))})


if "glovebox_request" in globals():
    main(globals()["glovebox_request"])
