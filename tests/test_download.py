"""Downloads: right bytes or nothing, from public https only."""

from __future__ import annotations

import http.server
import threading
import urllib.request

import pytest

from locale_tune import download as module
from locale_tune.download import download
from locale_tune.errors import SourceMissing


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "http://elsewhere.example/x")
            self.end_headers()
            return
        self.send_response(200 if self.path == "/text" else 404)
        self.end_headers()
        self.wfile.write(b"x" * 100)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    """Serve plain http on loopback, with the https handler left out."""
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setattr(module, "_PublicHandler", urllib.request.HTTPHandler)
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def test_the_right_size_is_kept(server, tmp_path):
    download(f"{server}/text", tmp_path / "x", 100)
    assert (tmp_path / "x").read_bytes() == b"x" * 100


@pytest.mark.parametrize(("size", "why"), [(99, "longer than the pinned"), (101, "has 100 bytes")])
def test_another_size_is_refused(server, tmp_path, size, why):
    with pytest.raises(SourceMissing, match=why):
        download(f"{server}/text", tmp_path / "x", size)


def test_a_missing_page_is_a_sentence(server, tmp_path):
    with pytest.raises(SourceMissing, match="cannot be reached"):
        download(f"{server}/absent", tmp_path / "x", 100)


def test_a_redirect_to_another_scheme_is_refused(server, tmp_path):
    with pytest.raises(SourceMissing, match="not https"):
        download(f"{server}/redirect", tmp_path / "x", 100)


def test_a_private_address_is_refused(monkeypatch):
    class Socket:
        def getpeername(self):
            return ("10.1.2.3", 443)

        def close(self):
            pass

    def connect(self):
        self.sock = Socket()

    monkeypatch.setattr(module.http.client.HTTPSConnection, "connect", connect)
    with pytest.raises(SourceMissing, match=r"10\.1\.2\.3, a private address"):
        module._PublicConnection("host.example").connect()
