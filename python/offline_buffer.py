"""Bounds what a Jupyter server holds of a kernel's messages while no client is connected; as Jupyter has it, only memory is the bound.

As long as there is room, all is kept. Beyond it the middle of what was printed is left out, and of displays when they alone are too
much; a message in their place says so. What tells how code began and ended is never left out.
"""

from __future__ import annotations

import json
import sys
import uuid
from collections import deque
from itertools import chain
from typing import Any, Callable, Iterator

LIMIT_BYTES = 100 * 1024 * 1024
DELIMITER = b"<IDS|MSG>"
# In the metadata of the message that stands for what was left out; `src/session/not-kept.ts` reads it.
MARK = "glovebox_not_kept"

# Requests bring these, and nobody sends any.
ALWAYS_KEPT = {"status", "execute_input", "iopub_welcome"}
# A run has one error; code may send more without end.
MOST_ERRORS = 1000
LARGEST_ERROR_BYTES = 1024 * 1024
# What a clear_output takes out of a notebook.
CLEARED = {"stream", "display_data", "execute_result", "error", "clear_output"}
# About what the objects around one message take.
OVERHEAD_BYTES = 500


class Entry:
    """One message, or several neighbours that print to the same stream."""

    __slots__ = ("channel", "parts", "order", "type", "parent", "size", "stream", "key", "texts", "text_size", "joined", "display_id", "waits", "is_dropped")

    def __init__(self, channel: str, parts: list[bytes], order: int) -> None:
        self.channel, self.parts, self.order = channel, parts, order
        self.size = sum(map(sys.getsizeof, parts)) + OVERHEAD_BYTES
        # Empty for what is always kept.
        self.type = self.parent = self.stream = ""
        # Of printed text: its stream, what a neighbour must have too, and the text, joined when no neighbour comes any more.
        self.key: tuple[Any, ...] | None = None
        self.texts: list[str] = []
        self.text_size = 0
        self.joined: bytes | None = None
        # Of an update of a display, and of a clear_output.
        self.display_id: str | None = None
        self.waits = self.is_dropped = False

    @property
    def is_text(self) -> bool:
        return self.type == "stream"

    def print(self, stream: str, text: str, key: tuple[Any, ...] | None) -> None:
        """The text is held once: not in the content of the message too."""
        start = body_of(self.parts)
        self.parts = [*self.parts[: start + 3], b"", *self.parts[start + 4 :]]
        self.size = sum(map(sys.getsizeof, self.parts)) + OVERHEAD_BYTES
        self.type, self.stream, self.key = "stream", stream, key
        self.add(text)

    def add(self, text: str) -> int:
        self.texts.append(text)
        more = sys.getsizeof(text) + 8
        self.text_size, self.size = self.text_size + more, self.size + more
        return more

    def join(self) -> int:
        """@returns how much more memory it takes then; mostly it is less."""
        if self.joined is not None or not self.is_text:
            return 0
        self.joined = "".join(self.texts).encode("utf-8", "surrogatepass")
        more = sys.getsizeof(self.joined) - self.text_size
        self.texts, self.size = [], self.size + more
        return more


