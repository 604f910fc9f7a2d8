"""Moves files between a caller outside and this machine, in pieces: lists what there is, gives pieces, takes pieces.

Runs inside a kernel, by `exec` in a namespace of its own, for Python 3.8 and later.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import stat
import zlib
from typing import Any, Dict, Iterator, List, Tuple

MIME = "application/vnd.glovebox.transfer+json"
# Of a transfer that was given up; removed by the next one into the same folder.
PART = ".glovebox-part-"
NEAR = 200


class Refused(Exception):
    def __init__(self, kind: str, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.kind = kind
        self.facts = facts


def real_path(path: str) -> str:
    return os.path.realpath(os.path.expanduser(path))


def names_near(path: str) -> List[str]:
    try:
        return sorted(os.listdir(os.path.dirname(path)))[:NEAR]
    except OSError:
        return []


def status_of(path: str) -> os.stat_result:
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise Refused("not-found", f"{path} does not exist.", near=names_near(path)) from None


def walk(top: str) -> Iterator[Tuple[str, os.stat_result]]:
    """Regular files and folders below a folder. Links are not followed, since they may lead anywhere."""
    for folder, folders, files in os.walk(top):
        folders.sort()
        for name in [*folders, *sorted(files)]:
            path = os.path.join(folder, name)
            found = os.lstat(path)
            if stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode):
                yield path, found


def entry(path: str, top: str, found: os.stat_result) -> Dict[str, Any]:
    return {
        "path": os.path.relpath(path, top).replace(os.sep, "/"),
        "folder": stat.S_ISDIR(found.st_mode),
        "size": 0 if stat.S_ISDIR(found.st_mode) else found.st_size,
        "executable": bool(found.st_mode & 0o100) and stat.S_ISREG(found.st_mode),
    }


def survey(asked: Dict[str, Any]) -> Dict[str, Any]:
    path = real_path(asked["path"])
    found = status_of(path)
    if stat.S_ISREG(found.st_mode):
        return {"real": path, "folder": False, "entries": [{**entry(path, path, found), "path": ""}]}
    if not stat.S_ISDIR(found.st_mode):
        raise Refused("not-regular", f"{path} is a device, a pipe or a socket.")
    entries = [entry(inner, path, status) for inner, status in walk(path)]
    if len(entries) > asked["max_entries"]:
        raise Refused("too-many", f"{path} holds {len(entries)} files and folders.")
    return {"real": path, "folder": True, "entries": entries}


def give(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Pieces of files, each with the hash of the whole where it is the last one."""
    pieces = []
    for wanted in asked["pieces"]:
        path = real_path(wanted["path"])
        with open(path, "rb") as file:
            file.seek(wanted["offset"])
            pieces.append(base64.b64encode(zlib.compress(file.read(wanted["length"]), 1)).decode("ascii"))
    return {"pieces": pieces}


def target_of(path: str) -> str:
    target = real_path(path)
    if os.path.isdir(target):
        raise Refused("is-folder", f"{target} is a folder.")
    if os.path.exists(target) and not os.path.isfile(target):
        raise Refused("not-regular", f"{target} is a device, a pipe or a socket.")
    return target


def take(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Each piece goes to its place in a file beside the target; the last one puts that in the place of the target."""
    taken = []
    for piece in asked["pieces"]:
        target = target_of(piece["path"])
        folder = os.path.dirname(target)
        os.makedirs(folder, exist_ok=True)
        part = os.path.join(folder, PART + piece["id"])
        data = zlib.decompress(base64.b64decode(piece["data"]))
        mode = 0o777 if piece["executable"] else 0o666
        handle = os.open(part, os.O_CREAT | os.O_WRONLY | getattr(os, "O_BINARY", 0), mode)
        with os.fdopen(handle, "wb") as file:
            file.seek(piece["offset"])
            file.write(data)
        if "sha256" in piece:
            finish(part, target, piece)
        taken.append(target)
    return {"taken": taken}


def finish(part: str, target: str, piece: Dict[str, Any]) -> None:
    digest = hashlib.sha256()
    with open(part, "rb") as file:
        for data in iter(lambda: file.read(1024 * 1024), b""):
            digest.update(data)
    if digest.hexdigest() != piece["sha256"]:
        os.unlink(part)
        raise Refused("damaged", f"What arrived for {target} is not what was sent.")
    if os.path.exists(target) and not piece["executable"]:
        os.chmod(part, stat.S_IMODE(os.stat(target).st_mode))
    os.replace(part, target)


def drop(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Removes what a transfer that was given up has left."""
    for path in asked["paths"]:
        part = os.path.join(os.path.dirname(real_path(path)), PART + asked["id"])
        if os.path.exists(part):
            os.unlink(part)
    return {}


def folders(asked: Dict[str, Any]) -> Dict[str, Any]:
    for path in asked["paths"]:
        place = real_path(path)
        if os.path.exists(place) and not os.path.isdir(place):
            raise Refused("not-regular", f"{place} is there, and is no folder.")
        os.makedirs(place, exist_ok=True)
    return {}


OPERATIONS = {"survey": survey, "give": give, "take": take, "drop": drop, "folders": folders}
KINDS = {errno.EACCES: "denied", errno.EPERM: "denied", errno.EROFS: "denied", errno.ENOSPC: "full", errno.EDQUOT: "full"}


def answer(asked: Dict[str, Any]) -> Dict[str, Any]:
    try:
        return OPERATIONS[asked["operation"]](asked)
    except Refused as refusal:
        return {"refused": refusal.kind, "message": str(refusal), **refusal.facts}
    except FileNotFoundError as error:
        return {"refused": "not-found", "message": str(error), "near": []}
    except OSError as error:
        return {"refused": KINDS.get(error.errno or 0, "failed"), "message": str(error)}


def main(request: str) -> None:
    from IPython import get_ipython

    get_ipython().display_pub.publish({MIME: json.dumps(answer(json.loads(request)))})


if "glovebox_request" in globals():
    main(globals()["glovebox_request"])
