"""Serves functions of a file to callers on this machine: only those marked `@expose`, with a schema, a token, and one call at a time.

>>> from glovebox_interface import expose
>>> @expose
... def similarity(a: str, b: str) -> float:
...     "How alike two texts are, from 0 to 1."

Run as a process of its own, for Python 3.9 and later, with the standard library alone. Calls run in the main thread, in order of
arrival, unless a function is marked `@expose(parallel=True)`; the log names functions and never values.
"""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import hmac
import importlib.util
import inspect
import json
import math
import os
import queue
import re
import secrets
import sys
import threading
import time
import traceback
import types
import typing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, List, Literal, Optional, Tuple, Union

MAX_BODY = 64 * 1024 * 1024
MAX_DRAINED = 1024 * 1024
MAX_RESULT = 32 * 1024 * 1024
MAX_ELEMENTS = 1_000_000
UNIONS = (Union, getattr(types, "UnionType", Union))


class Wrong(Exception):
    """An answer that is an error: its status, a word for programs, and words for people. Never an argument's value."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status, self.kind = status, kind


# --- what is exposed -------------------------------------------------------------------------------------------------------------


class Exposed:
    """A function of the interface, with everything a caller has to know of it."""

    def __init__(self, call: Callable[..., Any], name: str, parallel: bool) -> None:
        self.call, self.name, self.parallel = call, name, parallel
        self.signature = inspect.signature(call)
        try:
            self.hints = typing.get_type_hints(call, include_extras=True)
        except Exception as error:
            raise TypeError(f"the annotations of {name} cannot be read: {error}") from error
        for parameter in self.signature.parameters.values():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise TypeError(f"{name} takes *{parameter.name}: every parameter of an exposed function needs a name")

    def describe(self) -> Dict[str, Any]:
        about, texts = split_docs(inspect.getdoc(self.call) or "")
        properties: Dict[str, Any] = {}
        required = []
        for parameter in self.signature.parameters.values():
            hint = self.hints.get(parameter.name, Any)
            schema = schema_of(hint)
            text = text_of(hint) or texts.get(parameter.name)
            if text:
                schema["description"] = text
            if parameter.default is parameter.empty:
                required.append(parameter.name)
            elif parameter.default is not None:
                try:
                    schema["default"] = to_json(parameter.default)
                except Wrong:
                    pass
            properties[parameter.name] = schema
        schema = {"type": "object", "properties": properties, "additionalProperties": False}
        if required:
            schema["required"] = required
        return {"name": self.name, "description": about, "input": schema, "parallel": self.parallel}

    def bind(self, given: Dict[str, Any]) -> Tuple[List[Any], Dict[str, Any]]:
        parameters = self.signature.parameters
        unknown = sorted(set(given) - set(parameters))
        missing = [name for name, one in parameters.items() if one.default is one.empty and name not in given]
        if unknown or missing:
            words = [f"unknown: {', '.join(unknown)}"] * bool(unknown) + [f"missing: {', '.join(missing)}"] * bool(missing)
            raise Wrong(422, "arguments", f"{self.name}: {'; '.join(words)}. It takes: {', '.join(parameters) or 'nothing'}.")
        values = {name: convert(given[name], self.hints.get(name, Any), name) for name in given}
        positional = []
        for name, one in parameters.items():
            if one.kind is one.POSITIONAL_ONLY:
                positional.append(values.pop(name, one.default))
        return positional, values


class Interface:
    """All functions of one file."""

    def __init__(self) -> None:
        self.functions: Dict[str, Exposed] = {}

    def add(self, call: Callable[..., Any], name: Optional[str], parallel: bool) -> None:
        exposed = Exposed(call, name or call.__name__, parallel)
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,47}", exposed.name):
            raise ValueError(f"{exposed.name!r} cannot be the name of an exposed function")
        if exposed.name in self.functions:
            raise ValueError(f"two exposed functions are called {exposed.name}")
        self.functions[exposed.name] = exposed


INTERFACE = Interface()


def expose(function: Optional[Callable[..., Any]] = None, *, name: Optional[str] = None, parallel: bool = False) -> Any:
    """Marks a function, plain or `async`, as part of the interface: `@expose` or `@expose(parallel=True)`."""

    def mark(call: Callable[..., Any]) -> Callable[..., Any]:
        INTERFACE.add(call, name, parallel)
        return call

    return mark if function is None else mark(function)


# --- types, in both directions ---------------------------------------------------------------------------------------------------


def plain(hint: Any) -> Any:
    return typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint


def text_of(hint: Any) -> Optional[str]:
    extras = typing.get_args(hint)[1:] if typing.get_origin(hint) is typing.Annotated else ()
    return next((extra for extra in extras if isinstance(extra, str)), None)


SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def schema_of(hint: Any) -> Dict[str, Any]:
    hint = plain(hint)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint in SIMPLE:
        return {"type": SIMPLE[hint]}
    if origin is Literal:
        return {"enum": list(args)}
    if inspect.isclass(hint) and issubclass(hint, enum.Enum):
        return {"enum": [member.value for member in hint]}
    if origin in UNIONS:
        options = [schema_of(arg) for arg in args if arg is not type(None)]
        # Optional is told by what is required; clients fill in null badly.
        return options[0] if len(options) == 1 else {"anyOf": options}
    if hint in (list, tuple, set) or origin in (list, tuple, set, frozenset) or is_sequence(origin):
        inner = [arg for arg in args if arg is not Ellipsis]
        return {"type": "array", "items": schema_of(inner[0])} if len(set(map(str, inner))) == 1 else {"type": "array"}
    if hint is dict or origin is dict or is_mapping(origin):
        return {"type": "object", "additionalProperties": schema_of(args[1])} if len(args) == 2 else {"type": "object"}
    if dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint, include_extras=True)
        fields = [field for field in dataclasses.fields(hint) if field.init]
        needed = [f.name for f in fields if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING]
        properties = {field.name: schema_of(hints[field.name]) for field in fields}
        return {"type": "object", "properties": properties, "additionalProperties": False, **({"required": needed} if needed else {})}
    return {}


def is_sequence(origin: Any) -> bool:
    return getattr(origin, "__module__", "") == "collections.abc" and origin.__name__ in ("Sequence", "Iterable", "Collection")


def is_mapping(origin: Any) -> bool:
    return getattr(origin, "__module__", "") == "collections.abc" and origin.__name__ in ("Mapping", "MutableMapping")


def convert(value: Any, hint: Any, at: str) -> Any:
    """What came as JSON, as the function wants it."""
    hint = plain(hint)
    origin, args = typing.get_origin(hint), typing.get_args(hint)

    def wrong(expected: str) -> Wrong:
        return Wrong(422, "arguments", f"{at} must be {expected}, not {KINDS.get(type(value), type(value).__name__)}")

    if hint is Any or isinstance(hint, (str, typing.TypeVar)):
        return value
    if hint is float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise wrong("a number")
        return float(value)
    if hint is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if hint in SIMPLE:
        if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
            raise wrong({"string": "a text", "integer": "a whole number", "boolean": "true or false"}.get(SIMPLE[hint], "null"))
        return value
    if origin is Literal:
        if not any(value == arg and type(value) is type(arg) for arg in args):
            raise Wrong(422, "arguments", f"{at} must be one of {', '.join(map(repr, args))}")
        return value
    if inspect.isclass(hint) and issubclass(hint, enum.Enum):
        try:
            return hint(value)
        except ValueError:
            raise Wrong(422, "arguments", f"{at} must be one of {', '.join(repr(member.value) for member in hint)}") from None
    if origin in UNIONS:
        problems = []
        # What fits as it is goes before what would have to be converted.
        for arg in sorted(args, key=lambda arg: type(value) is not plain(arg)):
            try:
                return convert(value, arg, at)
            except Wrong as problem:
                problems.append(problem)
        raise next((one for one in problems if "null" not in str(one)), problems[0])
    if hint in (list, tuple, set) or origin in (list, tuple, set, frozenset) or is_sequence(origin):
        if not isinstance(value, list):
            raise wrong("a list")
        make = {tuple: tuple, set: set, frozenset: frozenset}.get(origin or hint, list)
        if (origin or hint) is tuple and args and Ellipsis not in args:
            if len(value) != len(args):
                raise Wrong(422, "arguments", f"{at} must have {len(args)} items")
            return tuple(convert(item, arg, f"{at}[{index}]") for index, (item, arg) in enumerate(zip(value, args)))
        inner = args[0] if args else Any
        return make(convert(item, inner, f"{at}[{index}]") for index, item in enumerate(value))
    if hint is dict or origin is dict or is_mapping(origin):
        if not isinstance(value, dict):
            raise wrong("an object")
        inner = args[1] if len(args) == 2 else Any
        return {key: convert(item, inner, f"{at}.{key}") for key, item in value.items()}
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise wrong("an object")
        hints = typing.get_type_hints(hint, include_extras=True)
        known = {field.name for field in dataclasses.fields(hint) if field.init}
        if set(value) - known:
            raise Wrong(422, "arguments", f"{at} has fields that are not known; it takes: {', '.join(sorted(known))}")
        try:
            return hint(**{key: convert(item, hints[key], f"{at}.{key}") for key, item in value.items()})
        except TypeError:
            raise Wrong(422, "arguments", f"{at} lacks fields; it takes: {', '.join(sorted(known))}") from None
    return value


KINDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", list: "a list", dict: "an object", type(None): "null"}


def to_json(value: Any, at: str = "the result", depth: int = 0) -> Any:
    """A result as JSON can hold it, or why not."""
    if depth > 50:
        raise Wrong(500, "result", f"{at} is nested too deeply, or holds itself")
    if value is None or isinstance(value, (bool, int, str)):
        return value.value if isinstance(value, enum.Enum) else value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Wrong(500, "result", f"{at} is {value}, which JSON cannot hold")
        return value
    if isinstance(value, enum.Enum):
        return to_json(value.value, at, depth + 1)
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, (str, int)):
                raise Wrong(500, "result", f"{at} has a key of type {type(key).__name__}; JSON has texts")
        return {str(key): to_json(item, f"{at}[{str(key)!r}]", depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_json(item, f"{at}[{index}]", depth + 1) for index, item in enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name), f"{at}.{field.name}", depth + 1) for field in dataclasses.fields(value)}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    # Arrays and tensors, without importing their libraries.
    if hasattr(value, "tolist") and hasattr(value, "shape"):
        elements = math.prod(value.shape)
        if elements > MAX_ELEMENTS:
            raise Wrong(500, "result", f"{at} is an array of {elements} elements; return a part or a summary of it")
        if hasattr(value, "detach"):
            value = value.detach().to("cpu")
        return to_json(value.tolist(), at, depth + 1)
    raise Wrong(500, "result", f"{at} is a {type(value).__name__}, which is no JSON; return text, numbers, lists or dictionaries")


def split_docs(text: str) -> Tuple[str, Dict[str, str]]:
    """The description, and what is said of parameters in the style of Google, of numpy or of Sphinx."""
    found = {name: " ".join(about.split()) for name, about in re.findall(r"^:param (?:\w+ )?(\w+): *((?:.|\n(?!:|\n))*)", text, re.M)}
    text = re.split(r"^:(?:param|return|returns|raises|type)\b", text, maxsplit=1, flags=re.M)[0]
    match = re.search(r"^(Args|Arguments|Parameters):? *\n(?:-+ *\n)?", text, re.M)
    if match is None:
        return text.strip(), found
    about, rest = text[: match.start()], text[match.end() :]
    is_numpy = "-" in match.group(0)
    section = re.split(r"^\w[\w ]*\n-{3,}" if is_numpy else r"^\S", rest, maxsplit=1, flags=re.M)[0]
    pattern = r"^(\w+) *:.*\n((?:[ \t]+.*\n?|\n)*)" if is_numpy else r"^[ \t]+(\w+) *(?:\([^)]*\))?: *(.*(?:\n[ \t]{8,}.*)*)"
    for name, words in re.findall(pattern, section + "\n", re.M):
        found[name] = " ".join(words.split())
    return about.strip(), found


# --- running -----------------------------------------------------------------------------------------------------------------


class Job:
    def __init__(self, exposed: Exposed, args: List[Any], kwargs: Dict[str, Any]) -> None:
        self.exposed, self.args, self.kwargs = exposed, args, kwargs
        self.done = threading.Event()
        self.begun = self.given_up = False
        self.answer: Tuple[int, Dict[str, Any]] = (500, {})


class Calls:
    """One call at a time in the main thread, where libraries feel at home; those marked parallel in threads of their own."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self.waiting: "queue.Queue[Job]" = queue.Queue()
        self.lock = threading.Lock()
        self.running: List[str] = []
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def submit(self, job: Job) -> Tuple[int, Dict[str, Any]]:
        if job.exposed.parallel:
            threading.Thread(target=self.run, args=(job,), daemon=True).start()
        else:
            self.waiting.put(job)
        if job.done.wait(self.limit_s):
            return job.answer
        with self.lock:
            job.given_up = True
            state = "goes on" if job.begun else "waited for its turn and was not begun"
        raise Wrong(504, "timeout", f"{job.exposed.name} gave no answer within {self.limit_s:g} s; the call {state}")

    def serve(self) -> None:
        while True:
            self.run(self.waiting.get())

    def run(self, job: Job) -> None:
        name = job.exposed.name
        with self.lock:
            if job.given_up:
                return
            job.begun = True
            self.running.append(name)
        begin = time.monotonic()
        try:
            result = job.exposed.call(*job.args, **job.kwargs)
            if inspect.isawaitable(result):
                result = asyncio.run_coroutine_threadsafe(awaited(result), self.loop).result()
            text = json.dumps({"result": to_json(result)}, allow_nan=False)
            if len(text) > MAX_RESULT:
                raise Wrong(500, "result", f"the result has {len(text)} characters; return a part or a summary of it")
            job.answer = (200, {"text": text})
            outcome = "ok"
        except Wrong as wrong:
            job.answer, outcome = body_of(wrong), wrong.kind
        except BaseException as error:
            # Frames name places in the code; the message of an exception may hold an argument.
            frames = traceback.extract_tb(error.__traceback__)[1:]
            say(f"{name} raised {type(error).__name__}", *(f"  {one.filename}:{one.lineno} in {one.name}" for one in frames[-8:]))
            job.answer = body_of(Wrong(500, type(error).__name__, str(error)[:4000]))
            outcome = "error"
        with self.lock:
            self.running.remove(name)
        say(f"{name} {outcome} {time.monotonic() - begin:.3f} s")
        job.done.set()


