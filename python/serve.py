"""Runs the Jupyter server of a sandbox: a plain ServerApp that starts fast, reads no foreign settings and ends when nobody needs it."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import os
import random
import signal
import sys
import time
from datetime import datetime, timezone
from typing import Any

# Nothing that is made while modules are loaded ever becomes garbage.
gc.disable()

# jsonschema tries this optional checker of IRIs; compiling its grammar takes longer than everything else together.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]

from jupyter_server.serverapp import ServerApp  # noqa: E402
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager  # noqa: E402
from jupyter_server.utils import ensure_async  # noqa: E402
from tornado.ioloop import IOLoop, PeriodicCallback  # noqa: E402
from tornado.netutil import bind_sockets  # noqa: E402
from traitlets import Dict, Int, List, Tuple, Type, Unicode  # noqa: E402

try:
    from jupyter_server.auth import identity
except ImportError:  # Servers before 2.0 take their token in the usual ways only; they stand behind no proxy that wants those for itself.
    identity = None  # type: ignore[assignment]


def load_beside(name: str) -> Any:
    """A module that lies beside this file. Isolated as this program runs, its folder is no place for imports."""
    place = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, place)
    module = importlib.util.module_from_spec(spec)
    # Nothing is written beside it.
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    spec.loader.exec_module(module)
    sys.dont_write_bytecode = written
    return module


# Now, as an update may take their files away while this server runs.
offline_buffer = load_beside("offline_buffer")
load_beside("handlers").mend()

try:
    from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection as JupyterConnection
except ImportError:
    JupyterConnection = None  # type: ignore[assignment]

if JupyterConnection is not None:

    class SteadyConnection(JupyterConnection):
        """A connection to a kernel whose client may vanish and come again at any moment, also while the kernel starts anew.

        Jupyter's own says goodbye only when the kernel has answered it. A client that came again before would meet its former
        self, with the same ZeroMQ identity (a kernel hears one of the two, and a new kernel may choose the former), and what was
        kept for it would go to a socket that is closed.
        """

        _living: dict[str, SteadyConnection] = {}
        _proving: asyncio.Future[None] | None = None
        _is_counted = False
        _has_left = False

        def __init__(self, **traits: Any) -> None:
            super().__init__(**traits)
            self._kept: list[Any] = []
            self._unsent: list[Any] = []

        async def _register_session(self) -> None:
            await super()._register_session()
            former = self._living.get(self.session_key)
            self._living[self.session_key] = self
            if former is not None:
                former.disconnect()
                while former._is_counted and not former._has_left:
                    await asyncio.sleep(0)

        def connect(self) -> asyncio.Future[None] | None:
            self._is_counted = True
            buffer = self.multi_kernel_manager._kernel_buffers.get(self.kernel_id)
            if buffer is not None and buffer["session_key"] == self.session_key:
                self._kept = buffer["buffer"]
            self._proving = super().connect()
            if self._proving is not None:
                # Delivered by then, or moved.
                self._proving.add_done_callback(lambda _: self._release())
            return self._proving

        def _release(self) -> None:
            self._kept = []

        def disconnect(self) -> None:
            if self._proving is None or self._proving.done():
                self._leave()
                return
            # What it would replay waits for the next one instead.
            self._unsent += self._kept
            self._kept.clear()
            self._proving.add_done_callback(lambda _: self._leave())
            self._proving.cancel()

        def _leave(self) -> None:
            if self._living.get(self.session_key) is self:
                del self._living[self.session_key]
            if self._has_left:
                return
            self._has_left = True
            if not self._is_counted:
                # It never came as far as to be one of those that end when they leave.
                if self._open_sessions.get(self.session_key) is self.websocket_handler:
                    del self._open_sessions[self.session_key]
                return
            super().disconnect()
            self.channels = {}
            buffer = self.multi_kernel_manager._kernel_buffers.get(self.kernel_id)
            if buffer is not None and buffer["session_key"] == self.session_key:
                offline_buffer.prepend(buffer, self._unsent)

        def handle_outgoing_message(self, stream: Any, outgoing_msg: list[Any]) -> None:
            if self.websocket_handler.ws_connection is None:
                self._unsent.append((stream if isinstance(stream, str) else stream.channel, outgoing_msg))
                return
            super().handle_outgoing_message(stream, outgoing_msg)


# A small one for tests.
OFFLINE_BYTES = int(os.environ.pop("GLOVEBOX_OFFLINE_BYTES", offline_buffer.LIMIT_BYTES))


class CarefulKernelManager(AsyncMappingKernelManager):
    """Never takes a kernel for idle that may be running code, and holds a bounded amount for clients that are away."""

    def start_buffering(self, kernel_id: str, session_key: str, channels: dict[str, Any]) -> None:
        super().start_buffering(kernel_id, session_key, channels)
        try:
            offline_buffer.bound(self, kernel_id, channels, OFFLINE_BYTES)
        except Exception:
            self.log.warning("Output of kernel %s is held without a bound.", kernel_id, exc_info=True)

    async def start_kernel(self, *args: Any, **kwargs: Any) -> str:
        """With secrets of the sandbox, which are in the memory of this process and in no file. A restart takes them again."""
        secrets: dict[str, str] = getattr(self.parent, "kernel_secrets", {})
        if secrets:
            kwargs["env"] = {**(kwargs.get("env") or os.environ), **secrets}
        return await super().start_kernel(*args, **kwargs)

    async def restart_kernel(self, kernel_id: str, now: bool = False) -> None:
        """One that dies while it is being restarted would be left without a process, and unwatched."""
        try:
            await super().restart_kernel(kernel_id, now=now)
        except Exception:
            kernel = self._kernels.get(kernel_id)
            if kernel is None or await ensure_async(kernel.is_alive()):
                raise
            self.log.warning("The restart of kernel %s met its death, and is tried again.", kernel_id, exc_info=True)
            await super().restart_kernel(kernel_id, now=True)

    async def cull_kernel_if_idle(self, kernel_id: str) -> None:
        """The server may miss that the first cell of a new kernel began, and then holds the kernel for one that is starting.

        Such a kernel is asked: one that runs code does not answer, and one that answers is taken for idle from then on.
        """
        kernel = self._kernels.get(kernel_id)
        if getattr(kernel, "execution_state", None) != "starting":
            await super().cull_kernel_if_idle(kernel_id)
            return
        client = kernel.client(session=kernel.session)
        client.start_channels(shell=True, iopub=False, stdin=False, hb=False, control=False)
        client.kernel_info()
        IOLoop.current().call_later(5, client.stop_channels)


if identity is not None:

    class SandboxIdentityProvider(identity.PasswordIdentityProvider):
        """Takes its token from a header of its own too, for when a proxy before it wants the Authorization header for itself."""

        def get_token(self, handler: Any) -> str | None:
            own = handler.request.headers.get("X-Glovebox-Token")
            # Whoever sends it means it: what else is in the request belongs to others.
            return own if own is not None else super().get_token(handler)


class SandboxServerApp(ServerApp):
    """Is configured as `ServerApp`, with one difference: kernels that do nothing do not keep it alive for ever."""

    name = "jupyter-server"
    kernel_manager_class = Type(CarefulKernelManager, klass=AsyncMappingKernelManager)
    if JupyterConnection is not None:
        kernel_websocket_connection_class = Type(SteadyConnection, klass=JupyterConnection)
    if identity is not None:
        identity_provider_class = Type(SandboxIdentityProvider, klass=identity.IdentityProvider)
    # For servers that are started where nobody of ours watches, as in a batch job.
    ports = Tuple(Int(), Int(), default_value=(0, 0), config=True, help="The range of ports to choose from where `port` is 0.")
    announce_file = Unicode("", config=True, help="Is made when the server listens, with the numbers of its process and port.")
    forward_ports = List(Int(), config=True, help="Ports of this machine that are reached through the server: see port_forward.py.")
    deadline = Int(0, config=True, help="When the server ends, whatever runs, in seconds since the epoch; 0 is never.")
    kernel_secrets = Dict(config=True, help="Variables of kernels that are kept in memory only.")
    commit_mounts = List(Unicode(), config=True, help="Mounts of volumes that are committed by `sync`: see commit_volumes.py.")
    lifetime_s = Int(0, config=True, help="The engine ends the machine so long after the start of this server; 0 is not known.")
    token_file = Unicode("", config=True, help="Is made anew, with the token, at the signal USR2.")

    @property
    def config_file_paths(self) -> list[str]:
        """Settings of the machine or of the user must not change a server of ours."""
        return [self.config_dir]

    def write_server_info_file(self) -> None:
        """Nobody looks for this server there, and it would hold the token."""

    def write_browser_open_files(self) -> None:
        """The same."""

    _was_told_to_stop = False

    def _signal_stop(self, sig: Any, frame: Any) -> None:
        """Once, though a batch system and its script may both say it; and past the log, in the middle of which it may come."""
        if not self._was_told_to_stop:
            self._was_told_to_stop = True
            os.write(2, f"received signal {int(sig)}, stopping\n".encode())
            self.stop(from_signal=True)

    def _find_http_port(self) -> None:
        """The port is bound when it is found: one that was only found may be somebody else's a moment later."""
        if self.port != 0:
            super()._find_http_port()

    def _bind_http_server_tcp(self) -> bool:
        if self.port != 0:
            return bool(super()._bind_http_server_tcp())
        lowest, highest = self.ports
        candidates = list(range(lowest, highest + 1))
        random.shuffle(candidates)
        for candidate in candidates:
            try:
                sockets = bind_sockets(candidate, self.ip)
            except OSError:
                continue
            self.port = sockets[0].getsockname()[1]
            self.http_server.add_sockets(sockets)
            return True
        print(f"GLOVEBOX-FAIL No port from {lowest} to {highest} is free on {self.ip}.", flush=True)
        return False

    def _bind_http_server(self) -> Any:
        bound = super()._bind_http_server()
        if self.announce_file and bound is not False:
            part = f"{self.announce_file}.part"
            with open(part, "w") as file:
                file.write(f"{os.getpid()} {self.port}\n")
            os.rename(part, self.announce_file)
        return bound

    def write_token(self, *_: Any) -> None:
        """For a person's other machine, which knows of this server and nothing else. Who may send the signal may read memory too."""
        provider = getattr(self, "identity_provider", self)
        descriptor = os.open(f"{self.token_file}.part", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(provider.token)
        os.rename(f"{self.token_file}.part", self.token_file)

    def init_webapp(self) -> None:
        super().init_webapp()
        if self.forward_ports:
            module = load_beside("port_forward")
            self.web_app.add_handlers(".*$", module.routes(self.base_url, list(self.forward_ports)))

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        super().initialize(*args, **kwargs)
        if self.token_file:
            signal.signal(signal.SIGUSR2, self.write_token)
        # It holds the token, and is read once.
        forgotten = os.environ.pop("GLOVEBOX_FORGET", None)
        if forgotten is not None:
            os.unlink(forgotten)
        gc.freeze()
        gc.enable()

    def end_in_time(self) -> None:
        """By the clock on the wall, which goes on while a machine sleeps."""
        left = self.deadline - time.time()
        if left > 0:
            IOLoop.current().call_later(min(left, 30), self.end_in_time)
            return
        self.log.warning("GLOVEBOX-END time-limit: the lifetime of this sandbox is over.")
        self.stop()

    committer: Any = None

    def init_shutdown_no_activity(self) -> None:
        if self.deadline > 0:
            self.end_in_time()
        if self.commit_mounts:
            self.committer = load_beside("commit_volumes").Committer(self, list(self.commit_mounts), self.lifetime_s)
            self.committer.begin()
        limit = self.shutdown_no_activity_timeout
        if limit > 0:
            PeriodicCallback(self.end_when_idle, min(60_000, limit * 250)).start()

    async def end_when_idle(self) -> None:
        """Ends the server when no kernel runs code, no client is connected and nothing was asked of it for the whole limit."""
        kernels: list[dict[str, Any]] = await ensure_async(self.kernel_manager.list_kernels())
        if any(kernel["execution_state"] == "busy" or kernel["connections"] > 0 for kernel in kernels):
            return
        idle = (datetime.now(timezone.utc) - self.web_app.last_activity()).total_seconds()
        if idle > self.shutdown_no_activity_timeout:
            self.log.warning("GLOVEBOX-END idle: nobody used this server for %d seconds.", idle)
            self.stop()


def skip_slow_parts_of_jupyterlab() -> None:
    """JupyterLab runs Node at import, to learn from where it would install extensions; ours never does."""
    try:
        from jupyterlab import commands
    except ImportError:
        return
    if hasattr(commands, "_yarn_config"):
        commands._yarn_config = lambda logger: {"yarn config": {}, "npm config": {}}


if __name__ == "__main__":
    skip_slow_parts_of_jupyterlab()
    SandboxServerApp.launch_instance()
    committer = SandboxServerApp.instance().committer
    if committer is not None:
        committer.commit_at_end()
