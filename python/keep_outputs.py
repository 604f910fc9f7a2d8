"""Copies what cells write for keeps into the mounted bucket of a sandbox, as long as the container lives.

A bucket takes whole files only: appending to one, or changing a part of it, may not be possible there, and what is not closed is lost.
So cells write to a disk, and a file is copied when it has settled. What was copied from here and is deleted here is deleted there too.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from typing import Dict, Iterator, Tuple

# A file that never settles, as a log, is copied all the same now and again.
AT_LEAST_EVERY_S = 300.0
CHUNK = 1 << 20
Facts = Tuple[int, int]


def regular_files(folder: str) -> Iterator[Tuple[str, Facts]]:
    """By their names below the folder. Links are left out: they may lead anywhere."""
    for place, _folders, names in os.walk(folder):
        for name in names:
            file = os.path.join(place, name)
            try:
                found = os.lstat(file)
            except OSError:
                continue
            if stat.S_ISREG(found.st_mode):
                yield os.path.relpath(file, folder), (found.st_size, found.st_mtime_ns)


class Keeper:
    def __init__(self, folder: str, bucket: str) -> None:
        self.folder = folder
        self.bucket = bucket
        self.seen: Dict[str, Facts] = {}
        self.kept: Dict[str, Tuple[Facts, float]] = {}
        self.trouble = ""

    def look(self) -> None:
        found = dict(regular_files(self.folder))
        for name, facts in found.items():
            kept, since = self.kept.get(name, (None, 0.0))
            is_settled = self.seen.get(name) == facts
            if kept != facts and (is_settled or (kept is not None and time.monotonic() - since > AT_LEAST_EVERY_S)):
                self.attempt(name, lambda name=name, facts=facts: self.copy(name, facts))
        for name in [name for name in self.kept if name not in found]:
            self.attempt(name, lambda name=name: self.remove(name))
        self.seen = found

    def attempt(self, name: str, work) -> None:
        try:
            work()
        except OSError as error:
            trouble = f"{name}: {error.strerror}"
            if trouble != self.trouble:
                print(f"glovebox: not kept in the bucket: {trouble}", flush=True)
            self.trouble = trouble

    def copy(self, name: str, facts: Facts) -> None:
        place = os.path.join(self.bucket, name)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        # What was a file may be a link by now.
        source = os.open(os.path.join(self.folder, name), os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(source, "rb") as reader, open(place, "wb") as writer:
            for data in iter(lambda: reader.read(CHUNK), b""):
                writer.write(data)
        self.kept[name] = (facts, time.monotonic())

    def remove(self, name: str) -> None:
        del self.kept[name]
        os.unlink(os.path.join(self.bucket, name))


def main(folder: str, bucket: str, every_s: float) -> None:
    keeper = Keeper(folder, bucket)
    # The server's own process is the parent: without it nothing is written any more, and what there is was looked at once more.
    parent = os.getppid()
    while os.getppid() == parent:
        keeper.look()
        due = time.monotonic() + every_s
        while os.getppid() == parent and time.monotonic() < due:
            time.sleep(min(every_s, 0.5))
    keeper.look()
    keeper.look()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
