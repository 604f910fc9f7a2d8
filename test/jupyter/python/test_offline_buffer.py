"""What our Jupyter server holds for a client that is away, and how it saves, on the Jupyter that is installed. Run with unittest."""

import asyncio
import os
import re
import sys
import types
import unittest
from collections import deque
from pathlib import Path

from jupyter_client.session import Session

PYTHON = Path(__file__).resolve().parents[3] / "python"
LIMIT = 256 * 1024
os.environ["GLOVEBOX_OFFLINE_BYTES"] = str(LIMIT)
sys.path.insert(0, str(PYTHON))
sys.dont_write_bytecode = True
import handlers  # noqa: E402
import serve  # noqa: E402


class Stream:
    """As far as buffering is concerned, a ZMQStream."""

    def on_recv(self, callback):
        self.deliver = callback


class OfflineBuffer(unittest.TestCase):
    def setUp(self):
        self.kernel = Session(key=b"key of the kernel")
        self.reader = Session(key=b"key of the kernel")
        self.manager = serve.CarefulKernelManager()
        self.manager._kernels["k"] = types.SimpleNamespace(session=self.kernel)
        self.channels = {name: Stream() for name in ("shell", "iopub", "stdin", "control")}
        self.manager.start_buffering("k", "client", self.channels)
        self.run = self.kernel.msg("execute_request")

    def send(self, kind, content, channel="iopub", parent=None, metadata=None):
        message = self.kernel.msg(kind, content, parent=parent or self.run, metadata=metadata)
        self.channels[channel].deliver([f"topic.{kind}".encode(), *self.kernel.serialize(message)])
        return message

    def print(self, text, name="stdout", parent=None):
        return self.send("stream", {"name": name, "text": text}, parent=parent)

    def replayed(self):
        """As the handler of a websocket does it; the signatures of all are checked."""
        told = []
        for channel, parts in self.manager.get_buffer("k", "client")["buffer"]:
            _topics, parts = self.reader.feed_identities(parts)
            told.append((channel, self.reader.deserialize(parts)))
        return told

    def held_bytes(self):
        buffer = self.manager._kernel_buffers["k"]["buffer"]
        return sum(entry.size for window in (buffer.texts, buffer.outputs) for entry in window)

    def count_looks(self, window):
        looks = []
        compact = window.compact
        window.compact = lambda: (looks.append(len(window.first) + len(window.newest)), compact())
        return looks

    def check_counts(self, window):
        self.assertEqual(window.newest_size, sum(entry.size for entry in window.newest if not entry.is_dropped))
        self.assertEqual(window.first_size, sum(entry.size for entry in window.first if not entry.is_dropped))
        self.assertEqual(window.dropped, sum(entry.is_dropped for entry in [*window.first, *window.newest]))

    def check_bounded(self):
        self.assertLess(self.held_bytes(), LIMIT * 1.1)

    def test_all_is_kept_as_long_as_there_is_room(self):
        self.send("status", {"execution_state": "busy"})
        self.send("execute_input", {"code": "1", "execution_count": 1})
        for n in range(30):
            self.print(f"{n} ü🧪\n")
        self.print("oh\n", name="stderr")
        picture = self.send("display_data", {"data": {"image/png": "x" * 1000}, "metadata": {}, "transient": {"display_id": "d"}})
        self.print("after\n")
        self.print("no text: \udcff\n")
        self.send("update_display_data", {"data": {"text/plain": "1"}, "metadata": {}, "transient": {"display_id": "d"}})
        self.send("update_display_data", {"data": {"text/plain": "2"}, "metadata": {}, "transient": {"display_id": "d"}})
        self.send("execute_reply", {"status": "ok", "execution_count": 1}, channel="shell")
        self.send("status", {"execution_state": "idle"})
        told = self.replayed()
        kinds = [message["msg_type"] for _channel, message in told]
        self.assertEqual(
            kinds,
            ["status", "execute_input", "stream", "stream", "display_data", "stream", "update_display_data", "update_display_data"]
            + ["execute_reply", "status"],
        )
        self.assertEqual([channel for channel, _message in told], ["iopub"] * 8 + ["shell", "iopub"])
        # Neighbours are one message.
        self.assertEqual(told[2][1]["content"], {"name": "stdout", "text": "".join(f"{n} ü🧪\n" for n in range(30))})
        self.assertEqual(told[2][1]["parent_header"]["msg_id"], self.run["header"]["msg_id"])
        self.assertEqual(told[4][1]["header"]["msg_id"], picture["header"]["msg_id"])
        self.assertEqual(told[5][1]["content"]["text"], "after\nno text: \ufffd\n")

    def test_the_middle_of_endless_print_goes_and_a_message_says_how_much(self):
        self.send("status", {"execution_state": "busy"})
        sent = 0
        for n in range(10_000):
            text = f"line {n:07d} {'x' * 80}\n"
            sent += len(text)
            self.print(text)
            if n % 2500 == 0:
                self.send("display_data", {"data": {"text/plain": f"plot {n}"}, "metadata": {}})
        self.check_bounded()
        self.send("error", {"ename": "E", "evalue": "", "traceback": []})
        self.send("execute_reply", {"status": "error"}, channel="shell")
        self.send("status", {"execution_state": "idle"})
        told = [message for _channel, message in self.replayed()]
        others = [message["msg_type"] for message in told if message["msg_type"] != "stream"]
        self.assertEqual(others, ["status", *["display_data"] * 4, "error", "execute_reply", "status"])
        streams = [message for message in told if message["msg_type"] == "stream"]
        [notice] = [message for message in streams if message["metadata"]]
        counts = notice["metadata"]["glovebox_not_kept"]
        self.assertEqual(notice["content"]["name"], "stderr")
        self.assertEqual(notice["parent_header"]["msg_id"], self.run["header"]["msg_id"])
        self.assertIn(f"{counts['lines']:,} lines", notice["content"]["text"])
        self.assertIn("256 KiB", notice["content"]["text"])
        at = streams.index(notice)
        before, after = ("".join(message["content"]["text"] for message in part) for part in (streams[:at], streams[at + 1 :]))
        first, newest = ([int(n) for n in re.findall(r"line (\d{7}) x{80}\n", text)] for text in (before, after))
        self.assertEqual(first, list(range(len(first))))
        self.assertEqual(newest, list(range(10_000 - len(newest), 10_000)))
        self.assertGreater(min(len(before), len(after)), LIMIT // 8)
        self.assertEqual(counts["text_bytes"], sent - len(before) - len(after))
        self.assertEqual(counts["lines"], 10_000 - len(first) - len(newest))

    def test_one_text_larger_than_all_room_is_parted(self):
        self.print("a" * 100 + "m" * 4 * LIMIT + "z" * 100)
        self.check_bounded()
        texts = [message["content"]["text"] for _channel, message in self.replayed()]
        self.assertTrue(texts[0].startswith("a" * 100 + "m"))
        self.assertTrue(texts[-1].endswith("m" + "z" * 100))
        self.assertEqual(sum("Not kept" in text for text in texts), 1)

    def test_each_request_has_its_own_notice(self):
        other = self.kernel.msg("execute_request")
        for parent in (self.run, other):
            for _ in range(1500):
                self.print("x" * 499 + "\n", parent=parent)
        notices = [message for _channel, message in self.replayed() if message["metadata"]]
        ids = [message["parent_header"]["msg_id"] for message in notices]
        self.assertEqual(ids, [self.run["header"]["msg_id"], other["header"]["msg_id"]])

    def test_displays_are_bounded_on_their_own_and_the_small_ones_around_text_are_kept(self):
        for n in range(300):
            self.send("display_data", {"data": {"image/png": "x" * 5000, "text/plain": str(n)}, "metadata": {}})
        self.send("display_data", {"data": {"image/png": "x" * 4 * LIMIT, "text/plain": "large"}, "metadata": {}})
        self.check_bounded()
        told = [message for _channel, message in self.replayed()]
        shown = [message["content"]["data"]["text/plain"] for message in told if message["msg_type"] == "display_data"]
        self.assertEqual((shown[0], shown[-1]), ("0", "299"))
        [notice] = [message for message in told if message["msg_type"] == "stream"]
        self.assertEqual(notice["metadata"]["glovebox_not_kept"]["displays"], 301 - len(shown))

    def test_what_the_notebook_would_not_show_is_not_held_and_not_called_lost(self):
        for n in range(500):
            self.send("clear_output", {"wait": True})
            self.print(f"epoch {n}\n")
            self.send("display_data", {"data": {"image/png": "x" * 5000, "text/plain": str(n)}, "metadata": {}})
            self.send("update_display_data", {"data": {"text/html": f"{n}" * 500}, "transient": {"display_id": "bar"}})
        self.check_bounded()
        told = [message for _channel, message in self.replayed()]
        last = max(n for n, message in enumerate(told) if message["msg_type"] == "clear_output")
        kinds = [message["msg_type"] for message in told[last:]]
        self.assertEqual(kinds, ["clear_output", "stream", "display_data", "update_display_data"])
        self.assertEqual(told[-1]["content"]["data"], {"text/html": "499" * 500})
        self.assertEqual([message for message in told if message["metadata"]], [])

    def test_only_the_newest_update_of_each_display_is_held_and_the_others_cost_no_look_at_all_that_is(self):
        for n in range(400):
            self.send("display_data", {"data": {"text/plain": f"{n} {'x' * 200}"}, "metadata": {}})
        buffer = self.manager._kernel_buffers["k"]["buffer"]
        self.assertTrue(buffer.is_tight)
        looks = self.count_looks(buffer.outputs)
        for n in range(1000):
            for bar in range(3):
                self.send("update_display_data", {"data": {"text/plain": f"{bar} {n}"}, "transient": {"display_id": f"bar {bar}"}})
        self.assertLess(sum(looks), 10_000)
        self.check_bounded()
        self.check_counts(buffer.outputs)
        told = [message for _channel, message in self.replayed()]
        updates = [message["content"]["data"]["text/plain"] for message in told if message["msg_type"] == "update_display_data"]
        self.assertEqual(updates, [f"{bar} 999" for bar in range(3)])
        self.assertEqual([message["metadata"]["glovebox_not_kept"]["updates"] for message in told if message["metadata"]], [0])

    def test_what_a_clear_output_takes_out_costs_no_look_at_all_that_is(self):
        other = self.kernel.msg("execute_request")
        for n in range(400):
            self.send("display_data", {"data": {"text/plain": f"{n} {'x' * 200}"}, "metadata": {}}, parent=other)
        buffer = self.manager._kernel_buffers["k"]["buffer"]
        self.assertTrue(buffer.is_tight)
        looks = [self.count_looks(window) for window in (buffer.texts, buffer.outputs)]
        for n in range(1000):
            self.send("clear_output", {"wait": n % 2 == 0})
            self.print(f"epoch {n}\n")
            self.send("display_data", {"data": {"text/plain": str(n)}, "metadata": {}})
        self.assertLess(sum(map(sum, looks)), 10_000)
        self.check_bounded()
        for window in (buffer.texts, buffer.outputs):
            self.check_counts(window)
        held = {entry.order for window in (buffer.texts, buffer.outputs) for entry in window}
        self.assertEqual({order for shown in buffer.shown.values() for order in shown}, held)
        told = [message for _channel, message in self.replayed() if message["parent_header"]["msg_id"] == self.run["header"]["msg_id"]]
        self.assertEqual([message["msg_type"] for message in told], ["clear_output", "stream", "display_data"])
        self.assertEqual(told[-1]["content"]["data"], {"text/plain": "999"})

    def test_what_came_before_is_put_before_it_and_a_notice_is_kept(self):
        for n in range(5000):
            self.print(f"line {n:07d} {'x' * 80}\n")
        buffer = self.manager._kernel_buffers["k"]
        before = list(buffer["buffer"])
        buffer["buffer"].clear()
        self.assertEqual((len(buffer["buffer"]), list(buffer["buffer"])), (0, []))
        self.print("new\n")
        serve.offline_buffer.prepend(buffer, before)
        self.check_bounded()
        texts = [message["content"]["text"] for _channel, message in self.replayed()]
        self.assertIn("line 0000000 ", texts[0])
        self.assertEqual(sum("Not kept" in text for text in texts), 1)
        self.assertTrue(texts[-1].endswith("new\n"))

    def test_messages_of_another_form_are_kept_as_they_are(self):
        odd = [[b"no delimiter"], [b"", b"<IDS|MSG>", b"", b"{", b"", b"", b""]]
        for parts in odd:
            self.channels["iopub"].deliver(parts)
        buffer = self.manager.get_buffer("k", "client")["buffer"]
        self.assertEqual(list(buffer), [("iopub", parts) for parts in odd])
        self.assertEqual(len(buffer), 2)

    def test_a_manager_that_buffers_otherwise_is_left_alone(self):
        info = {"buffer": deque(), "channels": self.channels}
        other = types.SimpleNamespace(_kernel_buffers={"k": info})
        serve.offline_buffer.bound(other, "k", self.channels, LIMIT)
        serve.offline_buffer.bound(types.SimpleNamespace(), "k", self.channels, LIMIT)
        self.assertIs(type(info["buffer"]), deque)


class ConditionalSave(unittest.TestCase):
    def test_only_those_who_save_the_same_file_wait_for_each_other(self):
        async def save_all():
            begun, saved, may_end = [], [], asyncio.Event()

            class Handler:
                current_user = "anybody"
                request = types.SimpleNamespace(headers={})

                async def put(self, path=""):
                    begun.append(path)
                    if path == "a":
                        await may_end.wait()
                    saved.append(path)

            handlers.save_on_condition(Handler)
            slow = [asyncio.ensure_future(Handler().put(path)) for path in ("a", "/a")]
            await asyncio.wait_for(Handler().put("b"), 30)
            self.assertEqual((begun, saved), (["a", "b"], ["b"]))
            may_end.set()
            await asyncio.gather(*slow)
            self.assertEqual(saved, ["b", "a", "/a"])

        asyncio.run(save_all())


if __name__ == "__main__":
    unittest.main()
