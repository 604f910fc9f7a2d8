"""Reads and writes single files for a caller outside: windows of text, whole contents, and replacement only of what the caller knows.

Runs inside a kernel, by `exec` in a namespace of its own, for Python 3.8 and later.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import stat
import tempfile
import zlib
from typing import Any, Dict, List, Optional

MIME = "application/vnd.glovebox.file+json"
CHUNK = 1024 * 1024
LISTED = 200


class Refused(Exception):
    def __init__(self, kind: str, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.kind = kind
        self.facts = facts


def real_path(path: str) -> str:
    return os.path.realpath(os.path.expanduser(path))


def status_of(path: str) -> os.stat_result:
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise Refused("not-found", f"{path} does not exist.", near=names_near(path)) from None


def names_near(path: str) -> List[str]:
    """What is in the folder where it was looked for."""
    try:
        return sorted(os.listdir(os.path.dirname(path)))[:LISTED]
    except OSError:
        return []


def refuse_special(path: str, found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise Refused("is-folder", f"{path} is a folder.")
    if not stat.S_ISREG(found.st_mode):
        raise Refused("not-regular", f"{path} is a device, a pipe or a socket.")


def listing(path: str) -> Dict[str, Any]:
    rows = []
    names = sorted(os.listdir(path))
    for name in names[:LISTED]:
        try:
            found = os.stat(os.path.join(path, name))
            rows.append({"name": name, "folder": stat.S_ISDIR(found.st_mode), "size": found.st_size})
        except OSError:
            rows.append({"name": name, "folder": False, "size": None})
    return {"real": path, "entries": rows, "count": len(names)}


class Window:
    """Cuts the wanted lines out of a file that goes by in pieces, and counts all of them."""

    def __init__(self, first: int, count: int, max_line: int) -> None:
        self.first, self.last, self.max_bytes = first, first + count - 1, max_line * 4 + 4
        self.line, self.total = 1, 0
        self.lines: List[bytes] = []
        self.current: List[bytes] = []
        self.held = 0
        self.open = False

    def take(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            end = data.find(b"\n", at)
            wanted = self.first <= self.line <= self.last
            if not wanted and self.line < self.first and end == -1:
                self.open = True
                return
            if self.line > self.last:
                ends = data.count(b"\n", at)
                self.line += ends
                self.open = not data.endswith(b"\n")
                return
            stop = len(data) if end == -1 else end
            if wanted and self.held <= self.max_bytes:
                self.current.append(data[at : min(stop, at + self.max_bytes + 1)])
                self.held += stop - at
            self.open = end == -1
            if end == -1:
                return
            self.close_line(wanted)
            at = end + 1

    def close_line(self, wanted: bool) -> None:
        if wanted:
            self.lines.append(b"".join(self.current))
        self.current, self.held = [], 0
        self.line += 1

    def finish(self) -> None:
        self.total = self.line if self.open else self.line - 1
        if self.open and self.first <= self.line <= self.last:
            self.lines.append(b"".join(self.current))


def read(asked: Dict[str, Any]) -> Dict[str, Any]:
    path = real_path(asked["path"])
    found = status_of(path)
    if stat.S_ISDIR(found.st_mode):
        return listing(path)
    refuse_special(path, found)
    if found.st_size > asked["max_bytes"]:
        raise Refused("too-large", f"{path} has {found.st_size} bytes.")
    digest = hashlib.sha256()
    decoder_ok = True
    window = Window(asked["offset"], asked["limit"], asked["max_line"])
    with open(path, "rb") as file:
        head = file.read(8192)
        if b"\0" in head:
            return {"real": path, "size": found.st_size, "binary": True, "magic": base64.b64encode(head[:16]).decode()}
        data = head + file.read(CHUNK)
        while data:
            digest.update(data)
            window.take(data)
            data = file.read(CHUNK)
    window.finish()
    lines = []
    size = 0
    for raw in window.lines:
        text = raw.decode("utf-8", "replace")
        decoder_ok = decoder_ok and (len(raw) > window.max_bytes or is_utf8(raw))
        text = text[:-1] if text.endswith("\r") else text
        is_cut = len(text) > asked["max_line"]
        text = text[: asked["max_line"]]
        size += len(text) + 8
        if lines and size > asked["max_chars"]:
            break
        lines.append({"text": text, "cut": is_cut})
    return {
        "real": path,
        "size": found.st_size,
        "sha256": digest.hexdigest(),
        "total_lines": window.total,
        "lines": lines,
        "valid_utf8": decoder_ok,
    }


def is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def hash_of(path: str) -> Optional[str]:
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            for data in iter(lambda: file.read(CHUNK), b""):
                digest.update(data)
    except FileNotFoundError:
        return None
    return digest.hexdigest()


def load(asked: Dict[str, Any]) -> Dict[str, Any]:
    path = real_path(asked["path"])
    try:
        found = status_of(path)
    except Refused as refusal:
        return {"real": path, "missing": True, "near": refusal.facts["near"]}
    refuse_special(path, found)
    if found.st_size > asked["max_bytes"]:
        raise Refused("too-large", f"{path} has {found.st_size} bytes.")
    if asked.get("hash_only"):
        return {"real": path, "data": "", "sha256": hash_of(path)}
    with open(path, "rb") as file:
        data = file.read()
    return {"real": path, "data": packed(data), "sha256": hashlib.sha256(data).hexdigest()}


def packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 6)).decode("ascii")


def store(asked: Dict[str, Any]) -> Dict[str, Any]:
    """`expected` is the hash of what may be replaced; without it nothing may be there."""
    path = real_path(asked["path"])
    data = zlib.decompress(base64.b64decode(asked["data"]))
    expected: Optional[str] = asked.get("expected")
    before: Optional[os.stat_result] = None
    if os.path.lexists(path):
        before = status_of(path)
        refuse_special(path, before)
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".glovebox-", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        keep_ownership(temporary, before)
        now = hash_of(path)
        if now != expected:
            raise Refused("exists" if expected is None else "changed", path, sha256=now)
        if before is None:
            put_new(temporary, path)
        else:
            os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
    result = {"real": path, "created": before is None, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    if path.endswith(".py"):
        result["syntax"] = syntax_of(data)
    return result


def put_new(temporary: str, path: str) -> None:
    """A link fails where a name is taken, so of two that create the same file one is told."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise Refused("exists", path, sha256=hash_of(path)) from None
    except OSError:
        os.replace(temporary, path)


