"""Puts the pinned code-server into a sandbox, and starts it for whoever has the workspace.

Runs as root there, with what is wanted as JSON on standard input. It listens on loopback, wants a password that nobody is told, and the server
of the sandbox signs in for those that it lets in: see port_forward.py. What runs already stays. Python 3.9 and later.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import pwd
import secrets
import shutil
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

START_S = 60.0
PASSED_ON = ("PATH", "LANG")


class Failure(Exception):
    """One sentence for a person."""


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


# Nothing on loopback goes by way of a proxy.
LOOPBACK = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect)


def fetch(wanted: dict[str, str], part: Path) -> None:
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(wanted["url"], timeout=60) as answer, open(part, "wb") as stream:
            for piece in iter(lambda: answer.read(1 << 20), b""):
                digest.update(piece)
                stream.write(piece)
    except OSError as error:
        raise Failure(f"{wanted['url']} cannot be fetched: {error}.") from None
    if digest.hexdigest() != wanted["sha256"]:
        part.unlink()
        raise Failure(f"{wanted['url']} is not the file that was pinned: its SHA-256 is {digest.hexdigest()}, not {wanted['sha256']}.")


def install(archives: dict[str, dict[str, str]], folder: Path) -> Path:
    """Below a name that is made of its hash, so that what is there is what was checked."""
    wanted = archives.get(platform.machine())
    if wanted is None:
        raise Failure(f"there is no code-server for {platform.machine()}.")
    place = folder / wanted["sha256"][:16]
    if not place.exists():
        stage = folder / "stage"
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir()
        fetch(wanted, stage / "archive")
        with tarfile.open(stage / "archive") as archive:
            safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            archive.extractall(stage / "files", **safe)
        [top] = (stage / "files").iterdir()
        os.rename(top, place)
        shutil.rmtree(stage)
    return place / "bin" / "code-server"


def ask(port: int, path: str, data: bytes | None = None) -> Any:
    try:
        return LOOPBACK.open(urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=data), timeout=5)
    except urllib.error.HTTPError as answer:
        return answer
    except OSError:
        return None


def write_private(file: Path, text: str, owner: os.stat_result) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
    if os.geteuid() == 0:
        os.chown(file, owner.st_uid, owner.st_gid)


def start(program: Path, port: int, private: Path, workspace: Path) -> None:
    owner = workspace.stat()
    private.mkdir(mode=0o700, exist_ok=True)
    password = secrets.token_urlsafe(32)
    # JSON is YAML too. Asked from other pages it would be by way of the sandbox's server, which looks at where a request comes from.
    config = {
        "bind-addr": f"127.0.0.1:{port}",
        "auth": "password",
        "password": password,
        "trusted-origins": "*",
        "disable-telemetry": True,
        "disable-update-check": True,
        "user-data-dir": str(private / "data"),
        "extensions-dir": str(private / "extensions"),
    }
    file = private / "config.yaml"
    write_private(file, json.dumps(config), owner)
    home = private
    rights: dict[str, Any] = {}
    if os.geteuid() == 0:
        os.chown(private, owner.st_uid, owner.st_gid)
        rights = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
        try:
            home = Path(pwd.getpwuid(owner.st_uid).pw_dir)
        except KeyError:
            pass
    env = {**{name: os.environ[name] for name in PASSED_ON if name in os.environ}, "HOME": str(home)}
    argv = [str(program), "--config", str(file), str(workspace)]
    with open(private / "log", "wb") as log:
        process = subprocess.Popen(
            argv, env=env, cwd=workspace, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **rights
        )
    until = time.monotonic() + START_S
    while ask(port, "/healthz") is None:
        if process.poll() is not None or time.monotonic() > until:
            print((private / "log").read_text(encoding="utf-8", errors="replace")[-4000:], flush=True)
            raise Failure("code-server does not start here.")
        time.sleep(0.1)
    answer = ask(port, "/login", urllib.parse.urlencode({"password": password}).encode())
    cookie = "" if answer is None else str(answer.headers.get("Set-Cookie") or "").partition(";")[0]
    if not cookie:
        raise Failure("code-server does not take its own password.")
    write_private(private / "cookie", cookie, owner)


def main() -> None:
    spec = json.load(sys.stdin)
    folder = Path(os.path.abspath(spec["state"])) / "code-server"
    folder.mkdir(parents=True, exist_ok=True)
    private = folder / "private"
    try:
        program = install(spec["archives"], folder)
        if not ((private / "cookie").exists() and ask(spec["port"], "/healthz") is not None):
            start(program, spec["port"], private, Path(os.path.abspath(spec["workspace"])))
    except (Failure, OSError, tarfile.TarError) as failure:
        raise SystemExit(f"glovebox: {failure}") from None


if __name__ == "__main__":
    main()
