"""Starts, calls and ends the interfaces of a sandbox: processes that serve exposed functions (see glovebox_interface.py).

Runs inside a helper kernel, by `exec` in a namespace of its own, for Python 3.8 and later. Address and token of an interface stay in
a private folder of the sandbox: callers elsewhere come through here.
"""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import Any, Dict, List, Optional

FACTS = "application/vnd.glovebox.interface+json"
LOG_LINES = 40
GRACE_S = 5.0
# What a kernel sets for itself and is no business of another process.
FOREIGN = ("MPLBACKEND", "JUPYTER_TOKEN", "JPY_PARENT_PID", "JPY_SESSION_NAME", "JPY_API_TOKEN", "PYDEVD_USE_FRAME_EVAL")

CLIENT = '''
"""Functions of the interface {name}, which run in a process of their own."""
import http.client as _http, json as _json, os as _os


class InterfaceError(Exception):
    """What the interface answered instead of a result; `kind` is a word for programs."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


def _load():
    with open(_os.path.join(_os.path.dirname(_os.path.abspath(__file__)), {place!r}), encoding="utf-8") as stream:
        return _json.load(stream)


def _call(_function, _names, _args, _kwargs):
    if len(_args) > len(_names):
        raise TypeError(_function + " takes " + str(len(_names)) + " arguments")
    given = dict(zip(_names, _args))
    for name in _kwargs:
        if name in given:
            raise TypeError(_function + " got " + name + " twice")
    given.update(_kwargs)
    address = _load()
    connection = _http.HTTPConnection("127.0.0.1", address["port"], timeout={timeout!r})
    try:
        headers = {{"Authorization": "Bearer " + address["token"], "Content-Type": "application/json"}}
        connection.request("POST", "/call/" + _function, _json.dumps(given), headers)
        response = connection.getresponse()
        answer = _json.loads(response.read())
    finally:
        connection.close()
    if response.status != 200:
        raise InterfaceError(answer["error"]["type"], answer["error"]["message"])
    return answer["result"]


def _function(described):
    name, names = described["name"], described["order"]

    def function(*args, **kwargs):
        return _call(name, names, args, kwargs)

    function.__name__ = function.__qualname__ = name
    function.__module__ = __name__
    function.__doc__ = described["help"]
    return function


for _described in _load()["functions"]:
    globals()[_described["name"]] = _function(_described)
__all__ = [_described["name"] for _described in _load()["functions"]] + ["InterfaceError"]
'''


# The folder it runs in is the project's or the workspace's: modules there can be imported, and hide none of Python's own.
MAIN = '''
import sys
if sys.path[0] == "":
    sys.path.append(sys.path.pop(0))
import glovebox_interface
glovebox_interface.main()
'''


class Refused(Exception):
    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def root() -> str:
    libraries = os.environ.get("GLOVEBOX_LIB")
    if not libraries:
        raise Refused("unavailable", "The Python of this sandbox has no folder for interfaces.")
    return os.path.join(libraries, ".glovebox", "interfaces")


def read_json(place: str) -> Optional[Dict[str, Any]]:
    try:
        with open(place, encoding="utf-8") as stream:
            content: Dict[str, Any] = json.load(stream)
    except (OSError, ValueError):
        return None
    return content


def write_private(place: str, text: str) -> None:
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)


def start_time(pid: int) -> Optional[str]:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            fields = stream.read().rpartition(")")[2].split()
            return None if fields[0] == "Z" else fields[19]
    except (OSError, IndexError):
        pass
    try:
        os.kill(pid, 0)
    except OSError:
        return None
    return "alive"


def living(name: str) -> Optional[Dict[str, Any]]:
    address = read_json(os.path.join(root(), name, "address.json"))
    if address is None or start_time(address["pid"]) != address["started"]:
        return None
    return address


def ports_of_others(name: str) -> List[int]:
    others = [living(other) for other in os.listdir(root()) if other != name]
    return [address["port"] for address in others if address is not None]


def log_tail(folder: str) -> List[str]:
    try:
        with open(os.path.join(folder, "log"), encoding="utf-8", errors="replace") as stream:
            return stream.read()[-64 * 1024 :].splitlines()[-LOG_LINES:]
    except OSError:
        return []


def end(pid: int, started: Optional[str]) -> None:
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        limit = time.monotonic() + GRACE_S
        try:
            os.killpg(pid, number)
        except OSError:
            return
        while time.monotonic() < limit:
            if start_time(pid) != started:
                return
            time.sleep(0.02)


def describe(function: Dict[str, Any]) -> Dict[str, Any]:
    properties = function["input"]["properties"]
    lines = [f"{name}: {one['description']}" for name, one in properties.items() if one.get("description")]
    return {"name": function["name"], "order": list(properties), "help": "\n".join([function["description"], "", *lines]).strip()}


