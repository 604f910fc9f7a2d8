"""Moves files and folders in and out of a sandbox in pieces: what arrives is gathered beside its place and put there when it is whole.

Runs inside a kernel, by `exec` in a namespace of its own, for Python 3.8 and later. Nothing is kept between two requests.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import shutil
import stat
import time
import zlib
from typing import Any, Dict, List, Optional

MIME = "application/vnd.glovebox.transfer+json"
STAGE = ".glovebox-transfer-"
STALE_S = 24 * 3600
CHUNK = 1024 * 1024


class Refused(Exception):
    def __init__(self, kind: str, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.kind = kind
        self.facts = facts


def real_path(path: str) -> str:
    return os.path.realpath(os.path.expanduser(path))


def below(folder: str, name: str) -> str:
    """A file of a folder, by the name it has in a list from outside; the folder itself for the empty name."""
    place = os.path.normpath(os.path.join(folder, name))
    if place != folder and not place.startswith(os.path.join(folder, "")):
        raise Refused("denied", f"{name} leads out of {folder}.")
    return place


def hash_of(path: str) -> Optional[str]:
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            for data in iter(lambda: file.read(CHUNK), b""):
                digest.update(data)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return digest.hexdigest()


def look(asked: Dict[str, Any]) -> Dict[str, Any]:
    """What is there to be fetched: one file, or all regular files below a folder."""
    path = real_path(asked["path"])
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise Refused("not-found", f"{path} does not exist.", near=names_near(path)) from None
    if stat.S_ISREG(found.st_mode):
        return {"real": path, "is_folder": False, "files": [entry("", found)], "folders": [], "left_out": []}
    if not stat.S_ISDIR(found.st_mode):
        raise Refused("not-regular", f"{path} is a device, a pipe or a socket.")
    files: List[Dict[str, Any]] = []
    kept: List[str] = []
    left_out: List[str] = []
    for folder, folders, names in os.walk(path):
        inside = os.path.relpath(folder, path)
        prefix = "" if inside == "." else inside.replace(os.sep, "/") + "/"
        for name in [name for name in folders if name in asked["left_out"] or os.path.islink(os.path.join(folder, name))]:
            folders.remove(name)
            left_out.append(prefix + name)
        folders.sort()
        kept.extend(prefix + name for name in folders)
        for name in sorted(names):
            status = os.lstat(os.path.join(folder, name))
            if not stat.S_ISREG(status.st_mode):
                left_out.append(prefix + name)
                continue
            files.append(entry(prefix + name, status))
            if len(files) > asked["max_files"]:
                raise Refused("too-many", f"{path} has more than {asked['max_files']} files.")
    return {"real": path, "is_folder": True, "files": files, "folders": kept, "left_out": left_out[:100]}


def entry(name: str, found: os.stat_result) -> Dict[str, Any]:
    return {"name": name, "size": found.st_size, "executable": bool(found.st_mode & stat.S_IXUSR)}


def names_near(path: str) -> List[str]:
    try:
        return sorted(os.listdir(os.path.dirname(path)))[:200]
    except OSError:
        return []


def read(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Parts of files, one after the other; a file that has become shorter gives less."""
    parts = []
    for piece in asked["pieces"]:
        with open(below(asked["path"], piece["name"]), "rb") as file:
            file.seek(piece["offset"])
            parts.append(file.read(piece["length"]))
    data = base64.b64encode(zlib.compress(b"".join(parts), 1)).decode("ascii")
    return {"data": data, "lengths": [len(part) for part in parts]}


def hashes(asked: Dict[str, Any]) -> Dict[str, Any]:
    return {"sha256": [hash_of(below(asked["path"], name)) for name in asked["names"]]}


