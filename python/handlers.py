"""What Jupyter's own request handlers do otherwise in a server of ours."""

from __future__ import annotations

import asyncio
import os
from typing import Any
from weakref import WeakValueDictionary

from jupyter_server.services.contents.handlers import ContentsHandler, json_default
from jupyter_server.utils import ensure_async
from tornado import web

try:
    from jupyter_server.services.kernels.websocket import KernelWebsocketHandler
except ImportError:
    from jupyter_server.services.kernels.handlers import ZMQChannelsHandler as KernelWebsocketHandler


def mend() -> None:
    """Before the server begins."""
    drop_messages_of_closed_sockets(KernelWebsocketHandler)
    send_at_once(KernelWebsocketHandler)
    save_on_condition(ContentsHandler)


def drop_messages_of_closed_sockets(handler: Any) -> None:
    """A message that is read after its socket was closed would be taken for one of the older protocol.

    The first bytes of a message of the newer one mean a hundred million parts there, which hold up the server for half a minute
    and more. Such a message is one that a client may not count on: it was closed because the same client came again.
    """
    take = handler.on_message

    def on_message(self: Any, message: Any) -> None:
        if self.ws_connection is not None:
            take(self, message)

    handler.on_message = on_message


def send_at_once(handler: Any) -> None:
    """Every message of a kernel leaves when it comes, and the answer to the handshake says so.

    By default the operating system keeps a small message back until the former one is acknowledged, up to 40 ms, unless the
    client acknowledges each with a message of its own. What the header is called stands in `src/jupyter/socket.ts` too.
    """
    begin = handler.open

    def open(self: Any, *args: Any, **kwargs: Any) -> Any:
        self.set_nodelay(True)
        return begin(self, *args, **kwargs)

    handler.open = open
    begin_headers = handler.set_default_headers

    def set_default_headers(self: Any) -> None:
        begin_headers(self)
        self.set_header("X-Glovebox-Delay", "none")

    handler.set_default_headers = set_default_headers


def save_on_condition(handler: Any) -> None:
    """A file is replaced only as the version that its writer has seen, where the writer says which; `src/jupyter/contents.ts` does.

    Jupyter itself knows no condition: what a person saves between another client's look and its write would be covered by it.
    """
    save = handler.put
    # One for each file that is being saved.
    turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def is_seen(self: Any, path: str, seen: str) -> bool:
        if not await ensure_async(self.contents_manager.file_exists(path)):
            return seen == "none"
        model = await ensure_async(self.contents_manager.get(path, content=False))
        size, _, changed = seen.partition(" ")
        # As the model was told to the writer, in JSON.
        return size == str(model.get("size")) and changed == json_default(model["last_modified"])

    @web.authenticated
    async def put(self: Any, path: str = "") -> None:
        turn = turns.setdefault(path.strip("/"), asyncio.Lock())
        seen = self.request.headers.get("X-Glovebox-If-Version")
        # One after the other, whoever saves this file.
        async with turn:
            if seen is not None and not await is_seen(self, path, seen):
                self.set_status(412)
                self.finish()
                return
            await save(self, path)
            if self.request.headers.get("X-Glovebox-Mode") == "executable" and self.get_status() in (200, 201):
                let_execute(self.contents_manager._get_os_path(path))

    handler.put = put


def let_execute(file: str) -> None:
    """By whoever may read it; contents of Jupyter know no such thing. `src/sandbox/rented/put-files.ts` asks for it."""
    mode = os.stat(file).st_mode
    os.chmod(file, mode | (mode & 0o444) >> 2)