async def awaited(result: Any) -> Any:
    return await result


def say(*lines: str) -> None:
    for line in lines:
        print(f"interface: {line}", file=sys.stderr, flush=True)


def body_of(wrong: Wrong) -> Tuple[int, Dict[str, Any]]:
    return wrong.status, {"error": {"type": wrong.kind, "message": str(wrong)}}


# --- HTTP ------------------------------------------------------------------------------------------------------------------------


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    token = ""
    calls: Calls

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def is_allowed(self) -> bool:
        given = self.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode())

    def check(self) -> None:
        host = (self.headers.get("Host") or "").rsplit(":", 1)[0]
        if host not in ("127.0.0.1", "localhost") or self.headers.get("Origin") is not None:
            raise Wrong(403, "forbidden", "only programs on this machine are served")
        if not self.is_allowed():
            raise Wrong(401, "unauthorized", "the token is missing or wrong")

    def respond(self, status: int, content: Dict[str, Any]) -> None:
        body = content["text"] if list(content) == ["text"] else json.dumps(content)
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def drain(self) -> None:
        """What was sent and not read would take the answer with it when the connection is closed."""
        size = self.headers.get("Content-Length") or ""
        if size.isdigit() and int(size) <= MAX_DRAINED:
            try:
                self.connection.settimeout(1)
                self.rfile.read(int(size))
            except OSError:
                pass

    def guarded(self, work: Callable[[], Tuple[int, Dict[str, Any]]]) -> None:
        try:
            status, content = work()
        except Wrong as wrong:
            status, content = body_of(wrong)
            if wrong.status in (401, 403, 413):
                self.close_connection = True
                self.drain()
        except (BrokenPipeError, ConnectionResetError):
            return
        self.respond(status, content)

    def do_GET(self) -> None:
        if self.path == "/health" and self.headers.get("Authorization") is None:
            # For whoever asks whether something is alive: nothing more.
            self.send_response(204)
            self.end_headers()
            return
        self.guarded(self.get)

    def get(self) -> Tuple[int, Dict[str, Any]]:
        self.check()
        if self.path == "/health":
            return 200, {"running": list(self.calls.running), "waiting": self.calls.waiting.qsize()}
        if self.path == "/schema":
            return 200, {"functions": [one.describe() for one in INTERFACE.functions.values()]}
        raise Wrong(404, "unknown", "there is /health, /schema and POST /call/NAME")

    def do_POST(self) -> None:
        self.guarded(self.post)

    def post(self) -> Tuple[int, Dict[str, Any]]:
        self.check()
        size = self.headers.get("Content-Length") or ""
        if not size.isdigit() or int(size) > MAX_BODY:
            raise Wrong(413, "too-large", f"a call has a length, and at most {MAX_BODY} bytes")
        body = self.rfile.read(int(size))
        name = self.path[len("/call/") :] if self.path.startswith("/call/") else ""
        exposed = INTERFACE.functions.get(name)
        if exposed is None:
            raise Wrong(404, "unknown", f"no such function; there is: {', '.join(INTERFACE.functions)}")
        try:
            given = json.loads(body or b"{}")
        except ValueError:
            raise Wrong(400, "arguments", "the body is no JSON") from None
        if not isinstance(given, dict):
            raise Wrong(400, "arguments", "the body must be an object with the arguments by name")
        args, kwargs = exposed.bind(given)
        return self.calls.submit(Job(exposed, args, kwargs))


