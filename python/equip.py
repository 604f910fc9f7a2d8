"""Gives a sandbox what it was asked for: repositories at their commits, an environment of its own with Python packages, and files.

Runs on the Python of the kernels, whose packages stay visible and which is never changed; where `environments` is absent, on the Python
of a container that belongs to nobody else. What is there already stays as it is, so a second run costs nothing. For Python 3.8 and later.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import shlex
import shutil
import signal
import site
import subprocess
import sys
import tarfile
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any, BinaryIO, Deque, Dict, Iterator, List, Optional

RESULT = "GLOVEBOX-RESULT "
FAILURE = "GLOVEBOX-FAIL "
# Written last; an environment without it is a failed attempt.
MARKER = ".glovebox-complete.json"
# In the folder of git: the commit at which we put a clone there. What differs from it later is somebody's work.
NOTE = "glovebox-commit"
INSTALL_S = 3600
GIT_S = 900
TAIL_LINES = 40
# Of our own; a command of somebody else must not see them.
PRIVATE = ("GLOVEBOX_TOKEN", "GLOVEBOX_SPEC", "GLOVEBOX_INSTALL", "GLOVEBOX_WEIGHTS", "GLOVEBOX_EQUIPMENT", "GLOVEBOX_GIT")

running: List[subprocess.Popen] = []


class Failure(Exception):
    """One sentence for a person. What the failing command printed stands above it in the log."""


def end_running(*_: Any) -> None:
    for process in running:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)


def run(argv: List[str], what: str, limit_s: float, env: Dict[str, str], cwd: Optional[str] = None) -> List[str]:
    """Runs a command to its end, in a group of its own, and returns the end of its output."""
    print(f"glovebox: {what}: {' '.join(map(shlex.quote, argv))}", flush=True)
    try:
        process = subprocess.Popen(
            argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
    except OSError as error:
        raise Failure(f"{what}: {argv[0]} cannot be started here ({error.strerror}).") from None
    running.append(process)
    is_late = threading.Event()

    def end_late() -> None:
        is_late.set()
        end_running()

    timer = threading.Timer(limit_s, end_late)
    timer.start()
    tail: Deque[str] = deque(maxlen=TAIL_LINES)
    try:
        assert process.stdout is not None
        for raw in process.stdout:
            line = raw.decode("utf-8", "replace").rstrip()
            tail.append(line)
            print(line, flush=True)
        code = process.wait()
    finally:
        timer.cancel()
        end_running()
        running.remove(process)
    if is_late.is_set():
        raise Failure(f"{what} took more than {limit_s:g} s and was ended.")
    if code != 0:
        raise Failure(f"{what} failed: {argv[0]} ended with {f'signal {-code}' if code < 0 else f'exit code {code}'}.")
    return list(tail)


def environment_for(environment: Optional[Path], spec: Optional[Dict[str, Any]] = None) -> Dict[str, str]:
    """Of commands, as if the environment were active. Nobody is there to answer a question.

    With `spec` also what whoever wants the sandbox gives to what installs.
    """
    left_out = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", *PRIVATE)
    env = {name: value for name, value in os.environ.items() if name not in left_out}
    programs = os.path.dirname(sys.executable) if environment is None else str(environment / "bin")
    env["PATH"] = os.pathsep.join([programs, env.get("PATH", os.defpath)])
    env.update((spec or {}).get("variables", {}))
    env.update(GIT_TERMINAL_PROMPT="0", PIP_NO_INPUT="1", PIP_DISABLE_PIP_VERSION_CHECK="1")
    if environment is not None:
        env["VIRTUAL_ENV"] = str(environment)
    return env


class Clone:
    """One repository in the workspace."""

    def __init__(self, told: Dict[str, Any], workspace: Path, headers: Optional[Dict[str, str]] = None) -> None:
        # What opens it to who may see it; secret.
        self.header = (headers or {}).get(told["url"])
        self.url, self.commit = told["url"], told["commit"]
        self.folder = Path(os.path.normpath(workspace / told["folder"]))
        self.what = f"the repository {self.url}"

    def git(self, folder: Path, *words: str, env: Optional[Dict[str, str]] = None) -> List[str]:
        return run(["git", "-C", str(folder), *words], self.what, GIT_S, env or environment_for(None))

    def with_header(self, header: str) -> Dict[str, str]:
        """The environment of git, in which alone the header stands, for this one address."""
        env = environment_for(None)
        at = int(env.get("GIT_CONFIG_COUNT", "0"))
        # To another place it would take the header along.
        for key, value in (("extraHeader", header), ("followRedirects", "false")):
            env.update({f"GIT_CONFIG_KEY_{at}": f"http.{self.url}.{key}", f"GIT_CONFIG_VALUE_{at}": value})
            at += 1
        return {**env, "GIT_CONFIG_COUNT": str(at)}

    def fetch(self, folder: Path) -> None:
        words = ("fetch", "--quiet", "--depth", "1", "--", self.url, self.commit)
        try:
            self.git(folder, *words)
        except Failure:
            if self.header is None:
                raise
            print("glovebox: once more, with the token", flush=True)
            self.git(folder, *words, env=self.with_header(self.header))
        self.git(folder, "checkout", "--quiet", "--detach", "FETCH_HEAD")
        (folder / ".git" / NOTE).write_text(self.commit)

    def bring(self, is_offline: bool) -> None:
        """At its commit, unless somebody has worked in it since we put it there."""
        if self.folder.exists() and any(self.folder.iterdir()):
            self.check(is_offline)
            return
        if is_offline:
            raise Failure(f"{self.what} is not in {self.folder} yet, and GLOVEBOX_OFFLINE forbids to fetch it.")
        # Beside its place, so that half a clone is never taken for one.
        stage = self.folder.with_name(f".{self.folder.name}.glovebox-{os.getpid()}")
        try:
            stage.mkdir(parents=True)
            self.git(stage, "init", "--quiet")
            self.git(stage, "remote", "add", "origin", self.url)
            self.fetch(stage)
            os.rename(stage, self.folder)
        finally:
            shutil.rmtree(stage, ignore_errors=True)

    def check(self, is_offline: bool) -> None:
        origin = self.git(self.folder, "config", "--get", "remote.origin.url") if (self.folder / ".git").is_dir() else []
        if origin != [self.url]:
            raise Failure(f"{self.folder} is there already and is no clone of {self.url}. Name another folder with path.")
        note = self.folder / ".git" / NOTE
        noted = note.read_text().strip() if note.exists() else None
        head = self.git(self.folder, "rev-parse", "HEAD")[-1]
        if self.commit in (head, noted):
            return
        if head == noted and not self.git(self.folder, "status", "--porcelain") and not is_offline:
            self.fetch(self.folder)
            return
        raise Failure(
            f"{self.folder} is at commit {head[:12]}, with work that Glovebox did not put there, and {self.commit[:12]} was asked for. "
            "Name another folder with path, or bring it to that commit yourself."
        )


def site_folders() -> List[str]:
    """Where this Python finds packages, those of the user included where it looks there."""
    users = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    return [folder for folder in [*users, *site.getsitepackages()] if os.path.isdir(folder)]


def make_environment(folder: Path, spec: Dict[str, Any]) -> None:
    """Empty but for pip. Packages of this Python are found behind its own."""
    try:
        import venv
    except ImportError:
        raise Failure(f"{sys.executable} lacks the module venv, which python_packages and install of repos need.") from None
    venv.EnvBuilder(symlinks=True, with_pip=False, clear=True).create(folder)
    packages = folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    # So that their own .pth files count too, as those of packages in development.
    (packages / "glovebox_base.pth").write_text(f"import site; list(map(site.addsitedir, {site_folders()!r}))\n")
    python, env = str(folder / "bin" / "python"), environment_for(folder, spec)
    if importlib.util.find_spec("pip") is None:
        bootstrap = spec.get("bootstrap")
        has_own = importlib.util.find_spec("ensurepip") is not None
        how = ["-m", "ensurepip"] if has_own or bootstrap is None else ["-I", bootstrap]
        run([python, *how], "setting up pip", INSTALL_S, env)
    for name in ("pip", "pip3"):
        program = folder / "bin" / name
        if not program.exists():
            program.write_text('#!/bin/sh\nexec "$(dirname "$0")/python" -m pip "$@"\n')
            program.chmod(0o755)


def fill_environment(folder: Path, spec: Dict[str, Any], workspace: Path) -> None:
    python, env = str(folder / "bin" / "python"), environment_for(folder, spec)
    if spec["packages"]:
        pip = [python, "-m", "pip", "install", "--progress-bar=off", "--no-warn-script-location", "--", *spec["packages"]]
        run(pip, "the installation of python_packages", INSTALL_S, env)
    install_what_was_asked(spec, workspace, env)
    if importlib.util.find_spec("ipykernel") is not None:
        # What was installed may have replaced something that kernels need.
        run([python, "-c", "import ipykernel.kernelapp"], "the test of the environment", GIT_S, env)


def install_what_was_asked(spec: Dict[str, Any], workspace: Path, env: Dict[str, str]) -> None:
    for told in spec["repositories"]:
        if told.get("install"):
            clone = Clone(told, workspace)
            run(told["install"], f"install of {clone.what}", told["limit_s"], env, cwd=str(clone.folder))
    for argv in spec.get("setup_commands", []):
        # In a container of its own the workspace is nobody's but the sandbox's, and made here where no repository was put there.
        place = Path(spec.get("commands_in") or workspace)
        place.mkdir(parents=True, exist_ok=True)
        run(argv, "a command of setup_commands", INSTALL_S, env, cwd=str(place))


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """Of several who want the same one makes it. The lock goes with the process that holds it."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(file, "a") as stream:
        try:
            fcntl.lockf(stream, fcntl.LOCK_EX)
        except OSError as error:
            # Some network disks have no locks; then two may do the same work, and one of them fails.
            print(f"glovebox: no lock: {error}", flush=True)
        yield


