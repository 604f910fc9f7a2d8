"""When volumes are committed: after use and not without it, once before the end, and at the end. Run with unittest."""

import asyncio
import os
import sys
import tempfile
import types
import unittest
from datetime import datetime, timedelta, timezone
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "python"))
sys.dont_write_bytecode = True
import commit_volumes  # noqa: E402


class CommitVolumes(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.told = Path(folder.name) / "told"
        program = Path(folder.name) / "sync"
        program.write_text(f'#!/bin/sh\necho "$*" >> {self.told}\n')
        program.chmod(0o700)
        path = mock.patch.dict(os.environ, {"PATH": f"{folder.name}{os.pathsep}{os.environ['PATH']}"})
        path.start()
        self.addCleanup(path.stop)
        self.kernel = types.SimpleNamespace(execution_state="idle", last_activity=datetime.now(timezone.utc) - timedelta(hours=1))
        self.log = mock.Mock()
        manager = types.SimpleNamespace(_kernels={"k": self.kernel})
        self.app = types.SimpleNamespace(kernel_manager=manager, log=self.log)

    def committed(self):
        return self.told.read_text().splitlines() if self.told.exists() else []

    def test_after_use_and_not_without(self):
        committer = commit_volumes.Committer(self.app, ["/cache", "/out"], 0)
        asyncio.run(committer.commit_after_use())
        self.assertEqual(self.committed(), [])
        self.kernel.last_activity = datetime.now(timezone.utc) + timedelta(milliseconds=1)
        asyncio.run(committer.commit_after_use())
        self.assertEqual(self.committed(), ["/cache /out"])
        self.kernel.last_activity = datetime.now(timezone.utc) - timedelta(hours=1)
        asyncio.run(committer.commit_after_use())
        self.assertEqual(len(self.committed()), 1)
        self.kernel.execution_state = "busy"
        asyncio.run(committer.commit_after_use())
        self.assertEqual(len(self.committed()), 2)

    def test_a_minute_before_the_end_of_the_machine(self):
        loop = mock.Mock()
        with mock.patch.object(commit_volumes, "PeriodicCallback"), mock.patch.object(commit_volumes, "IOLoop") as loops:
            loops.current.return_value = loop
            commit_volumes.Committer(self.app, ["/cache"], 600).begin()
        (after, last), _ = loop.call_later.call_args
        self.assertEqual(after, 540)

        async def at_that_time():
            await last()

        asyncio.run(at_that_time())
        self.assertEqual(self.committed(), ["/cache"])

    def test_at_the_end(self):
        commit_volumes.Committer(self.app, ["/cache"], 0).commit_at_end()
        self.assertEqual(self.committed(), ["/cache"])
        self.log.warning.assert_called_once()


if __name__ == "__main__":
    unittest.main()