def begin(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Where the files will go, which of them are not there yet, and which would replace something else.

    `name`, of a single file, says what it is called in a folder that is there; without it the place is meant to the letter.
    """
    path = real_path(asked["path"])
    name = asked.get("name")
    if name is not None and (asked["path"].endswith("/") or os.path.isdir(path)):
        path = real_path(os.path.join(path, name))
    if os.path.lexists(path) and os.path.isdir(path) != asked["is_folder"]:
        kind = "folder" if os.path.isdir(path) else "file"
        raise Refused("not-regular", f"{path} is there already, as a {kind}.")
    if os.path.exists(path) and not os.path.isdir(path) and not os.path.isfile(path):
        raise Refused("not-regular", f"{path} is a device, a pipe or a socket.")
    needed = []
    taken = []
    for index, file in enumerate(asked["files"]):
        place = below(path, file["name"])
        if os.path.isdir(place):
            raise Refused("not-regular", f"{place} is there already, as a folder.")
        found = hash_of(place)
        if found == file["sha256"]:
            continue
        needed.append(index)
        if found is not None:
            taken.append({"index": index, "sha256": found})
    # Beside a file, and in a folder that is there: the one above may be closed to this user.
    beside = path if os.path.isdir(path) else os.path.dirname(path)
    return {"real": path, "stage": os.path.join(beside, STAGE + asked["id"]), "needed": needed, "taken": taken}


def write(asked: Dict[str, Any]) -> Dict[str, Any]:
    stage = asked["stage"]
    if asked["first"]:
        os.makedirs(os.path.dirname(stage), exist_ok=True)
        forget_stale(os.path.dirname(stage))
        os.mkdir(stage, 0o700)
    data = memoryview(zlib.decompress(base64.b64decode(asked["data"])))
    at = 0
    for piece in asked["pieces"]:
        with open(os.path.join(stage, str(piece["index"])), "ab") as file:
            if file.tell() != piece["offset"]:
                raise Refused("failed", f"a piece at {piece['offset']} came when {file.tell()} bytes were there")
            file.write(data[at : at + piece["length"]])
        at += piece["length"]
    return {}


def commit(asked: Dict[str, Any]) -> Dict[str, Any]:
    """All files are there and right before the first one is put into its place."""
    stage = asked["stage"]
    for file in asked["files"]:
        if hash_of(os.path.join(stage, str(file["index"]))) != file["sha256"]:
            raise Refused("failed", f"{file['name'] or asked['path']} did not arrive as it was sent; nothing was replaced")
        if hash_of(below(asked["path"], file["name"])) != file["replaces"]:
            raise Refused("changed", below(asked["path"], file["name"]))
    mask = os.umask(0)
    os.umask(mask)
    for file in asked["files"]:
        place = below(asked["path"], file["name"])
        source = os.path.join(stage, str(file["index"]))
        os.makedirs(os.path.dirname(place), exist_ok=True)
        before = stat.S_IMODE(os.stat(place).st_mode) if file["replaces"] else 0o666 & ~mask
        os.chmod(source, before | (0o111 & ~mask if file["executable"] else 0))
        os.replace(source, place)
    shutil.rmtree(stage, ignore_errors=True)
    return {}


def folders(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Makes those that are not there."""
    for path in asked["paths"]:
        place = real_path(path)
        if os.path.exists(place) and not os.path.isdir(place):
            raise Refused("not-regular", f"{place} is there, and is no folder.")
        os.makedirs(place, exist_ok=True)
    return {}


def abort(asked: Dict[str, Any]) -> Dict[str, Any]:
    shutil.rmtree(asked["stage"], ignore_errors=True)
    return {}


def forget_stale(folder: str) -> None:
    """What a transfer left whose caller died."""
    for name in os.listdir(folder):
        place = os.path.join(folder, name)
        if name.startswith(STAGE) and time.time() - os.lstat(place).st_mtime > STALE_S:
            shutil.rmtree(place, ignore_errors=True)


OPERATIONS = {
    "look": look,
    "read": read,
    "hashes": hashes,
    "begin": begin,
    "write": write,
    "commit": commit,
    "abort": abort,
    "folders": folders,
}
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
