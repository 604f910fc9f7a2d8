"""Keeps the limit of idleness away while something works that the kernel knows nothing of, such as a process in the background.

>>> from glovebox_keep_alive import keep_alive
>>> training = keep_alive("training in the background", hours=3)
>>> training.end()
"""

from __future__ import annotations

import threading
import time
from typing import Any

__all__ = ["KeepAlive", "keep_alive"]

# The shortest limit of idleness is a minute, and the server looks every few seconds.
EVERY_S = 20.0
MOST_HOURS = 24.0


class KeepAlive:
    """Works from the moment it is made until `end`, the end of a `with` block, its time, or the end of the kernel."""

    def __init__(self, reason: str, hours: float) -> None:
        self.reason = reason
        self.until = time.time() + hours * 3600
        self._ended = threading.Event()
        threading.Thread(target=self._beat, name="keep_alive", daemon=True).start()

    def _beat(self) -> None:
        from IPython import get_ipython

        kernel: Any = get_ipython().kernel
        while not self._ended.is_set() and time.time() < self.until:
            # A message of a kind that nobody shows. To the server it is use, as printing would be.
            kernel.session.send(kernel.iopub_socket, "glovebox_keep_alive", {"reason": self.reason})
            self._ended.wait(EVERY_S)

    def end(self) -> None:
        self._ended.set()

    def __enter__(self) -> KeepAlive:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def __repr__(self) -> str:
        left_s = 0 if self._ended.is_set() else max(0, self.until - time.time())
        return f"<keep_alive {self.reason!r}: {left_s / 3600:.1f} h left>"


def keep_alive(reason: str, hours: float = 1.0) -> KeepAlive:
    """Counts as use of the kernel for that long. A cell that runs needs none of it, and no time limit is moved by it."""
    if not 0 < hours <= MOST_HOURS:
        raise ValueError(f"hours must be above 0 and at most {MOST_HOURS:g}: the time limit of the sandbox holds in any case")
    return KeepAlive(reason, hours)
