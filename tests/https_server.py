"""A local https server that misbehaves on request, and its own certificate authority."""

from __future__ import annotations

import contextlib
import gzip
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

BODY = bytes(range(256)) * 40  # 10,240 bytes
OK = b"HTTP/1.1 200 OK\r\n"
PAUSE = 0.05
Answer = Callable[["Talk"], None]


class Talk:
    """One connection: what was asked, and ways to answer, whole or dripping."""

    def __init__(self, sock: socket.socket, closing: threading.Event) -> None:
        self.sock, self.closing = sock, closing

    def asked(self) -> str:
        """Return the path asked for."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.sock.recv(4096)
            if not more:
                raise ConnectionError("gone")
            data += more
        return data.split()[1].decode()

    def send(self, *parts: bytes) -> None:
        """Send parts at once."""
        self.sock.sendall(b"".join(parts))

    def plain(
        self, body: bytes, length: object = None, head: bytes = OK, more: bytes = b""
    ) -> None:
        """Send a body with a Content-Length, by default the true one."""
        told = len(body) if length is None else length
        self.send(head, f"Content-Length: {told}\r\n".encode(), more, b"\r\n", body)

    def drip(self, data: bytes) -> None:
        """Send a byte at a time, slowly."""
        for byte in data:
            self.send(bytes([byte]))
            if self.closing.wait(PAUSE):
                return

    def forever(self, data: bytes) -> None:
        """Send data again and again, until nobody listens."""
        while not self.closing.is_set():
            self.send(data)

    def wait(self) -> None:
        """Keep the connection open and say nothing."""
        self.closing.wait(10)


class Server:
    """Accepts on 127.0.0.1 and answers each connection in a thread of its own."""

    def __init__(self, wrap: Callable[[socket.socket], socket.socket] | None = None) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.raw: Answer | None = None
        self._wrap = wrap
        self._closing = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            sock, _ = self._listening.accept()
            if self._closing.is_set():
                sock.close()
                return
            thread = threading.Thread(target=self._serve, args=(sock,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError, ConnectionError), contextlib.ExitStack() as stack:
            stack.callback(sock.close)
            sock.settimeout(5)
            if self.raw:
                self.raw(Talk(sock, self._closing))
                return
            safe = self._wrap(sock) if self._wrap else sock
            stack.callback(safe.close)
            talk = Talk(safe, self._closing)
            path = talk.asked()
            self.asked.append(path)
            self.answers[path.split("?")[0]](talk)

    def close(self) -> None:
        """Stop answering and wait for every thread."""
        self._closing.set()
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._threads[0].join()  # it is the one that uses the socket
        self._listening.close()
        for thread in self._threads:
            thread.join()


class Authority:
    """A certificate authority in a folder, made with openssl."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._run("req", "-x509", *self._key("ca"), "-out", "ca.pem", "-subj", "/CN=ca")
        self.cafile = folder / "ca.pem"

    def certificate(self, name: str, names: str = "IP:127.0.0.1", days: int = 2) -> Path:
        """Return a file with a key and a certificate for some names."""
        subject = ["-subj", f"/CN={name}"]
        self._run("req", "-new", *self._key(name), "-out", f"{name}.csr", *subject)
        (self.folder / "names").write_text(f"subjectAltName={names}\n")
        signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names"]
        out = ["-out", f"{name}.crt", "-days", str(days)]
        self._run("x509", "-req", "-in", f"{name}.csr", *signed, *out)
        both = self.folder / f"{name}.pem"
        both.write_bytes(
            b"".join((self.folder / f"{name}.{e}").read_bytes() for e in ("key", "crt"))
        )
        return both

    def _key(self, name: str) -> list[str]:
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        return [*kind, "-keyout", f"{name}.key"]

    def _run(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)


def authority(folder: Path) -> Authority:
    """Return an authority, or skip loudly where openssl is not installed."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed: no certificates for a local https server")
    folder.mkdir()
    return Authority(folder)


@contextlib.contextmanager
def https_server(certificate: Path) -> Iterator[Server]:
    """Run a server with a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = Server(lambda sock: context.wrap_socket(sock, server_side=True))
    try:
        yield server
    finally:
        server.close()


def chunked(*parts: bytes) -> bytes:
    """Return an answer in chunks, without the last one."""
    told = b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts)
    return OK + b"Transfer-Encoding: chunked\r\n\r\n" + told


def moved(to: str, more: bytes = b"Content-Length: 0\r\n") -> bytes:
    """Return a redirect."""
    return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\n".encode() + more + b"\r\n"


