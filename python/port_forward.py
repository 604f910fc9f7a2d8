"""Lets whoever may use a Jupyter server reach other ports of its machine through it: under `glovebox/ports/PORT/`, and nobody else.

An address of its own would be open to everybody who learns it. Here the server's credentials are asked for before a byte is passed,
and are not passed on.
"""

from __future__ import annotations

import re
from http.cookies import SimpleCookie
from typing import Any, Dict, List, Optional, Tuple, Union
from urllib.parse import urlsplit

from jupyter_server.base.handlers import JupyterHandler
from tornado import httputil, web
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.ioloop import IOLoop
from tornado.websocket import WebSocketClientConnection, WebSocketClosedError, WebSocketHandler, websocket_connect

ROUTE = r"/glovebox/ports/([0-9]{1,5})(/.*)?"
HOST = "127.0.0.1"
# Between two neighbours only, or made anew on the way.
OF_ONE_HOP = {"connection", "keep-alive", "proxy-authenticate", "te", "trailer", "transfer-encoding", "upgrade", "host", "content-length"}
CREDENTIALS = {"authorization", "x-glovebox-token", "cookie"}
OF_JUPYTER = re.compile(r"^(username-.*|_xsrf|_jupyter.*)$")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# An answer may take as long as it likes, as a stream of events does; a connection must be there soon.
CONNECT_S = 20.0
NO_LIMIT_S = 30 * 24 * 3600.0
NO_LIMIT_BYTES = 1 << 62


def foreign_cookies(text: str) -> str:
    return "; ".join(f"{name}={one.coded_value}" for name, one in SimpleCookie(text).items() if not OF_JUPYTER.match(name))


def without_token(query: str) -> str:
    """The token may stand in the query, as after the private page that signs a person in."""
    return "&".join(part for part in query.split("&") if part and not part.startswith("token="))


def address(scheme: str, port: int, place: str, query: str) -> str:
    told = without_token(query)
    return f"{scheme}://{HOST}:{port}{place}" + (f"?{told}" if told else "")


