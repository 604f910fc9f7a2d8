"""Runs one shell command: streams what it prints, keeps all of it in files, and ends everything it started at its time limit.

Runs inside a kernel, by `exec` in a namespace of its own, for Python 3.8 and later. The command writes into files and not into pipes,
so that nothing of it depends on this kernel: what it leaves in the background goes on, and the output is there when the kernel dies.
"""

from __future__ import annotations

import codecs
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any, Dict, List, Optional, Set, Tuple, Union

FACTS = "glovebox_shell"
KEEP_S = 7 * 24 * 3600
GRACE_S = 2.0
TAIL_BYTES = 64 * 1024
# What a kernel sets for itself and a command must not inherit: colours, its plotting back end, keys of the server.
FOREIGN = ("FORCE_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "JUPYTER_TOKEN", "JPY_PARENT_PID", "JPY_SESSION_NAME", "JPY_API_TOKEN")
QUIET = {"TERM": "dumb", "NO_COLOR": "1", "PAGER": "cat", "GIT_PAGER": "cat", "GIT_TERMINAL_PROMPT": "0"}


class Refused(Exception):
    """Nothing was started."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def output_folder() -> str:
    """A folder that only this user can enter."""
    folder = os.path.join(tempfile.gettempdir(), f"glovebox-shell-{getattr(os, 'getuid', lambda: 0)()}")
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    found = os.lstat(folder)
    is_ours = os.name != "posix" or (found.st_uid == os.getuid() and found.st_mode & 0o77 == 0)
    if os.path.islink(folder) or not os.path.isdir(folder) or not is_ours:
        return tempfile.mkdtemp(prefix="glovebox-shell-")
    return folder


def forget_old(folder: str) -> None:
    for name in os.listdir(folder):
        file = os.path.join(folder, name)
        try:
            if time.time() - os.lstat(file).st_mtime > KEEP_S:
                os.unlink(file)
        except OSError:
            pass


def environment() -> Dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    if kept.get("MPLBACKEND", "").startswith("module://"):
        del kept["MPLBACKEND"]
    return {"PYTHONUNBUFFERED": "1", **kept, **QUIET}


def words_of(command: Union[str, List[str]], program: Optional[str]) -> List[str]:
    """What is started: a list of words as it stands, a text by a shell."""
    if program == "python":
        return [sys.executable, *command]
    return shell_of(command) if isinstance(command, str) else command


def shell_of(command: str) -> List[str]:
    bash = shutil.which("bash")
    if bash is not None:
        return [bash, "-c", command]
    return ["cmd", "/d", "/s", "/c", command] if os.name == "nt" else ["/bin/sh", "-c", command]


def folder_of(asked: Optional[str]) -> str:
    folder = os.path.abspath(os.path.expanduser(asked)) if asked else os.getcwd()
    if not os.path.isdir(folder):
        raise Refused("cwd", f"{folder} is not a folder.")
    return folder


class Output:
    """One stream: its file, and how far it was shown."""

    def __init__(self, base: str, suffix: str, shown: Any, limit: int) -> None:
        self.path = base + suffix
        self.file = os.fdopen(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600), "wb")
        self.reader = open(self.path, "rb")
        self.shown = shown
        self.left = limit
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def size(self) -> int:
        return os.fstat(self.reader.fileno()).st_size

    def pump(self) -> bool:
        if self.left <= 0:
            return False
        data = self.reader.read(min(self.left, TAIL_BYTES))
        if not data:
            return False
        self.left -= len(data)
        self.shown.write(self.decoder.decode(data))
        self.shown.flush()
        return True

    def finish(self) -> None:
        while self.pump():
            pass
        at, size = self.reader.tell(), self.size
        rest = self.decoder.decode(b"", True)
        if size > at:
            start = max(at, size - TAIL_BYTES)
            self.reader.seek(start)
            if start > at:
                rest += f"\n[... {start - at} bytes are left out here; all of it: {self.path} ...]\n"
            rest += self.reader.read(size - start).decode("utf-8", "replace")
        if rest:
            self.shown.write(rest)
            self.shown.flush()

    def close(self, keep: bool) -> Optional[Dict[str, Any]]:
        size = self.size
        self.file.close()
        self.reader.close()
        if size == 0 and not keep:
            os.unlink(self.path)
            return None
        return {"path": self.path, "bytes": size}


def descendants(pid: int) -> Set[Tuple[int, str]]:
    """Where the system tells: processes that a command put into groups of their own, each with its start time."""
    parents: Dict[int, Tuple[int, str]] = {}
    try:
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    fields = file.read().rpartition(")")[2].split()
                parents[int(name)] = (int(fields[1]), fields[19])
            except (OSError, IndexError, ValueError):
                pass
    except OSError:
        return set()
    found: Set[Tuple[int, str]] = set()
    wave = {pid}
    while wave:
        wave = {child for child, (parent, _) in parents.items() if parent in wave}
        found.update((child, parents[child][1]) for child in wave)
    return found


def is_group_alive(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except (OSError, AttributeError):
        return False
    return True


def signal_all(process: "subprocess.Popen[bytes]", others: Set[Tuple[int, str]], number: int) -> None:
    if os.name == "nt":
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)], check=False, capture_output=True)
        return
    try:
        os.killpg(process.pid, number)
    except OSError:
        pass
    for pid, _ in descendants(process.pid) | still(others):
        try:
            os.kill(pid, number)
        except OSError:
            pass


def still(known: Set[Tuple[int, str]]) -> Set[Tuple[int, str]]:
    """Those of them that are the same processes as before."""
    found = set()
    for pid, started in known:
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
            if fields[19] == started and fields[0] != "Z":
                found.add((pid, started))
        except (OSError, IndexError):
            pass
    return found


def end(process: "subprocess.Popen[bytes]") -> None:
    """Asks the command and everything it started to end, then makes them. An interrupt meanwhile changes nothing."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        others = descendants(process.pid)
        signal_all(process, others, signal.SIGTERM)
        limit = time.monotonic() + GRACE_S
        while time.monotonic() < limit and is_anything_left(process, others):
            time.sleep(0.02)
        if is_anything_left(process, others):
            signal_all(process, others, getattr(signal, "SIGKILL", signal.SIGTERM))
        process.wait()
    finally:
        signal.signal(signal.SIGINT, before)


def is_anything_left(process: "subprocess.Popen[bytes]", others: Set[Tuple[int, str]]) -> bool:
    return process.poll() is None or is_group_alive(process.pid) or bool(still(others))


def follow(process: "subprocess.Popen[bytes]", outputs: List[Output], timeout_s: float, max_bytes: int) -> Optional[str]:
    """Until the command has ended. The reason, when it had to be ended."""
    limit = time.monotonic() + timeout_s
    step = 0.01
    while True:
        moved = [output.pump() for output in outputs]
        step = 0.01 if any(moved) else min(step * 1.5, 0.1)
        left = limit - time.monotonic()
        if left <= 0:
            end(process)
            return "timeout"
        if sum(output.size for output in outputs) > max_bytes:
            end(process)
            return "too-much-output"
        try:
            process.wait(min(step, left))
            return None
        except subprocess.TimeoutExpired:
            pass


def run(asked: Dict[str, Any]) -> Dict[str, Any]:
    cwd = folder_of(asked.get("cwd"))
    folder = output_folder()
    forget_old(folder)
    base = os.path.join(folder, asked["id"])
    outputs = [Output(base, ".out", sys.stdout, asked["stream_bytes"]), Output(base, ".err", sys.stderr, asked["stream_bytes"])]
    given = tempfile.TemporaryFile()
    given.write((asked.get("stdin") or "").encode("utf-8"))
    given.seek(0)
    begin = time.monotonic()
    try:
        own_group: Dict[str, Any] = {"start_new_session": True} if os.name == "posix" else {"creationflags": 0x200}
        process = subprocess.Popen(
            words_of(asked["command"], asked.get("program")),
            stdin=given,
            stdout=outputs[0].file,
            stderr=outputs[1].file,
            cwd=cwd,
            env=environment(),
            **own_group,
        )
    except (OSError, ValueError) as error:
        for output in outputs:
            output.close(False)
        raise Refused("start", str(error)) from None
    finally:
        given.close()
    interrupted = False
    try:
        ended_by = follow(process, outputs, asked["timeout_s"], asked["max_bytes"])
    except KeyboardInterrupt:
        interrupted, ended_by = True, "interrupt"
        end(process)
    for output in outputs:
        output.finish()
    code = process.returncode
    background = ended_by is None and is_group_alive(process.pid)
    files = [output.close(background) for output in outputs]
    return {
        "exit_code": code if code >= 0 else None,
        "signal": None if code >= 0 else signal_name(-code),
        "ended_by": ended_by,
        "interrupted": interrupted,
        "background": background,
        "stdout": files[0],
        "stderr": files[1],
        "cwd": cwd,
        "seconds": round(time.monotonic() - begin, 3),
    }


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def words(result: Dict[str, Any]) -> str:
    if "refused" in result:
        return f"not started: {result['message']}"
    how = f"exit code {result['exit_code']}" if result["signal"] is None else f"ended by {result['signal']}"
    why = {"timeout": " (its time limit was over)", "too-much-output": " (it printed too much)", "interrupt": " (interrupted)"}
    return how + why.get(result["ended_by"] or "", "")


def publish(result: Dict[str, Any]) -> None:
    from IPython import get_ipython

    get_ipython().display_pub.publish({"text/plain": words(result)}, {FACTS: result})


def main(request: str) -> None:
    try:
        result = run(json.loads(request))
    except Refused as refusal:
        result = {"refused": refusal.kind, "message": str(refusal)}
    publish(result)
    if result.get("interrupted"):
        raise KeyboardInterrupt


if "glovebox_request" in globals():
    main(globals()["glovebox_request"])
