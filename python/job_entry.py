"""Puts what a Jupyter server needs into the container of a Job, and becomes the program that prepares and starts it.

The requirements come as a JSON list in GLOVEBOX_INSTALL; what the image has already is not installed again. The files that mounted
models must have come with their sizes in GLOVEBOX_WEIGHTS; GLOVEBOX_COPIES says which of them are copied to the disk, and from where. What opens
private repositories is in GLOVEBOX_GIT, and GLOVEBOX_KEEP says what is kept in which mounted bucket.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Optional


PRIVATE = ("GLOVEBOX_TOKEN", "GLOVEBOX_SPEC", "GLOVEBOX_EQUIPMENT", "GLOVEBOX_GIT", "GLOVEBOX_KEEP")


def is_there(requirement: str) -> bool:
    try:
        from pip._vendor.packaging.requirements import InvalidRequirement, Requirement
    except ImportError:
        return False
    try:
        wanted = Requirement(requirement)
    except InvalidRequirement:
        return False
    if wanted.url is not None or wanted.extras:
        return False
    try:
        return wanted.specifier.contains(importlib.metadata.version(wanted.name), prereleases=True)
    except importlib.metadata.PackageNotFoundError:
        return False


def check_weights(folders: dict[str, dict[str, int]]) -> None:
    """Weights that are not complete end the start here, and not in the middle of an experiment."""
    for folder, files in folders.items():
        for name, size in files.items():
            file = os.path.join(folder, name)
            found = os.path.getsize(file) if os.path.exists(file) else 0
            if found != size:
                raise SystemExit(f"the weights in {folder} are not complete: {name} has {found} bytes instead of {size}")


def equip(wanted: Optional[Dict[str, Any]]) -> None:
    """Repositories, and what they install into this Python: the container is nobody else's."""
    if wanted is None:
        return
    # Isolated as this program runs, its folder is no place for imports.
    spec = importlib.util.spec_from_file_location("equip", Path(__file__).with_name("equip.py"))
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    try:
        program.equip(wanted)
    except (program.Failure, OSError) as failure:
        raise SystemExit(str(failure)) from None


def copy_weights(folders: dict[str, dict[str, int]], mounts: dict[str, str]) -> None:
    """A disk is read faster than a mount, which fetches a piece at a time."""
    for folder, mount in mounts.items():
        gigabytes = sum(folders[folder].values()) / 1e9
        print(f"glovebox: copying {len(folders[folder])} files ({gigabytes:.1f} GB) to {folder}", flush=True)
        for name in folders[folder]:
            place = Path(folder, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(Path(mount, name), place)
            except OSError as error:
                raise SystemExit(f"the weights could not be copied from {mount}: {name}: {error.strerror}") from None


def keep_outputs(wanted: Optional[Dict[str, Any]], spec: Dict[str, Any]) -> None:
    """A process of its own beside the server, which still may read and write everything, and which no secret is told."""
    if wanted is None:
        return
    names = ["PATH", "HOME", "LANG", *spec["env_names"]]
    program = str(Path(__file__).with_name("keep_outputs.py"))
    words = [wanted["folder"], wanted["bucket"], str(wanted["every_s"])]
    env = {name: os.environ[name] for name in names if name in os.environ}
    subprocess.Popen([sys.executable, "-I", program, *words], env=env, stdin=subprocess.DEVNULL)


def main() -> None:
    weights = json.loads(os.environ.pop("GLOVEBOX_WEIGHTS", "{}"))
    copy_weights(weights, json.loads(os.environ.pop("GLOVEBOX_COPIES", "{}")))
    check_weights(weights)
    missing = [requirement for requirement in json.loads(os.environ.pop("GLOVEBOX_INSTALL")) if not is_there(requirement)]
    if missing:
        print(f"glovebox: installing {len(missing)} packages", flush=True)
        pip = [sys.executable, "-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check", "--progress-bar", "off"]
        # What comes from outside must not see what is meant for the server.
        env = {name: value for name, value in os.environ.items() if name not in PRIVATE}
        code = subprocess.run([*pip, "--", *missing], env=env, check=False).returncode
        if code != 0:
            raise SystemExit(f"the packages could not be installed (pip ended with {code}): {' '.join(missing)}")
    headers = json.loads(os.environ.pop("GLOVEBOX_GIT", "{}"))
    wanted = json.loads(os.environ.pop("GLOVEBOX_EQUIPMENT", "null"))
    equip(wanted and {**wanted, "git_headers": headers})
    keep_outputs(json.loads(os.environ.pop("GLOVEBOX_KEEP", "null")), json.loads(os.environ["GLOVEBOX_SPEC"]))
    entry = str(Path(__file__).with_name("sandbox_entry.py"))
    os.execv(sys.executable, [sys.executable, "-I", entry])


if __name__ == "__main__":
    main()