class Window:
    """The first and the newest of what comes; each may take half of the room."""

    def __init__(self, room: int, forget: Callable[[Entry], None]) -> None:
        self.half, self.forget = room // 2, forget
        self.first: list[Entry] = []
        self.newest: deque[Entry] = deque()
        self.first_size = self.newest_size = self.dropped = 0
        self.is_full = False

    def add(self, entry: Entry) -> bool:
        """@returns whether it is held: one that would drive out everything else is not."""
        if entry.size > self.half:
            self.forget(entry)
            return False
        self.is_full = self.is_full or self.first_size + entry.size > self.half
        (self.newest if self.is_full else self.first).append(entry)
        self.grow(entry.size)
        return True

    def grow(self, size: int) -> None:
        """The last one did."""
        if not self.is_full:
            self.first_size += size
            return
        self.newest_size += size
        while self.newest_size > self.half and len(self.newest) > 1:
            oldest = self.newest.popleft()
            if oldest.is_dropped:
                self.dropped -= 1
                continue
            self.newest_size -= oldest.size
            self.forget(oldest)

    def drop(self, entry: Entry) -> None:
        """One of many, again and again: the lists follow now and then."""
        if self.newest and entry.order >= self.newest[0].order:
            self.newest_size -= entry.size
        else:
            self.first_size -= entry.size
        entry.is_dropped, entry.parts, entry.joined = True, [], None
        self.dropped += 1
        if self.newest_size == 0:
            self.dropped -= len(self.newest)
            self.newest.clear()
            self.is_full = False
        if 2 * self.dropped > len(self.first) + len(self.newest):
            self.compact()

    def compact(self) -> None:
        self.first = [entry for entry in self.first if not entry.is_dropped]
        self.newest = deque(entry for entry in self.newest if not entry.is_dropped)
        self.first_size, self.newest_size = (sum(entry.size for entry in held) for held in (self.first, self.newest))
        self.dropped = 0
        self.is_full = len(self.newest) > 0

    def __iter__(self) -> Iterator[Entry]:
        return (entry for entry in chain(self.first, self.newest) if not entry.is_dropped)


class Gap:
    """What was left out of the output of one request, from the place of the first of it on."""

    def __init__(self, entry: Entry) -> None:
        start = body_of(entry.parts)
        self.order = entry.order
        self.parts = [*entry.parts[: start + 2], b"{}", b""]
        self.text_bytes = self.lines = self.displays = self.updates = 0

    def count(self, entry: Entry) -> None:
        if entry.joined is not None:
            self.text_bytes += len(entry.joined)
            self.lines += entry.joined.count(b"\n")
        elif entry.type in CLEARED:
            self.displays += entry.type != "clear_output"
        else:
            self.updates += 1

    def clear(self) -> None:
        self.text_bytes = self.lines = self.displays = 0

    @property
    def is_empty(self) -> bool:
        return self.text_bytes + self.displays + self.updates == 0

    def words(self, limit: int) -> str:
        counts = [
            (self.text_bytes, f"{render_bytes(self.text_bytes)} of text ({self.lines:,} lines)"),
            (self.displays, f"{self.displays:,} displays"),
            (self.updates, f"{self.updates:,} updates of displays or widgets"),
        ]
        what = ", ".join(words for count, words in counts if count > 0)
        return (
            f"\n[Not kept: {what}. They came while no client was connected to the kernel. "
            f"For such times its Jupyter server holds {render_bytes(limit)}, of the first and of the newest output.]\n"
        )


