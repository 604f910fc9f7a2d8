"""Starts the Docker engine of a machine that is a sandbox's own, and containers in it.

Runs as root there, with what is wanted as JSON on standard input, once for the engine and once for each container; what is there already
stays. Containers share the machine's network: where a machine is itself a container there is no other. Unpacked nowhere; Python 3.9 and later.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

ENGINE_S = 60.0
# Nothing of the machine's secrets reaches the engine, a build, or a container.
PASSED_ON = ("PATH", "LANG", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


class Failure(Exception):
    """One sentence for a person. What the failing command printed stands above it."""


def environment(folder: Path) -> dict[str, str]:
    given = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {**given, "HOME": str(folder), "DOCKER_HOST": f"unix://{folder / 'docker.sock'}"}


def run(argv: list[str], env: dict[str, str], what: str, limit_s: float) -> None:
    """To its end, in a group of its own; what it prints goes to our standard output."""
    print(f"{what}: {argv[0]} {argv[1]}", flush=True)
    process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, start_new_session=True)
    is_late = threading.Event()

    def end_late() -> None:
        is_late.set()
        os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(limit_s, end_late)
    timer.start()
    try:
        code = process.wait()
    finally:
        timer.cancel()
    if is_late.is_set():
        raise Failure(f"{what} took more than {limit_s:g} s and was ended.")
    if code != 0:
        raise Failure(f"{what} failed: {argv[0]} {argv[1]} ended with exit code {code}.")


def answers(env: dict[str, str]) -> bool:
    asked = subprocess.run(["docker", "version"], env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return asked.returncode == 0


def start_engine(folder: Path, owner: Path) -> None:
    env = environment(folder)
    if answers(env):
        return
    argv = ["dockerd", f"--host={env['DOCKER_HOST']}", f"--data-root={folder / 'data'}", f"--exec-root={folder / 'exec'}"]
    # No network of its own: what that needs of the kernel is not there in every machine.
    argv += [f"--pidfile={folder / 'engine.pid'}", "--bridge=none", "--iptables=false", "--ip6tables=false"]
    log = folder / "engine.log"
    with open(log, "ab") as stream:
        engine = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True)
    until = time.monotonic() + ENGINE_S
    while not answers(env):
        if engine.poll() is not None or time.monotonic() > until:
            print(log.read_text(encoding="utf-8", errors="replace")[-4000:], flush=True)
            raise Failure("the Docker engine does not start here.")
        time.sleep(0.1)
    if os.geteuid() == 0:
        # Whoever has the workspace may use it.
        stat = owner.stat()
        os.chown(folder / "docker.sock", stat.st_uid, stat.st_gid)


def start_container(folder: Path, wanted: dict[str, Any]) -> None:
    env = environment(folder)
    name, context = wanted["name"], Path(os.path.abspath(wanted["folder"]))
    dockerfile = context / wanted["dockerfile"]
    if not dockerfile.is_file():
        raise Failure(f"the repository {name} has no {wanted['dockerfile']}.")
    image = f"glovebox/{name.lower()}"
    build = ["docker", "build", "--network=host", f"--tag={image}", f"--file={dockerfile}", str(context)]
    run(build, env, f"the image of {name}", wanted["limit_s"])
    # One of an earlier start of this machine, as after a snapshot.
    subprocess.run(["docker", "rm", "--force", name], env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    start = ["docker", "run", "--detach", "--init", f"--name={name}", "--network=host", "--entrypoint=sleep", image, "infinity"]
    run(start, env, f"the container {name}", ENGINE_S)
    listed = folder / "containers.json"
    names = json.loads(listed.read_text(encoding="utf-8")) if listed.exists() else []
    listed.write_text(json.dumps(sorted({*names, name})), encoding="utf-8")


def main() -> None:
    spec = json.load(sys.stdin)
    folder = Path(os.path.abspath(spec["state"])) / "docker"
    folder.mkdir(parents=True, exist_ok=True)
    lib = folder.with_name("lib")
    lib.mkdir(exist_ok=True)
    (lib / "glovebox_containers.py").write_text(spec["module"], encoding="utf-8")
    try:
        start_engine(folder, Path(os.path.abspath(spec["workspace"])))
        if spec.get("container") is not None:
            start_container(folder, spec["container"])
    except (Failure, OSError) as failure:
        raise SystemExit(f"glovebox: {failure}") from None


if __name__ == "__main__":
    main()
