"""Fetches the files of one repository of the Hugging Face Hub onto a volume: resumed, checked, and marked only when whole.

Needs nothing but Python. What to do comes as JSON in GLOVEBOX_SPEC; a token, if one is needed, in HF_TOKEN. For a folder that
several sandboxes share, with `--shared`, both come as one line of standard input, which stays open as long as somebody wants it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

MARKER = ".glovebox-complete.json"
TRIES = 5
PARALLEL = 4
CHUNK_BYTES = 1 << 20
TIMEOUT_S = 60
# What in a configuration tells which model it is.
TELLING = frozenset(("_name_or_path", "name_or_path", "base_model_name_or_path", "auto_map", "_commit_hash", "model_name"))


class SameHostCredentials(urllib.request.HTTPRedirectHandler):
    """A token for the Hub is no business of the storage it redirects to."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        redirected = super().redirect_request(req, fp, code, msg, headers, newurl)
        if redirected is not None and urllib.parse.urlsplit(newurl).netloc != urllib.parse.urlsplit(req.full_url).netloc:
            redirected.remove_header("Authorization")
        return redirected


OPENER = urllib.request.build_opener(SameHostCredentials)


class Progress:
    """Says now and then how many bytes are there, as a line of JSON."""

    def __init__(self) -> None:
        self.done = 0
        self.told = 0.0
        self.lock = threading.Lock()

    def add(self, count: int) -> None:
        with self.lock:
            self.done += count
            if time.monotonic() - self.told > 1:
                self.tell()

    def tell(self) -> None:
        self.told = time.monotonic()
        print(json.dumps({"done": self.done}), flush=True)