def workspace_of(spec: Dict[str, Any]) -> Path:
    """The root of the server: where that folder is not there, the home folder is."""
    wanted = spec["workspace"]
    return Path(wanted) if wanted and os.path.isdir(wanted) else Path.home()


def hash_of(file: str) -> Optional[str]:
    """None where nothing is; what is no regular file is like no content."""
    if not os.path.lexists(file):
        return None
    if os.path.islink(file) or not os.path.isfile(file):
        return ""
    digest = hashlib.sha256()
    with open(file, "rb") as stream:
        for piece in iter(lambda: stream.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def put_files(spec: Dict[str, Any], workspace: Path, archive: BinaryIO) -> None:
    """Copies files of the project into the workspace, all of them or none, and never over what is not ours."""
    root = os.path.realpath(workspace)
    note = Path(spec["environments"]) / ".files" / f"{hashlib.sha256(root.encode()).hexdigest()[:16]}.json"
    # By place: what we put there. What differs from it later is somebody's work.
    ours: Dict[str, str] = json.loads(note.read_text()) if note.exists() else {}
    missing: Dict[str, str] = {}
    taken: List[str] = []
    for told in spec["files"]:
        place = os.path.normpath(os.path.join(root, told["name"]))
        # Also by way of a link.
        if os.path.commonpath([os.path.realpath(os.path.dirname(place)), root]) != root or place == root:
            raise Failure(f"{told['name']} of files lies outside the workspace {root}.")
        found = hash_of(place)
        if found == told["sha256"]:
            continue
        if found is not None and found != ours.get(place):
            taken.append(place)
        missing[told["name"]] = place
        ours[place] = told["sha256"]
    if taken:
        more = f", and {len(taken) - 3} more" if len(taken) > 3 else ""
        raise Failure(
            f"{', '.join(taken[:3])}{more}: there already, with content that Glovebox did not put there. Name another place in files, or move it away."
        )
    if not missing:
        return
    with tarfile.open(fileobj=archive, mode="r|") as files:
        for member in files:
            place = missing.get(member.name, "")
            content = files.extractfile(member) if place else None
            if content is None:
                continue
            os.makedirs(os.path.dirname(place), exist_ok=True)
            part = f"{place}.glovebox-{os.getpid()}"
            with open(part, "wb") as stream:
                shutil.copyfileobj(content, stream)
            if member.mode & 0o100:
                os.chmod(part, os.stat(part).st_mode | 0o100)
            os.replace(part, place)
    note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    note.write_text(json.dumps(ours))


def equip(spec: Dict[str, Any], archive: Optional[BinaryIO] = None) -> Dict[str, Any]:
    """Returns the interpreter for kernels and their variables.

    `only_clone` leaves the environment to a later run on another machine, and `environments` is the folder of all of them. The content
    of files, where there are any, is in `archive`.
    """
    workspace = workspace_of(spec)
    wanted, repositories = spec.get("environments"), spec["repositories"]
    is_offline = bool(spec.get("offline"))
    headers = spec.get("git_headers")
    if wanted is None:
        for told in repositories:
            Clone(told, workspace, headers).bring(is_offline)
        install_what_was_asked(spec, workspace, environment_for(None))
        return result_of(spec, workspace, None)
    environments = Path(wanted)
    commands = spec.get("setup_commands", [])
    content = [sys.executable, sys.version, str(workspace), spec["packages"], repositories, *([commands] if commands else [])]
    folder = environments / hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
    with locked(environments / f".{hashlib.sha256(str(workspace).encode()).hexdigest()[:16]}.lock"):
        for told in repositories:
            Clone(told, workspace, headers).bring(is_offline)
        if spec.get("files") and archive is not None:
            put_files(spec, workspace, archive)
        needs_environment = bool(spec["packages"] or commands) or any(told.get("install") for told in repositories)
        if spec.get("only_clone") or not needs_environment:
            return result_of(spec, workspace, None)
        if not (folder / MARKER).exists():
            if is_offline:
                raise Failure("The environment with python_packages is not there yet, and GLOVEBOX_OFFLINE forbids to make it.")
            try:
                make_environment(folder, spec)
                fill_environment(folder, spec, workspace)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            (folder / MARKER).write_text(json.dumps({"content": content, "made": time.time()}))
    return result_of(spec, workspace, folder)


def result_of(spec: Dict[str, Any], workspace: Path, environment: Optional[Path]) -> Dict[str, Any]:
    return {
        "python": sys.executable if environment is None else str(environment / "bin" / "python"),
        "environment": None if environment is None else str(environment),
        "variables": {told["variable"]: str(Clone(told, workspace).folder) for told in spec["repositories"]},
    }


def main() -> None:
    def give_up(*_: Any) -> None:
        end_running()
        os._exit(143)

    signal.signal(signal.SIGTERM, give_up)
    try:
        result = equip(json.loads(sys.stdin.buffer.readline()), sys.stdin.buffer)
    except (Failure, OSError) as failure:
        print(f"{FAILURE}{failure}", flush=True)
        sys.exit(1)
    print(f"{RESULT}{json.dumps(result)}", flush=True)


if __name__ == "__main__":
    main()
