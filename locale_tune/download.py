"""Download one pinned file: right bytes or nothing."""

from __future__ import annotations

import http.client
import ipaddress
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from locale_tune.errors import SourceMissing

CHUNK = 1 << 16
TIMEOUT = 30
NO_SIZE_CAP = 4 << 30


class _SameScheme(urllib.request.HTTPRedirectHandler):
    """Follow a redirect only from https to https."""

    def redirect_request(
        self, req: Any, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).scheme != "https":
            raise SourceMissing(f"{req.full_url} redirects to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _PublicConnection(http.client.HTTPSConnection):
    """Refuse an address inside a private network: a pinned public text is not there."""

    def connect(self) -> None:
        super().connect()
        address = ipaddress.ip_address(self.sock.getpeername()[0])
        through_proxy = bool(getattr(self, "_tunnel_host", None))
        if not through_proxy and not address.is_global:
            self.close()
            raise SourceMissing(f"{self.host} is at {address}, a private address")


class _PublicHandler(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        context = ssl.create_default_context()
        return self.do_open(_PublicConnection, req, context=context)


def download(url: str, path: Path, size: int | None) -> None:
    """Stream `url` into `path`, at most `size` bytes. Raise SourceMissing on anything unusual."""
    cap = size or NO_SIZE_CAP
    opener = urllib.request.build_opener(_SameScheme, _PublicHandler)
    try:
        with opener.open(url, timeout=TIMEOUT) as answer, path.open("wb") as file:
            got = 0
            while chunk := answer.read(CHUNK):
                got += len(chunk)
                if got > cap:
                    raise SourceMissing(f"{url} is longer than the pinned {cap} bytes")
                file.write(chunk)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError) as error:
        raise SourceMissing(f"{url} cannot be reached: {error}") from error
    if size is not None and got != size:
        raise SourceMissing(f"{url} has {got} bytes, not the pinned {size}")