# --- the process -----------------------------------------------------------------------------------------------------------------


def load(file: str, name: str) -> None:
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    # Known before it is run, as for any import; and `expose` needs no import of its own.
    sys.modules[name] = module
    vars(module)["expose"] = expose
    spec.loader.exec_module(module)
    if not INTERFACE.functions:
        raise ValueError("nothing is exposed: mark functions with @expose")


def start_time(pid: int) -> Optional[str]:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            return stream.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        pass
    try:
        os.kill(pid, 0)
    except OSError:
        return None
    return "alive"


def end_with(pid: int) -> None:
    """This process ends with the server of the sandbox, whatever ended that."""
    started = start_time(pid)
    while started is not None and start_time(pid) == started:
        time.sleep(1)
    os._exit(0)


def main() -> None:
    folder = sys.argv[1]
    with open(os.path.join(folder, "settings.json"), encoding="utf-8") as stream:
        settings = json.load(stream)
    threading.Thread(target=end_with, args=(settings["ends_with"],), daemon=True).start()
    load(os.path.join(folder, "interface.py"), "interface_" + settings["name"])
    functions = [one.describe() for one in INTERFACE.functions.values()]
    token = secrets.token_urlsafe(32)
    calls = Calls(settings["call_limit_s"])
    handler = type("Serving", (Handler,), {"token": token, "calls": calls})
    server = ThreadingHTTPServer(("127.0.0.1", settings.get("port", 0)), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = {"port": server.server_address[1], "token": token, "pid": os.getpid(), "started": start_time(os.getpid()), "functions": functions}
    place = os.path.join(folder, "address.json")
    handle = os.open(place + ".part", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(address, stream)
    os.replace(place + ".part", place)
    say(f"serves {', '.join(INTERFACE.functions)}")
    calls.serve()