class BoundedBuffer:
    """Takes the place of the list in which Jupyter puts what it will replay."""

    def __init__(self, sign: Callable[[list[bytes]], bytes], limit: int = LIMIT_BYTES) -> None:
        self.sign, self.limit = sign, limit
        self.clear()

    def clear(self) -> None:
        limit = self.limit
        # Neighbours are joined to texts of this size, and a text of four times as much is parted: what is left out goes by texts.
        self.text_size = max(1, limit // 64)
        self.texts = Window(limit // 2, self.forget)
        self.outputs = Window(limit // 2, self.forget)
        self.always: list[Entry] = []
        self.gaps: dict[str, Gap] = {}
        # Of what is held, by its request and in order: what a clear_output takes out.
        self.shown: dict[str, dict[int, Entry]] = {}
        self.clearing: dict[str, Entry] = {}
        self.updates: dict[str, Entry] = {}
        self.errors = self.order = 0
        # Printed text that a neighbour may be joined to.
        self.last: Entry | None = None

    def append(self, message: tuple[str, list[bytes]]) -> None:
        channel, parts = message
        try:
            entries = self.read(channel, parts)
        except Exception:
            # Of another form than Jupyter's own: kept as it is.
            entries = [self.entry(channel, parts)]
        for entry in entries:
            self.take(entry)

    def entry(self, channel: str, parts: list[bytes]) -> Entry:
        self.order += 1
        return Entry(channel, parts, self.order)

    def read(self, channel: str, parts: list[bytes]) -> list[Entry]:
        """Usually one."""
        entry = self.entry(channel, parts)
        if channel != "iopub":
            return [entry]
        header, parent, metadata, content = parts[body_of(parts) :][:4]
        head = load(header)
        kind = head["msg_type"]
        entry.parent = load(parent).get("msg_id", "")
        if kind == "stream" and MARK in load(metadata):
            # What an earlier buffer has left out.
            return [entry]
        if kind == "stream":
            return self.read_text(entry, head, load(content))
        if kind == "error" and self.errors < MOST_ERRORS and entry.size < LARGEST_ERROR_BYTES:
            self.errors += 1
        elif kind not in ALWAYS_KEPT:
            entry.type = kind
        if kind == "clear_output":
            entry.waits = load(content).get("wait") is True
        if kind == "update_display_data" and self.is_tight:
            entry.display_id = load(content)["transient"]["display_id"]
        return [entry]

    def read_text(self, entry: Entry, head: dict[str, Any], content: dict[str, Any]) -> list[Entry]:
        text, stream, parts = content["text"], content["name"], entry.parts
        start = body_of(parts)
        # Neighbours differ in their ids, dates and texts alone.
        key = (stream, head.get("session"), parts[start + 1], parts[start + 2]) if len(parts) == start + 4 else None
        size = 4 * self.text_size
        entry.print(stream, text[:size], key)
        entries = [entry]
        for at in range(size, len(text), size):
            header = dump({**head, "msg_id": uuid.uuid4().hex})
            rest = self.entry(entry.channel, [*parts[:start], header, *parts[start + 1 :]])
            rest.parent = entry.parent
            rest.print(stream, text[at : at + size], key)
            entries.append(rest)
        return entries

    @property
    def is_tight(self) -> bool:
        return self.texts.is_full or self.outputs.is_full

    def take(self, entry: Entry) -> None:
        clear = self.clearing.get(entry.parent)
        if clear is not None and entry.type in CLEARED and entry.type != "clear_output":
            del self.clearing[entry.parent]
            self.take_out(clear)
        if entry.is_text:
            self.take_text(entry)
            return
        self.settle()
        if entry.type == "":
            self.always.append(entry)
            return
        if entry.type == "clear_output" and entry.waits:
            # Until more output comes, a notebook shows what there was.
            self.clearing[entry.parent] = entry
        elif entry.type == "clear_output":
            self.take_out(entry)
        elif entry.display_id is not None:
            self.replace(entry.display_id, entry)
        self.hold(self.outputs, entry)

    def take_text(self, entry: Entry) -> None:
        last = self.last
        if last is not None and last.key is not None and last.key == entry.key and last.text_size + entry.text_size <= self.text_size:
            self.texts.grow(sum(last.add(text) for text in entry.texts))
            return
        self.settle()
        if self.hold(self.texts, entry):
            self.last = entry

    def hold(self, window: Window, entry: Entry) -> bool:
        if entry.type in CLEARED:
            self.shown.setdefault(entry.parent, {})[entry.order] = entry
        return window.add(entry)

    def settle(self) -> None:
        """No neighbour of the last text comes any more."""
        if self.last is not None:
            self.texts.grow(self.last.join())
        self.last = None

    def take_out(self, clear: Entry) -> None:
        """What a notebook no longer shows is not held when there is no room for all."""
        if not self.is_tight:
            return
        self.settle()
        for entry in list(self.shown.get(clear.parent, {}).values()):
            if entry.order < clear.order:
                self.hide(entry)
                (self.texts if entry.is_text else self.outputs).drop(entry)
        if clear.parent in self.gaps:
            self.gaps[clear.parent].clear()

    def replace(self, display_id: str, update: Entry) -> None:
        """An update of a display makes those before it unseen."""
        older = self.updates.get(display_id)
        if older is not None:
            self.outputs.drop(older)
        self.updates[display_id] = update

    def hide(self, entry: Entry) -> None:
        shown = self.shown.get(entry.parent, {})
        shown.pop(entry.order, None)
        if not shown:
            self.shown.pop(entry.parent, None)

    def forget(self, entry: Entry) -> None:
        entry.join()
        self.hide(entry)
        if entry.display_id is not None and self.updates.get(entry.display_id) is entry:
            del self.updates[entry.display_id]
        if entry.parent not in self.gaps or self.gaps[entry.parent].is_empty:
            self.gaps[entry.parent] = Gap(entry)
        self.gaps[entry.parent].count(entry)

    def __len__(self) -> int:
        return len(self.always) + sum(1 for window in (self.texts, self.outputs) for _entry in window)

    def __iter__(self) -> Iterator[tuple[str, list[bytes]]]:
        self.settle()
        held: list[Any] = [*self.always, *self.texts, *self.outputs]
        held += [gap for gap in self.gaps.values() if not gap.is_empty]
        for each in sorted(held, key=lambda one: one.order):
            if isinstance(each, Gap):
                yield "iopub", self.notice(each)
            elif each.is_text:
                text = each.joined.decode("utf-8", "surrogatepass")
                yield each.channel, self.message(each.parts, {"name": each.stream, "text": text})
            else:
                yield each.channel, each.parts

    def notice(self, gap: Gap) -> list[bytes]:
        start = body_of(gap.parts)
        header = {**load(gap.parts[start]), "msg_id": uuid.uuid4().hex, "msg_type": "stream"}
        counts = {name: getattr(gap, name) for name in ("text_bytes", "lines", "displays", "updates")}
        metadata = {MARK: {**counts, "limit_bytes": self.limit}}
        parts = [*gap.parts[:start], dump(header), gap.parts[start + 1], dump(metadata), b""]
        return self.message(parts, {"name": "stderr", "text": gap.words(self.limit)})

    def message(self, parts: list[bytes], content: dict[str, Any]) -> list[bytes]:
        start = body_of(parts)
        body = [*parts[start : start + 3], dump(content)]
        return [*parts[: start - 1], self.sign(body), *body, *parts[start + 4 :]]


def body_of(parts: list[bytes]) -> int:
    """Where the header is. That of its parent, metadata, content and binary buffers follow."""
    return parts.index(DELIMITER) + 2


def load(part: bytes) -> Any:
    # As Jupyter reads what a kernel made of bytes that are no text.
    return json.loads(part.decode("utf-8", "replace"))


def dump(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        # Half of a pair, which only an escape can hold.
        return json.dumps(value).encode("utf-8")


def render_bytes(count: int) -> str:
    value = float(count)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.3g} {unit}"
        value /= 1024
    return f"{value:.3g} GiB"


def bound(manager: Any, kernel_id: str, channels: dict[str, Any], limit: int) -> None:
    """For right after `start_buffering`. A manager that buffers in another way than those of 1.x and 2.x is left alone."""
    info = getattr(manager, "_kernel_buffers", {}).get(kernel_id)
    if not isinstance(info, dict) or type(info.get("buffer")) is not list or info.get("channels") is not channels:
        return
    buffer = BoundedBuffer(manager.get_kernel(kernel_id).session.sign, limit)
    for message in info["buffer"]:
        buffer.append(message)
    info["buffer"] = buffer

    for channel, stream in channels.items():
        stream.on_recv(lambda parts, channel=channel: buffer.append((channel, parts)))


def prepend(info: dict[str, Any], messages: list[tuple[str, list[bytes]]]) -> None:
    """Puts messages before all that is held, in a buffer of either kind."""
    buffer = info["buffer"]
    if not messages:
        return
    held = list(buffer)
    buffer.clear()
    for message in [*messages, *held]:
        buffer.append(message)
