"""Download one pinned file: right bytes or nothing, from public https only.

Nothing is trusted but the pinned digest: the address is checked before a connection is opened, what
comes is counted and timed on the socket (below HTTP, so that headers and trailers count as well),
and the file appears under its name when it is whole, synced and right.
"""

from __future__ import annotations

import functools
import glob
import hashlib
import http.client
import ipaddress
import os
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from locale_tune.errors import SourceMissing
from locale_tune.files import disk_errors

CHUNK = 1 << 16
NO_SIZE_CAP = 4 << 30
OVERHEAD = 1 << 20  # headers, chunk lengths and redirects around a body
OLD = 24 * 3600  # seconds
NAT64 = ipaddress.ip_network("64:ff9b::/96")
CHANGED = "the text changed: pin the new one after reading it"


def public(address: str) -> bool:
    """Tell whether an IP address, or the IPv4 address wrapped in it, is one of the open network."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo or (None, None))[1]
        if found in NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return public(str(inner))
    return found.is_global and not found.is_multicast


@dataclass(frozen=True)
class Rules:
    """Whom to believe and how long to wait; tests put in their own authority and less patience.

    `stall` seconds without a byte, or after `grace` seconds fewer than `slowest` bytes a second,
    end a download; `seconds` end it in any case.
    """

    admits: Callable[[str], bool] = public
    context: Callable[[], ssl.SSLContext] = ssl.create_default_context
    stall: float = 30
    grace: float = 30
    slowest: float = 2_000
    seconds: float = 6 * 3600


PUBLIC = Rules()


class Meter:
    """Counts and times what arrives for one download, over all its connections."""

    def __init__(self, name: str, rules: Rules, most: int) -> None:
        self.name, self.rules, self.most = name, rules, most
        self.started, self.received = time.monotonic(), 0

    def patience(self) -> float:
        """Return how long to wait for the next byte. Raise SourceMissing when it is over."""
        rules, spent = self.rules, time.monotonic() - self.started
        if spent >= rules.seconds:
            raise SourceMissing(f"{self.name} took longer than {rules.seconds:,.0f} seconds")
        if spent > rules.grace and self.received < rules.slowest * spent:
            least = f"{rules.slowest:,.0f} bytes a second"
            raise SourceMissing(f"{self.name} comes slower than {least}")
        return min(rules.stall, rules.seconds - spent)

    def count(self, size: int) -> None:
        """Count bytes that came. Raise SourceMissing when they are too many for the file."""
        self.received += size
        if self.received > self.most:
            raise SourceMissing(f"{self.name} sent more than {self.most:,} bytes")


class _Metered(ssl.SSLSocket):
    """A TLS socket whose every read is counted and timed."""

    meter: Meter

    def recv_into(self, *args: Any, **named: Any) -> int:
        self.settimeout(self.meter.patience())
        size = super().recv_into(*args, **named)
        self.meter.count(size)
        return size


class _Connection(http.client.HTTPSConnection):
    """Connects only to an admitted address; with a proxy, it is the proxy that connects."""

    def __init__(self, host: str, *, meter: Meter, **named: Any) -> None:
        super().__init__(host, **named)
        self._meter = meter

    def connect(self) -> None:
        through_proxy = getattr(self, "_tunnel_host", None)
        if through_proxy:
            http.client.HTTPConnection.connect(self)
        else:
            self.sock = self._dial()
        context = self._meter.rules.context()
        context.sslsocket_class = _Metered
        try:
            safe = context.wrap_socket(self.sock, server_hostname=through_proxy or self.host)
        except BaseException:
            self.sock.close()
            raise
        assert isinstance(safe, _Metered)
        safe.meter = self._meter
        self.sock = safe

    def _dial(self) -> socket.socket:
        """Connect to the first address that answers; one that is not admitted refuses the host."""
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        for *_, address in found:
            if not self._meter.rules.admits(str(address[0])):
                raise SourceMissing(f"{self.host} is at {address[0]}, a private address")
        failure: OSError = OSError(f"{self.host} has no address")
        for family, kind, protocol, _, address in found:
            patience = self._meter.patience()
            plain = socket.socket(family, kind, protocol)
            try:
                plain.settimeout(patience)
                plain.connect(address)
                return plain
            except OSError as error:
                plain.close()
                failure = error
        raise failure


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self._meter = meter
        self.answers = ExitStack()  # urllib forgets one whose redirect it cannot read

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        answer = self.do_open(functools.partial(_Connection, meter=self._meter), req)
        self.answers.callback(answer.close)
        return answer


class _SameScheme(urllib.request.HTTPRedirectHandler):
    """Follow a redirect only from https to https."""

    def redirect_request(
        self, req: Any, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        fp.close()  # urllib would read this answer's body to its end, and it may have none
        if urlsplit(newurl).scheme != "https":
            raise SourceMissing(f"{req.full_url} redirects to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(
    url: str, path: Path, size: int | None, sha256: str = "", rules: Rules = PUBLIC
) -> None:
    """Stream `url` into the new file `path`: `size` bytes of this digest, where they are known.

    Raises SourceMissing on anything unusual; then there is no file.
    """
    cap = NO_SIZE_CAP if size is None else size
    with closing(_arriving(url, cap, rules)) as chunks:
        write_whole(path, chunks, size, sha256, url)


def write_whole(
    path: Path, chunks: Iterable[bytes], size: int | None, sha256: str, name: str
) -> None:
    """Write chunks aside, sync them, and rename: the pinned bytes or no file at all.

    Raises SourceMissing, which calls the content `name`, when size or digest are others, and
    DiskError when the disk refuses. Nothing beyond the pinned size is written.
    """
    cap = NO_SIZE_CAP if size is None else size
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    _sweep(path)
    digest, got = hashlib.sha256(), 0
    try:
        with disk_errors(path), part.open("wb") as file:
            for chunk in chunks:
                got += len(chunk)
                if got > cap:
                    raise SourceMissing(f"{name} is longer than the pinned {cap} bytes", CHANGED)
                digest.update(chunk)
                file.write(chunk)
            if size is not None and got != size:
                raise SourceMissing(f"{name} has {got} bytes, not the pinned {size}", CHANGED)
            if sha256 and digest.hexdigest() != sha256:
                said = f"{name} now has sha256 {digest.hexdigest()}, not the pinned one"
                raise SourceMissing(said, CHANGED)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Remove what a killed process left of this file; a part that still grows is younger."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with suppress(FileNotFoundError):  # another process swept it
            if time.time() - left.stat().st_mtime > OLD:
                left.unlink()


def _arriving(url: str, cap: int, rules: Rules) -> Generator[bytes]:
    """Yield the body of an answer. Raise SourceMissing when it is not a whole, plain 200."""
    if urlsplit(url).scheme != "https":
        raise SourceMissing(f"{url} is not https", "pin an address that begins with https://")
    opener = urllib.request.OpenerDirector()  # build_opener would add file:, ftp: and data:
    https = _Https(Meter(url, rules, 2 * cap + OVERHEAD))
    for handler in (
        urllib.request.ProxyHandler(),
        https,
        _SameScheme(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    try:
        with https.answers:
            answer = opener.open(url, timeout=rules.stall)
            length = _length(answer, url, cap)
            got = 0
            while chunk := answer.read(CHUNK):
                got += len(chunk)
                yield chunk
            if length is not None and got != length:
                raise SourceMissing(f"{url} broke off after {got} of {length} bytes")
    except urllib.error.HTTPError as error:
        raise SourceMissing(f"{url} answers: {error.code} {_reason(error)}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise SourceMissing(f"{url} cannot be reached: {_reason(error)}") from error


def _length(answer: Any, url: str, cap: int) -> int | None:
    """Return the announced length. Raise SourceMissing for what cannot be the pinned bytes."""
    if answer.status != 200:
        raise SourceMissing(f"{url} answers with status {answer.status}, not 200")
    coding = answer.headers.get("Content-Encoding", "identity")
    if coding.casefold() != "identity":
        raise SourceMissing(f"{url} comes compressed ({coding}), which was not asked for")
    if answer.length is not None and answer.length > cap:
        raise SourceMissing(f"{url} is longer than the pinned {cap} bytes", CHANGED)
    length: int | None = answer.length
    return length


def _reason(error: BaseException) -> str:
    """Say why in one line; an error of urllib hides the true one."""
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    text = str(inner) or type(inner).__name__
    return " ".join(text.split())[:300]