def digest_of(file: Path, wanted: dict[str, Any]) -> bool:
    """Whether the content is the one the Hub names: SHA-256 of large files, the git blob id of small ones."""
    if "sha256" in wanted:
        check, expected = hashlib.sha256(), wanted["sha256"]
    elif "blob" in wanted:
        check, expected = hashlib.sha1(f"blob {wanted['size']}\0".encode()), wanted["blob"]
    else:
        return True
    with open(file, "rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            check.update(chunk)
    return check.hexdigest() == expected


def is_whole(file: Path, wanted: dict[str, Any]) -> bool:
    return file.is_file() and file.stat().st_size == wanted["size"] and digest_of(file, wanted)


def adopt(spec: dict[str, Any], wanted: dict[str, Any], part: Path) -> None:
    """Takes a file over that the user's own cache of the Hub has already; it is checked as any other."""
    cache = os.environ.get("HF_HUB_CACHE") or os.path.join(os.environ.get("HF_HOME") or os.path.expanduser("~/.cache/huggingface"), "hub")
    blob = Path(cache, "models--" + spec["repository"].replace("/", "--"), "blobs", wanted.get("sha256") or wanted.get("blob") or "")
    if part.exists() or not blob.is_file() or blob.stat().st_size != wanted["size"]:
        return
    try:
        os.link(blob, part)
    except OSError:
        shutil.copyfile(blob, part)


def download(url: str, file: Path, wanted: dict[str, Any], progress: Progress) -> None:
    """Goes on behind what is there; starts anew when the server cannot do that."""
    have = file.stat().st_size if file.exists() else 0
    if have >= wanted["size"]:
        file.unlink(missing_ok=True)
        have = 0
    request = urllib.request.Request(url)
    token = os.environ.get("HF_TOKEN")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    if have > 0:
        request.add_header("Range", f"bytes={have}-")
    with OPENER.open(request, timeout=TIMEOUT_S) as answer:
        resumed = answer.status == 206
        progress.add(have if resumed else 0)
        with open(file, "ab" if resumed else "wb") as stream:
            while chunk := answer.read(CHUNK_BYTES):
                stream.write(chunk)
                progress.add(len(chunk))


def fetch(spec: dict[str, Any], wanted: dict[str, Any], folder: Path, progress: Progress) -> None:
    file = folder / wanted["name"]
    file.parent.mkdir(parents=True, exist_ok=True)
    if is_whole(file, wanted):
        progress.add(wanted["size"])
        return
    place = urllib.parse.quote(f"{spec['repository']}/resolve/{spec['commit']}/{wanted['name']}")
    part = file.with_name(file.name + ".part")
    if spec.get("is_shared"):
        adopt(spec, wanted, part)
        if is_whole(part, wanted):
            os.replace(part, file)
            progress.add(wanted["size"])
            return
    for attempt in range(1, TRIES + 1):
        try:
            download(f"{spec['hub']}/{place}", part, wanted, progress)
            if is_whole(part, wanted):
                os.replace(part, file)
                return
            size = part.stat().st_size
            raise OSError(f"is {size} bytes of {wanted['size']}" if size != wanted["size"] else "does not have its hash")
        except (OSError, urllib.error.URLError) as error:
            if isinstance(error, urllib.error.HTTPError) and error.code in (401, 403, 404):
                raise SystemExit(f"{wanted['name']}: the Hub answers {error.code}") from None
            if attempt == TRIES:
                raise SystemExit(f"{wanted['name']}: {error}, after {TRIES} tries") from None
            print(f"{wanted['name']}: {error}; trying again", flush=True)
            if not isinstance(error, urllib.error.URLError) and part.exists() and part.stat().st_size >= wanted["size"]:
                part.unlink()
            time.sleep(min(2.0**attempt, 30.0) / 4)


def without_names(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_names(item) for key, item in value.items() if key not in TELLING}
    return [without_names(item) for item in value] if isinstance(value, list) else value


def scrub(folder: Path) -> None:
    """Of a hidden model the configuration must not tell the name."""
    for file in folder.rglob("*.json"):
        if file.stat().st_size > 4 << 20:
            continue
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except ValueError:
            continue
        file.write_text(json.dumps(without_names(content), indent=1), encoding="utf-8")


def sync(mount: Path) -> None:
    # On a volume this commits what was written.
    if shutil.which("sync"):
        subprocess.run(["sync", str(mount)], check=False)


def read_marker(folder: Path) -> dict[str, Any] | None:
    """The marker, when everything that it lists is there with its size."""
    try:
        marker: dict[str, Any] = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        whole = all((folder / name).stat().st_size == size for name, size in marker["files"].items())
    except (OSError, ValueError, KeyError):
        return None
    return marker if whole else None


def end_when_unwanted() -> None:
    """Nobody waits for it any more when its input ends."""

    def watch() -> None:
        # Not through the buffer of stdin, whose lock a thread that waits in it holds at the end of the program.
        while os.read(0, 4096):
            pass
        os._exit(130)

    threading.Thread(target=watch, daemon=True).start()


def lock(file: Path) -> Any:
    """Of several who want the same weights one fetches them. The lock goes with the process that holds it."""
    import fcntl

    file.parent.mkdir(parents=True, exist_ok=True)
    stream = open(file, "w")  # noqa: SIM115
    told = False
    while True:
        try:
            fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return stream
        except (BlockingIOError, PermissionError):
            if not told:
                print("another process is fetching them", flush=True)
            told = True
            time.sleep(0.5)
        except OSError as error:
            # Some network disks have no locks; then two fetch the same, each file of which is checked.
            print(f"no lock: {error}", flush=True)
            return stream


def main() -> None:
    if "--shared" in sys.argv:
        request = json.loads(sys.stdin.readline())
        spec = {**request["spec"], "is_shared": True}
        if request.get("token"):
            os.environ["HF_TOKEN"] = request["token"]
        end_when_unwanted()
        with lock(Path(spec["mount"]) / f".{spec['folder']}.lock"):
            fetch_all(spec)
    else:
        fetch_all(json.loads(os.environ["GLOVEBOX_SPEC"]))


def fetch_all(spec: dict[str, Any]) -> None:
    mount = Path(os.path.abspath(spec["mount"]))
    final = mount / spec["folder"]
    names = {wanted["name"] for wanted in spec["files"]}
    marker = read_marker(final)
    if marker is not None and names <= set(marker["files"]):
        print("already there", flush=True)
        return
    # What somebody may be reading stays where it is, and gets what it lacks.
    is_whole_already = marker is not None and bool(spec.get("is_shared"))
    partial = final if is_whole_already else mount / f"{spec['folder']}.partial"
    if marker is not None and is_whole_already:
        names |= set(marker["files"])
    else:
        # What lies in the final place without a marker is of use, but not trusted: every file is checked again.
        if final.exists() and not spec["is_hidden"]:
            shutil.copytree(final, partial, dirs_exist_ok=True)
        shutil.rmtree(final, ignore_errors=True)
        partial.mkdir(parents=True, exist_ok=True)
    progress = Progress()
    with ThreadPoolExecutor(PARALLEL) as pool:
        jobs = [pool.submit(fetch, spec, wanted, partial, progress) for wanted in spec["files"]]
        for job in jobs:
            job.result()
    progress.tell()
    if spec["is_hidden"]:
        scrub(partial)
    if partial != final:
        (partial / MARKER).unlink(missing_ok=True)
        os.replace(partial, final)
        sync(mount)
    content: dict[str, Any] = {"files": {name: (final / name).stat().st_size for name in sorted(names)}, "time": int(time.time())}
    if not spec["is_hidden"]:
        before = (marker or {}).get("hashes", {})
        hashes = {wanted["name"]: wanted.get("sha256", wanted.get("blob")) for wanted in spec["files"]}
        content.update(commit=spec["commit"], hashes={**before, **hashes})
    draft = final / f"{MARKER}.draft"
    draft.write_text(json.dumps(content), encoding="utf-8")
    os.replace(draft, final / MARKER)
    sync(mount)
    print(f"complete: {len(names)} files", flush=True)


if __name__ == "__main__":
    try:
        main()
    except SystemExit as error:
        print(error, flush=True)
        sys.exit(1)