def keep_ownership(temporary: str, before: Optional[os.stat_result]) -> None:
    if before is None:
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        return
    try:
        os.chown(temporary, before.st_uid, before.st_gid)
    except (OSError, AttributeError):
        pass
    os.chmod(temporary, stat.S_IMODE(before.st_mode))


def syntax_of(data: bytes) -> Optional[Dict[str, Any]]:
    """Compiles without importing or running anything."""
    try:
        compile(data, "<edited>", "exec", dont_inherit=True)
    except SyntaxError as error:
        return {"line": error.lineno, "message": error.msg}
    except ValueError as error:
        return {"line": None, "message": str(error)}
    return None


OPERATIONS = {"read": read, "load": load, "store": store}
KINDS = {errno.EACCES: "denied", errno.EPERM: "denied", errno.EROFS: "denied", errno.ENOSPC: "full", errno.EDQUOT: "full"}


def answer(asked: Dict[str, Any]) -> Dict[str, Any]:
    try:
        return OPERATIONS[asked["operation"]](asked)
    except Refused as refusal:
        return {"refused": refusal.kind, "message": str(refusal), **refusal.facts}
    except OSError as error:
        return {"refused": KINDS.get(error.errno or 0, "failed"), "message": str(error)}


def main(request: str) -> None:
    from IPython import get_ipython

    get_ipython().display_pub.publish({MIME: json.dumps(answer(json.loads(request)))})


if "glovebox_request" in globals():
    main(globals()["glovebox_request"])
