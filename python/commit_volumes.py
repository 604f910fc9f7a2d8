"""Keeps what was written to volumes: each is committed by `sync` on its mount, after use, shortly before the end of the machine, and at the end."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from datetime import datetime, timezone
from typing import Any

from tornado.ioloop import IOLoop, PeriodicCallback

EVERY_S = 60
# Before the engine ends the machine, and as long as a last commit may take.
LAST_S = 60


class Committer:
    """Two who commit at once lose nothing: whoever is last wins, file by file."""

    def __init__(self, app: Any, mounts: list[str], lifetime_s: int) -> None:
        self._app = app
        self._command = ["sync", *mounts]
        self._lifetime_s = lifetime_s
        self._committed = datetime.now(timezone.utc)
        self._is_running = False

    def begin(self) -> None:
        PeriodicCallback(self.commit_after_use, EVERY_S * 1000).start()
        if self._lifetime_s > LAST_S:
            IOLoop.current().call_later(self._lifetime_s - LAST_S, lambda: asyncio.ensure_future(self.commit()))

    async def commit_after_use(self) -> None:
        if self.is_used():
            await self.commit()

    def is_used(self) -> bool:
        """Since the last commit a kernel ran something, or runs it now."""
        kernels = self._app.kernel_manager._kernels.values()
        return any(
            getattr(kernel, "execution_state", None) == "busy"
            or getattr(kernel, "last_activity", self._committed) > self._committed
            for kernel in kernels
        )

    async def commit(self) -> None:
        if self._is_running or shutil.which(self._command[0]) is None:
            return
        self._is_running = True
        started = datetime.now(timezone.utc)
        try:
            process = await asyncio.create_subprocess_exec(*self._command)
            if await process.wait() == 0:
                self._committed = started
        except OSError as error:
            self._app.log.warning("Volumes could not be committed: %s", error)
        finally:
            self._is_running = False

    def commit_at_end(self) -> None:
        """When nothing else runs any more."""
        try:
            code = subprocess.run(self._command, check=False, timeout=LAST_S).returncode
        except (OSError, subprocess.TimeoutExpired) as error:
            self._app.log.warning("Volumes could not be committed: %s", error)
            return
        if code == 0:
            self._app.log.warning("GLOVEBOX-COMMIT %d volumes are committed.", len(self._command) - 1)
