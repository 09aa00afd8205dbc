"""The HTTP side: one thread a connection, kept alive, closed without a socket left over."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import urlsplit

__all__ = ["Exchanges", "Handler", "Server"]

Exchanges = Callable[["Handler", str, bytes], None]
"""Answers one request: over this connection, for this path, with this body."""

JOIN_SECONDS = 5.0
POLL_SECONDS = 0.02


class Handler(BaseHTTPRequestHandler):
    """One connection, as `exchange.Connection` wants it."""

    protocol_version = "HTTP/1.1"
    server_version = "llmcache-loopback"
    disable_nagle_algorithm = True
    wbufsize = -1  # buffered: one packet an answer, and each piece is flushed

    def do_POST(self) -> None:
        """Answer with what the body asks for; the name is the one that http.server calls."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(body)

    def do_GET(self) -> None:
        """As `do_POST`, without a body."""
        self.answer(b"")

    def answer(self, body: bytes) -> None:
        """Hand the request on."""
        # A client that uses this server as its proxy sends the whole URL.
        cast("Server", self.server).exchanges(self, urlsplit(self.path).path, body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parameter's name there
        """Print nothing: requests are recorded, not logged."""

    def gone(self) -> bool:
        """Whether the client has hung up."""
        self.connection.settimeout(0)
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.connection.settimeout(None)

    def send_json(self, status: int, body: Any, headers: Mapping[str, str]) -> None:
        """Send a whole answer."""
        content = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
        kind = {"Content-Type": "application/json", "Content-Length": str(len(content))}
        self.send_head(status, {**kind, **headers})
        self.wfile.write(content)
        self.wfile.flush()

    def start_stream(self, headers: Mapping[str, str]) -> None:
        """Send the head of a stream."""
        kind = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}
        self.send_head(HTTPStatus.OK, {**kind, **headers})
        self.wfile.flush()

    def send_piece(self, piece: str) -> None:
        """Send one piece of a stream, now."""
        content = piece.encode("utf-8", "surrogatepass")
        self.wfile.write(b"%x\r\n%b\r\n" % (len(content), content))
        self.wfile.flush()

    def end_stream(self) -> None:
        """Send the end of a stream."""
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def drop(self) -> None:
        """Hang up without another word."""
        self.close_connection = True
        shut(self.connection)

    def send_head(self, status: int, headers: Mapping[str, str]) -> None:
        """Queue the status line and the headers; the first flush sends them."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()


class Server(ThreadingHTTPServer):
    """Listens on 127.0.0.1 from the moment it is made; `start` begins to answer."""

    daemon_threads = True
    request_queue_size = 1024
    server_name: str
    server_port: int

    def __init__(self, port: int, exchanges: Exchanges) -> None:
        self.exchanges = exchanges
        self.lock: threading.Lock = threading.Lock()
        self.connections: dict[threading.Thread, socket.socket] = {}
        super().__init__(("127.0.0.1", port), Handler)
        self.listener: threading.Thread = threading.Thread(
            target=self.serve_forever, args=(POLL_SECONDS,), name="loopback-provider", daemon=True
        )

    def server_bind(self) -> None:
        """Bind, without asking the resolver for this machine's name, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def start(self) -> None:
        """Answer from now on, in threads that do not keep the process alive."""
        self.listener.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a connection's thread; noted before it runs, so that `stop` misses none."""
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), daemon=True
        )
        with self.lock:
            self.connections[thread] = request
        thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """See a connection through, and forget it."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self.lock:
                self.connections.pop(threading.current_thread(), None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: what fails here is a client that hung up."""

    def stop(self) -> None:
        """Close every socket, and wait for the threads."""
        self.shutdown()
        self.listener.join(JOIN_SECONDS)
        self.server_close()
        with self.lock:
            left = dict(self.connections)
        for connection in left.values():
            shut(connection)
        for thread in left:
            thread.join(JOIN_SECONDS)


def shut(connection: socket.socket) -> None:
    """End both directions; the owner closes."""
    with contextlib.suppress(OSError):  # the other side may have been faster
        connection.shutdown(socket.SHUT_RDWR)
