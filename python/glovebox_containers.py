"""Runs commands in the containers of a sandbox: one for each repository that came with a Dockerfile.

>>> from glovebox_containers import container_exec
>>> done = container_exec("lib", ["pytest", "-q"], timeout=600)
>>> done.exit_code, done.stdout
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import uuid
from dataclasses import dataclass
from typing import Callable, IO, Mapping, Sequence

__all__ = ["Finished", "container_exec", "list_containers"]

# Fixed text for the container's shell: the number of the command goes into a file, so that the time limit finds it in there.
BEGIN = 'echo $$ > "$0" && exec "$@"'
END = 'kill -KILL "-$(cat "$0")" 2>/dev/null || kill -KILL "$(cat "$0")"; rm -f "$0"'
KILL_S = 10.0


@dataclass(frozen=True)
class Finished:
    """How a command ended. One that was ended at its limit has `timed_out`, and whatever it had printed by then."""

    stdout: str
    stderr: str
    exit_code: int
    timed_out: bool = False


def _folder() -> str:
    place = os.environ.get("GLOVEBOX_CONTAINERS")
    if not place:
        raise RuntimeError("this sandbox has no containers: it was started without docker, or its repos name no dockerfile")
    return place


def list_containers() -> list[str]:
    """The repositories that have a container."""
    file = os.path.join(_folder(), "containers.json")
    if not os.path.exists(file):
        return []
    with open(file, encoding="utf-8") as stream:
        names: list[str] = json.load(stream)
    return names


def container_exec(
    repo: str,
    argv: Sequence[str],
    *,
    stdin: str | None = None,
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 600,
    stream: bool = False,
) -> Finished:
    """Runs words, not a shell's text, in the container of a repository, and waits for their end.

    `cwd` is a folder in the container, `env` is added to its variables. With `stream` what is printed also appears below the cell as it
    comes. After `timeout` seconds, and when the cell is interrupted, the command and all that it started in the container is ended.
    """
    if isinstance(argv, (str, bytes)) or not argv:
        raise TypeError("argv is a list of words; for a shell: ['sh', '-c', text]")
    if repo not in list_containers():
        raise KeyError(f"no container for {repo!r}; there are: {', '.join(list_containers()) or 'none'}")
    variables = dict(env or {})
    client = {**os.environ, **variables, "DOCKER_HOST": f"unix://{os.path.join(_folder(), 'docker.sock')}"}
    # Their values are in nobody's list of processes.
    words = [word for name in variables for word in ("--env", name)]
    if cwd is not None:
        words += ["--workdir", cwd]
    mark = f"/tmp/.glovebox-{uuid.uuid4().hex}"
    command = ["docker", "exec", "--interactive", *words, repo, "sh", "-c", BEGIN, mark, *argv]
    process = subprocess.Popen(command, env=client, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    readers = [
        _Reader(process.stdout, sys.stdout.write if stream else None),
        _Reader(process.stderr, sys.stderr.write if stream else None),
    ]
    writer = threading.Thread(target=_give, args=(process.stdin, stdin), daemon=True)
    writer.start()
    timed_out = False
    has_ended = False
    try:
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
        has_ended = not timed_out
    finally:
        _in_container(client, repo, ["rm", "-f", mark] if has_ended else ["sh", "-c", END, mark])
        if not has_ended:
            process.kill()
            process.wait()
    texts = [reader.text() for reader in readers]
    return Finished(texts[0], texts[1], 137 if timed_out else process.returncode, timed_out)


def _in_container(client: Mapping[str, str], repo: str, argv: Sequence[str]) -> None:
    """Something short; whether it worked is seen elsewhere."""
    try:
        subprocess.run(
            ["docker", "exec", repo, *argv], env=client, stdin=subprocess.DEVNULL, capture_output=True, timeout=KILL_S, check=False
        )
    except subprocess.TimeoutExpired:
        pass


def _give(pipe: IO[bytes], text: str | None) -> None:
    try:
        with pipe:
            pipe.write((text or "").encode())
    except OSError:
        pass  # It may end without having read everything.


class _Reader:
    """Gathers one stream while the command runs."""

    def __init__(self, pipe: IO[bytes], show: Callable[[str], object] | None) -> None:
        self._pipe, self._show = pipe, show
        self._parts: list[str] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in iter(self._pipe.readline, b""):
            text = line.decode("utf-8", "replace")
            self._parts.append(text)
            if self._show is not None:
                self._show(text)

    def text(self) -> str:
        self._thread.join(KILL_S)
        return "".join(self._parts)