class PortHandler(JupyterHandler, WebSocketHandler):
    """One request, or one WebSocket, to a port that the sandbox was asked for with."""

    SUPPORTED_METHODS = METHODS
    behind: Optional[WebSocketClientConnection] = None
    is_gone = False

    def initialize(self, ports: List[int], cookies: Dict[str, str]) -> None:
        self.ports = frozenset(ports)
        self.cookies_of = cookies

    def own_cookie(self, port: int) -> str:
        """What opens a program that wants a password of its own. Whoever came so far may use it; no browser is told."""
        try:
            with open(self.cookies_of[str(port)], encoding="utf-8") as stream:
                return stream.read().strip()
        except (KeyError, OSError):
            return ""

    def check_xsrf_cookie(self) -> None:
        """The program behind knows no mark of Jupyter's pages: `refuse_other_sites` is asked instead, when it is known who asks."""

    def refuse_other_sites(self) -> None:
        """What a cookie alone allows must come from a page of this server."""
        if self.request.method in ("GET", "HEAD", "OPTIONS") or self.token_authenticated:
            return
        if self.request.headers.get("Sec-Fetch-Site") == "same-origin":
            return
        if "Sec-Fetch-Site" not in self.request.headers and self.request.headers.get("Origin") and self.check_origin():
            return
        raise web.HTTPError(403, "This request comes from another site.")

    @web.authenticated
    async def answer(self, number: str, path: Optional[str]) -> None:
        port = int(number)
        if port not in self.ports:
            raise web.HTTPError(404, f"Port {port} was not asked for when this sandbox was started.")
        self.refuse_other_sites()
        if path is None:
            self.redirect(self.request.path + "/")
            return
        # As it was written, and not as it was read.
        place = self.request.path[len(self.prefix(port)) :]
        if self.request.headers.get("Upgrade", "").lower() == "websocket":
            await self.bridge(port, address("ws", port, place, self.request.query))
        else:
            await self.pass_on(port, address("http", port, place, self.request.query))

    get = head = post = put = patch = delete = options = answer  # type: ignore[assignment]

    def headers_for(self, port: int) -> httputil.HTTPHeaders:
        headers = httputil.HTTPHeaders()
        for name, value in self.request.headers.get_all():
            if name.lower() not in OF_ONE_HOP | CREDENTIALS and not name.lower().startswith("sec-websocket"):
                headers.add(name, value)
        cookies = "; ".join(filter(None, [foreign_cookies(self.request.headers.get("Cookie", "")), self.own_cookie(port)]))
        if cookies:
            headers["Cookie"] = cookies
        if "Origin" in headers:
            headers["Origin"] = f"http://{HOST}:{port}"
        if "Referer" in headers:
            headers["Referer"] = self.referer_for(port, headers["Referer"])
        headers["X-Forwarded-Host"] = self.request.host
        headers["X-Forwarded-Proto"] = self.request.protocol
        headers["X-Forwarded-Prefix"] = self.prefix(port)
        return headers

    def referer_for(self, port: int, text: str) -> str:
        """The page that a person was signed in with asks for its parts in the name of an address with the token."""
        try:
            page = urlsplit(text)
        except ValueError:
            return address("http", port, "/", "")
        prefix = self.prefix(port)
        place = page.path[len(prefix) :] if page.path.startswith(f"{prefix}/") else "/"
        return address("http", port, place, page.query)

    def prefix(self, port: int) -> str:
        return f"{self.base_url.rstrip('/')}/glovebox/ports/{port}"

    async def pass_on(self, port: int, target: str) -> None:
        answer = httputil.HTTPHeaders()

        def on_header(line: str) -> None:
            if line.startswith("HTTP/"):
                self.set_status(httputil.parse_response_start_line(line.strip()).code)
            elif line.strip():
                answer.parse_line(line)
            else:
                self.take_headers(port, answer)

        def on_data(data: bytes) -> Any:
            # The only way to end a stream that has no end of its own.
            if self.is_gone:
                raise ConnectionResetError("nobody takes the answer any more")
            self.write(data)
            # No more is read before this has left (an older Tornado, as 6.2, does not wait).
            return self.flush()

        request = HTTPRequest(
            target,
            method=self.request.method or "GET",
            headers=self.headers_for(port),
            body=self.request.body or None,
            allow_nonstandard_methods=True,
            follow_redirects=False,
            decompress_response=False,
            connect_timeout=CONNECT_S,
            request_timeout=NO_LIMIT_S,
            header_callback=on_header,
            streaming_callback=on_data,
        )
        try:
            # It is passed on as it comes: no answer is too long.
            await AsyncHTTPClient(force_instance=True, max_body_size=NO_LIMIT_BYTES).fetch(request, raise_error=False)
        except (OSError, HTTPClientError) as error:
            if self._headers_written or self.is_gone:
                return
            raise web.HTTPError(502, f"Nothing answers on port {port} of the sandbox ({error}).") from None
        if not self._finished:
            self.finish()

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self.is_gone = True

    def take_headers(self, port: int, answer: httputil.HTTPHeaders) -> None:
        self.clear_header("Content-Type")
        for name, value in answer.get_all():
            lower = name.lower()
            if lower in OF_ONE_HOP and lower != "content-length":
                continue
            if lower == "set-cookie" and (OF_JUPYTER.match(value.partition("=")[0].strip()) or str(port) in self.cookies_of):
                continue
            if lower == "location" and value.startswith("/") and not value.startswith("//"):
                value = self.prefix(port) + value
            if lower in ("set-cookie", "link", "vary"):
                self.add_header(name, value)
            else:
                self.set_header(name, value)

    async def bridge(self, port: int, target: str) -> None:
        if not self.check_origin():
            raise web.HTTPError(403, "This request comes from another site.")
        wanted = [one.strip() for one in self.request.headers.get("Sec-WebSocket-Protocol", "").split(",") if one.strip()]
        request = HTTPRequest(target, headers=self.headers_for(port), connect_timeout=CONNECT_S)
        try:
            self.behind = await websocket_connect(request, subprotocols=wanted or None)
        except (OSError, HTTPClientError) as error:
            raise web.HTTPError(502, f"Nothing answers on port {port} of the sandbox ({error}).") from None
        await WebSocketHandler.get(self)

    def select_subprotocol(self, subprotocols: List[str]) -> Optional[str]:
        return self.behind.selected_subprotocol if self.behind is not None else None

    def open(self, *_args: Optional[str], **_named: Optional[str]) -> None:
        IOLoop.current().spawn_callback(self.pass_back)

    async def pass_back(self) -> None:
        """One message after the other has left: what nobody takes stays with the program."""
        try:
            while self.behind is not None:
                message = await self.behind.read_message()
                if message is None:
                    break
                await self.write_message(message, binary=isinstance(message, bytes))
        except WebSocketClosedError:
            pass
        self.close()

    async def on_message(self, message: Union[str, bytes]) -> None:
        if self.behind is not None:
            await self.behind.write_message(message, binary=isinstance(message, bytes))

    def on_close(self) -> None:
        if self.behind is not None:
            self.behind.close()


def routes(base_url: str, ports: List[int], cookies: Dict[str, str]) -> List[Tuple[str, Any, Any]]:
    return [(base_url.rstrip("/") + ROUTE, PortHandler, {"ports": ports, "cookies": cookies})]
