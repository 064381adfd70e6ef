"""A reverse proxy such as JupyterHub, and so Binder, puts before each user's server.

What is below the user's path is passed on as it is, websockets included; all else is the hub's, and no
business of a notebook's: it is answered with 404 and kept in ``strays``.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Self

from tornado.httpclient import HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketClientConnection, WebSocketHandler, websocket_connect

HOP_BY_HOP = {"connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"}
"""Headers that are between two neighbours only."""

WEBSOCKET = {"sec-websocket-extensions", "sec-websocket-key", "sec-websocket-version"}
"""Headers that each of the two websockets has of its own."""

LARGEST = 10**9
"""Bytes of a message or an answer."""

PATIENCE = 600
"""Seconds until a server is given up."""


class Forward(WebSocketHandler):
    """Passes on one request or one websocket."""

    upstream: WebSocketClientConnection

    def initialize(self, server: str, client: SimpleAsyncHTTPClient) -> None:
        self.server, self.client = server, client

    async def get(self, *args: Any) -> None:
        if self.request.headers.get("Upgrade", "").lower() != "websocket":
            return await self.forward()
        protocols = self.request.headers.get("Sec-WebSocket-Protocol", "")
        headers = self._passed_on(HOP_BY_HOP | WEBSOCKET | {"sec-websocket-protocol"})
        self.upstream = await websocket_connect(
            HTTPRequest(f"ws://{self.server}{self.request.uri}", headers=headers, connect_timeout=PATIENCE),
            on_message_callback=self._down,
            subprotocols=[name.strip() for name in protocols.split(",") if name.strip()],
            max_message_size=LARGEST,
        )
        await super().get(*args)

    async def forward(self, *_: str) -> None:
        """Ask the server, answer with what it says."""
        request = HTTPRequest(
            f"http://{self.server}{self.request.uri}",
            self.request.method,
            headers=self._passed_on(HOP_BY_HOP),
            body=self.request.body or None,
            allow_nonstandard_methods=True,
            connect_timeout=PATIENCE,
            request_timeout=PATIENCE,
            follow_redirects=False,
            decompress_response=False,
        )
        answer = await self.client.fetch(request, raise_error=False)
        self.clear()
        self.clear_header("Content-Type")
        self.set_status(answer.code, answer.reason)
        for name, value in answer.headers.get_all():
            if name.lower() not in HOP_BY_HOP:
                self.add_header(name, value)
        if answer.code not in (204, 304):
            self.write(answer.body)

    head = post = put = patch = delete = options = forward

    def _passed_on(self, without: set[str]) -> dict[str, str]:
        """The headers of the request, the address that the browser knows among them, and where it is from."""
        kept = {name: value for name, value in self.request.headers.get_all() if name.lower() not in without}
        return kept | {"X-Forwarded-Proto": "http", "X-Forwarded-Host": self.request.host}

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return self.upstream.selected_subprotocol

    def check_origin(self, origin: str) -> bool:
        return True  # the server looks at it

    def compute_etag(self) -> None:
        return None

    def check_xsrf_cookie(self) -> None:
        pass

    async def on_message(self, message: str | bytes) -> None:
        await self.upstream.write_message(message, binary=isinstance(message, bytes))

    def _down(self, message: str | bytes | None) -> None:
        if message is None:
            self.close()
        elif self.ws_connection is not None:
            self.write_message(message, binary=isinstance(message, bytes))

    def on_close(self) -> None:
        self.upstream.close()


class Stray(RequestHandler):
    """A request for what is not the user's."""

    def initialize(self, strays: list[str]) -> None:
        self.strays = strays

    def prepare(self) -> None:
        self.strays.append(self.request.path)
        self.send_error(404)


class Proxy:
    """Serves in a thread of its own while its ``with`` block is open.

    Parameters
    ----------
    port
        Of the server on this machine.
    base
        What the addresses below which it serves begin with, such as ``/user/somebody``.
    """

    def __init__(self, port: int, base: str) -> None:
        self.strays: list[str] = []
        "Paths asked for that are not the user's."
        self._sockets = bind_sockets(0, "127.0.0.1")
        self.url = f"http://127.0.0.1:{self._sockets[0].getsockname()[1]}{base}"
        self._server, self._base = f"127.0.0.1:{port}", base
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._loop.run_forever()

    async def _listen(self) -> None:
        client = SimpleAsyncHTTPClient(force_instance=True, max_clients=100, max_buffer_size=LARGEST)
        passed_on = {"server": self._server, "client": client}
        handlers = [(f"{self._base}(/.*)?", Forward, passed_on), (".*", Stray, {"strays": self.strays})]
        server = HTTPServer(Application(handlers, websocket_max_message_size=LARGEST))
        server.add_sockets(self._sockets)
