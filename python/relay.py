"""Carries many connections over one pair of pipes: frames on stdin and stdout, sockets of this machine behind them.

Runs where a Jupyter server is, for instance as a step of its batch job, with the Python that is there: 3.6 or newer,
nothing but the standard library. `src/platform/relay-frames.ts` describes the frames. Ends when stdin does, and when nothing
came for so long that nobody can be at the other side: what is said to it then would be lost.
"""

import json
import os
import queue
import socket
import struct
import sys
import threading
import time
from typing import Dict, Optional

HEADER = struct.Struct(">IIB")
WINDOW_BYTES = 1024 * 1024
CREDIT_BYTES = WINDOW_BYTES // 4
CHUNK_BYTES = 64 * 1024
CONNECT_LIMIT_S = 20
MAX_FILE_BYTES = 1024 * 1024
# The other side asks for a sign of life every 15 s.
QUIET_LOOKS = 9
LOOK_S = 5.0

HELLO, OPEN, DATA, END, RESET, CREDIT, READ, FILE, PING, PONG = range(1, 11)


class Output:
    """Frames on stdout, whole even when several threads write."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def send(self, stream: int, kind: int, payload: bytes = b"") -> None:
        frame = memoryview(HEADER.pack(len(payload), stream, kind) + payload)
        with self.lock:
            while frame:
                try:
                    frame = frame[os.write(1, frame) :]
                except OSError:
                    os._exit(1)  # Nobody reads any more.


class Stream:
    """One connection: a thread for each direction, so that a slow one holds up nobody else."""

    def __init__(self, number: int, target: Dict[str, object], output: Output, streams: "Streams") -> None:
        self.number = number
        self.target = target
        self.output = output
        self.streams = streams
        self.socket: Optional[socket.socket] = None
        self.incoming: "queue.Queue[Optional[bytes]]" = queue.Queue()
        self.credit = WINDOW_BYTES
        self.taken = 0
        self.changed = threading.Condition()
        self.closed = False

    def start(self) -> None:
        self.streams[self.number] = self
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        try:
            self.socket = connect(self.target)
            back = threading.Thread(target=self.pump_back, args=(self.socket,), daemon=True)
            back.start()
            self.pump_forth(self.socket)
            back.join()
        except (OSError, KeyError, ValueError) as error:
            self.reset(str(error))
        finally:
            self.streams.pop(self.number, None)
            if self.socket is not None:
                self.socket.close()

    def pump_forth(self, target: socket.socket) -> None:
        taken = True
        while True:
            chunk = self.incoming.get()
            if self.closed:
                return
            try:
                if chunk is None:
                    target.shutdown(socket.SHUT_WR)
                    return
                if taken:
                    target.sendall(chunk)
            except OSError:
                # A server that takes no more may still have something to say: `pump_back` knows.
                taken = False
                if chunk is None:
                    return
            self.give_credit(len(chunk))

    def give_credit(self, count: int) -> None:
        """Not for every chunk: a small write that nothing answers is acknowledged late, and what follows on the way waits for it."""
        self.taken += count
        if self.taken >= CREDIT_BYTES:
            self.output.send(self.number, CREDIT, struct.pack(">I", self.taken))
            self.taken = 0

    def pump_back(self, target: socket.socket) -> None:
        try:
            while True:
                with self.changed:
                    while self.credit == 0 and not self.closed:
                        self.changed.wait()
                if self.closed:
                    return
                chunk = target.recv(min(self.credit, CHUNK_BYTES))
                if not chunk:
                    self.output.send(self.number, END)
                    return
                with self.changed:
                    self.credit -= len(chunk)
                self.output.send(self.number, DATA, chunk)
        except OSError as error:
            self.reset(str(error))

    def add_credit(self, count: int) -> None:
        with self.changed:
            self.credit += count
            self.changed.notify()

    def reset(self, reason: str) -> None:
        if not self.closed:
            self.output.send(self.number, RESET, reason.encode())
        self.close()

    def close(self) -> None:
        """Wakes both threads for good."""
        with self.changed:
            self.closed = True
            self.changed.notify()
        self.incoming.put(None)
        if self.socket is not None:
            try:
                self.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # It was not connected any more.


Streams = Dict[int, Stream]


def connect(target: Dict[str, object]) -> socket.socket:
    path = target.get("socket")
    if isinstance(path, str):
        found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        found.settimeout(CONNECT_LIMIT_S)
        try:
            found.connect(path)
        except OSError:
            found.close()
            raise
    else:
        found = socket.create_connection(("127.0.0.1", int(str(target["port"]))), CONNECT_LIMIT_S)
        # Without it small answers wait for the acknowledgement of the ones before: 40 ms each.
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    found.settimeout(None)
    return found


def read_file(number: int, wanted: Dict[str, object], output: Output) -> None:
    try:
        limit = min(int(str(wanted["maxBytes"])), MAX_FILE_BYTES)
        with open(str(wanted["path"]), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if wanted.get("tail"):
                file.seek(max(0, size - limit))
            elif size > limit:
                raise OSError(f"it is larger than {limit} bytes")
            output.send(number, FILE, b"+" + file.read(limit))
    except FileNotFoundError:
        output.send(number, FILE, b"0")
    except (OSError, ValueError) as error:
        output.send(number, FILE, b"-" + str(error).encode())


def read_exactly(count: int) -> bytes:
    """From the same buffer that this program may have come through."""
    content = sys.stdin.buffer.read(count)
    if len(content) < count:
        os._exit(0)  # The other side is gone: nobody is left to be told.
    return content


class Watch:
    """Ends this process after 45 s without a frame. Looks are counted: a process that was suspended has heard nothing either."""

    def __init__(self) -> None:
        self.quiet = 0

    def run(self) -> None:
        while self.quiet < QUIET_LOOKS:
            self.quiet += 1
            time.sleep(LOOK_S)
        os._exit(0)


def main() -> None:
    output = Output()
    watch = Watch()
    threading.Thread(target=watch.run, daemon=True).start()
    streams: Streams = {}
    # What starts us may print something of its own first: the other side looks for this line.
    os.write(1, f"\n{sys.argv[1]}\n".encode())
    about = {"version": 1, "hostname": socket.gethostname(), "pid": os.getpid()}
    output.send(0, HELLO, json.dumps(about).encode())
    while True:
        length, number, kind = HEADER.unpack(read_exactly(HEADER.size))
        watch.quiet = 0
        payload = read_exactly(length)
        stream = streams.get(number)
        if kind == OPEN:
            Stream(number, json.loads(payload.decode()), output, streams).start()
        elif kind == READ:
            args = (number, json.loads(payload.decode()), output)
            threading.Thread(target=read_file, args=args, daemon=True).start()
        elif kind == PING:
            output.send(0, PONG)
        elif stream is None:
            pass  # It ended here while the frame was under way.
        elif kind == DATA:
            stream.incoming.put(payload)
        elif kind == END:
            stream.incoming.put(None)
        elif kind == CREDIT:
            stream.add_credit(struct.unpack(">I", payload)[0])
        elif kind == RESET:
            stream.close()


main()