BOMB = gzip.compress(bytes(1 << 20))
GZIPPED = b"Content-Encoding: gzip\r\n"
# What a hostile or broken server does; the pinned file is BODY.
CASES: dict[str, Answer] = {
    "other bytes": lambda t: t.plain(BODY[::-1]),
    "one bit": lambda t: t.plain(BODY[:-1] + b"\xfe"),
    "short": lambda t: t.plain(BODY[:-1]),
    "empty": lambda t: t.plain(b""),
    "long": lambda t: t.plain(BODY + b"x"),
    "long without a length": lambda t: t.send(OK, b"\r\n", BODY, b"x"),
    "endless": lambda t: (t.send(OK, b"\r\n"), t.forever(BODY)),
    "endless chunks": lambda t: (t.send(chunked(BODY)), t.forever(b"40\r\n" + BODY[:64] + b"\r\n")),
    "length too large": lambda t: t.plain(BODY, len(BODY) + 5),
    "length far too large": lambda t: t.plain(BODY, 1 << 50),
    "length too small": lambda t: t.plain(BODY, 100),
    "length below zero, short": lambda t: t.plain(BODY[:9], -1),
    "length no number, short": lambda t: t.plain(BODY[:9], "many"),
    "broken off": lambda t: t.plain(BODY[:5000], len(BODY)),
    "broken chunk": lambda t: t.send(chunked(BODY[:5000]), b"fff\r\nx"),
    "no last chunk": lambda t: t.send(chunked(BODY[:5000])),
    "chunk of no size": lambda t: t.send(chunked(BODY[:5000]), b"zz\r\n", BODY[5000:]),
    "chunk below zero": lambda t: t.send(chunked(BODY[:5000]), b"-5\r\nxxxxx\r\n"),
    "endless chunk line": lambda t: (t.send(chunked(BODY)), t.forever(b"0" * 4096)),
    "endless trailer": lambda t: (
        t.send(chunked(BODY[:-1]), b"0\r\n"),
        t.forever(b"a: b\r\n" * 512),
    ),
    "gzip": lambda t: t.plain(gzip.compress(BODY), more=GZIPPED),
    "gzip bomb": lambda t: t.plain(BOMB, more=GZIPPED),
    "right length, said to be gzip": lambda t: t.plain(BODY, more=GZIPPED),
    "dripping head": lambda t: t.drip(OK * 9),
    "dripping body": lambda t: (t.plain(b"", len(BODY)), t.drip(BODY)),
    "silence": lambda t: t.wait(),
    "silence in the middle": lambda t: (t.plain(BODY[:9], len(BODY)), t.wait()),
    "closed at once": lambda t: None,
    "closed in the head": lambda t: t.send(b"HTTP/1.1 200 OK\r\nContent-"),
    "no HTTP": lambda t: t.send(b"SSH-2.0-OpenSSH_9\r\n" * 9),
    "no head": lambda t: t.send(BODY),
    "many headers": lambda t: t.send(OK, b"x: y\r\n" * 5000, b"\r\n", BODY),
    "long header": lambda t: t.send(OK, b"x: ", b"y" * (1 << 20), b"\r\n\r\n", BODY),
    "endless continue": lambda t: t.forever(b"HTTP/1.1 100 Continue\r\n\r\n" * 99),
    "204": lambda t: t.send(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "206": lambda t: t.plain(BODY, head=b"HTTP/1.1 206 Partial Content\r\n"),
    "401": lambda t: t.plain(BODY, head=b"HTTP/1.1 401 Unauthorized\r\n"),
    "404": lambda t: t.plain(BODY, head=b"HTTP/1.1 404 Not Found\r\n"),
    "500": lambda t: t.plain(BODY, head=b"HTTP/1.1 500 Oops\r\n"),
    "to http": lambda t: t.send(moved("http://127.0.0.1/x")),
    "to file": lambda t: t.send(moved("file:///etc/hostname")),
    "to ftp": lambda t: t.send(moved("ftp://127.0.0.1/x")),
    "to data": lambda t: t.send(moved("data:,x")),
    "to a private network": lambda t: t.send(moved("https://10.0.0.1/x")),
    "to a link-local address": lambda t: t.send(moved("https://169.254.169.254/latest")),
    "to another loopback": lambda t: t.send(moved("https://127.0.0.2/x")),
    "to IPv6 loopback": lambda t: t.send(moved("https://[::1]/x")),
    "to mapped IPv6": lambda t: t.send(moved("https://[::ffff:10.0.0.1]/x")),
    "to a number": lambda t: t.send(moved("https://167772161/x")),
    "to itself": lambda t: t.send(moved("/to%20itself")),
    "to nowhere": lambda t: t.send(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"),
    "to no address": lambda t: t.send(moved("https://[x/")),
    "moved, endless": lambda t: (t.send(moved("/ok", b"")), t.forever(BODY)),
}