def write_client(name: str, asked: Dict[str, Any], address: Dict[str, Any]) -> None:
    """A module that kernels of this sandbox import. What people wrote is data beside it, and never source."""
    libraries = os.environ["GLOVEBOX_LIB"]
    known = {"port": address["port"], "token": address["token"], "functions": [describe(one) for one in address["functions"]]}
    write_private(os.path.join(root(), name, "client.json"), json.dumps(known))
    # From where a kernel may sit in another folder: relative to the module.
    place = os.path.join(".glovebox", "interfaces", name, "client.json")
    module = os.path.join(libraries, name + ".py")
    write_private(module + ".part", CLIENT.format(name=name, place=place, timeout=asked["call_limit_s"] + 30))
    os.replace(module + ".part", module)


def own_library() -> str:
    """Where kernels find the modules of Glovebox, wherever they have that from."""
    spec = importlib.util.find_spec("glovebox_models")
    return os.path.dirname(spec.origin) if spec is not None and spec.origin else ""


def start(asked: Dict[str, Any]) -> Dict[str, Any]:
    name = asked["name"]
    folder = os.path.join(root(), name)
    module = os.path.join(os.environ["GLOVEBOX_LIB"], name + ".py")
    if asked["is_library"] and os.path.exists(module) and not os.path.exists(folder):
        raise Refused("name", f"{module} is there already, and is no interface.")
    stop(asked)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    os.chmod(root(), 0o700)
    server = os.path.join(folder, "server")
    os.makedirs(server, exist_ok=True)
    write_private(os.path.join(server, "glovebox_interface.py"), asked["server"])
    write_private(os.path.join(folder, "interface.py"), asked["source"])
    port = asked.get("port", 0)
    if port in ports_of_others(name):
        port = 0
    settings = {"name": name, "call_limit_s": asked["call_limit_s"], "ends_with": os.getppid(), "port": port}
    write_private(os.path.join(folder, "settings.json"), json.dumps(settings))
    env = {key: value for key, value in os.environ.items() if key not in FOREIGN}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [server, env.get("PYTHONPATH"), own_library()]))
    env["PYTHONUNBUFFERED"] = "1"
    with open(os.path.join(folder, "log"), "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", MAIN, folder],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=env,
            start_new_session=True,
        )
    try:
        address = wait_for(process, name, folder, asked["start_limit_s"])
    except BaseException:
        end(process.pid, start_time(process.pid))
        process.poll()
        raise
    if asked["is_library"]:
        write_client(name, asked, address)
    return {"functions": address["functions"]}


def wait_for(process: "subprocess.Popen[bytes]", name: str, folder: str, limit_s: float) -> Dict[str, Any]:
    limit = time.monotonic() + limit_s
    while True:
        address = living(name)
        if address is not None and address["pid"] == process.pid:
            return address
        if process.poll() is not None:
            raise Refused("start", "\n".join([f"The interface ended with {process.returncode} before it served:", *log_tail(folder)]))
        if time.monotonic() > limit:
            raise Refused("start", "\n".join([f"The interface did not serve within {limit_s:g} s:", *log_tail(folder)]))
        time.sleep(0.02)


def stop(asked: Dict[str, Any]) -> Dict[str, Any]:
    name = asked["name"]
    folder = os.path.join(root(), name)
    address = living(name)
    if address is not None:
        end(address["pid"], address["started"])
    if os.path.exists(os.path.join(folder, "client.json")):
        try:
            os.unlink(os.path.join(os.environ["GLOVEBOX_LIB"], name + ".py"))
        except FileNotFoundError:
            pass
    shutil.rmtree(folder, ignore_errors=True)
    return {"was_alive": address is not None}


def call(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Sent once: what happens when the answer does not come is not known, and it is not tried again."""
    name = asked["name"]
    address = living(name)
    if address is None:
        folder = os.path.join(root(), name)
        words = [f"Interface {name} does not run in this sandbox.", *log_tail(folder)]
        raise Refused("gone", "\n".join(words))
    connection = http.client.HTTPConnection("127.0.0.1", address["port"], timeout=asked["call_limit_s"] + 30)
    try:
        headers = {"Authorization": "Bearer " + address["token"], "Content-Type": "application/json"}
        connection.request("POST", "/call/" + asked["function"], json.dumps(asked["arguments"]), headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Refused("gone", f"Interface {name} ended during the call ({type(error).__name__}); whether it was carried out is not known.") from None
    finally:
        connection.close()
    return {"status": response.status, "answer": answer}


def state(asked: Dict[str, Any]) -> Dict[str, Any]:
    return {"alive": {name: living(name) is not None for name in asked["names"]}}


OPERATIONS = {"start": start, "stop": stop, "call": call, "state": state}


def words(result: Dict[str, Any]) -> str:
    if "refused" in result:
        return str(result["message"])
    if "status" in result:
        answer = result["answer"]
        if result["status"] == 200:
            value = answer["result"]
            return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)
        return f"{answer['error']['type']}: {answer['error']['message']}"
    return "done"


def main(request: str) -> None:
    from IPython import get_ipython

    asked = json.loads(request)
    try:
        result = OPERATIONS[asked["operation"]](asked)
    except Refused as refusal:
        result = {"refused": refusal.kind, "message": str(refusal)}
    except OSError as error:
        result = {"refused": "failed", "message": str(error)}
    get_ipython().display_pub.publish({"text/plain": words(result), FACTS: json.dumps(result)})


if "glovebox_request" in globals():
    main(globals()["glovebox_request"])
