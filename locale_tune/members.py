"""Take one file out of a package as a stream, by name, without unpacking anything by its own path.

Packages come from registries and may be hostile: what they unpack to is limited, and a member must
be a plain file.
"""

from __future__ import annotations

import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from locale_tune.errors import SourceMissing

CHUNK = 1 << 16
MOST_UNPACKED = 4 << 30
MOST_AT_ONCE = 16 << 20  # a header that claims more is a lie: memory would go for it
BROKEN = (
    EOFError,
    RuntimeError,  # encrypted, or packed in a way that Python cannot read
    UnicodeError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)


class Damaged(Exception):
    """A package cannot be read."""


def of_tar(package: Path, member: str) -> Iterator[bytes]:
    """Yield the bytes of one plain file of a .tgz, read once from front to back.

    Raises SourceMissing when it is not there, and Damaged when the package cannot be read.
    """
    try:
        with gzip.open(package) as unpacked:
            limited: Any = _Limited(unpacked)
            with tarfile.open(fileobj=limited, mode="r:") as tar:
                info = next((info for info in tar if info.name == member), None)
                if info:
                    yield from _plain(tar.extractfile(info) if info.isreg() else None, member)
                    return
    except BROKEN as error:
        raise Damaged(_said(error)) from error
    inside = member.removeprefix("package/")  # npm's own first folder, which no address names
    raise SourceMissing(f"{package.name} holds no {inside}", "check the path")


def of_zip(package: Path, member: str) -> Iterator[bytes]:
    """Yield the bytes of one file of a wheel. Raises as `of_tar` does."""
    try:
        with zipfile.ZipFile(package) as wheel:
            if member not in wheel.namelist() or member.endswith("/"):
                raise SourceMissing(f"{package.name} holds no {member}", "check the path")
            with wheel.open(member) as file:
                yield from _plain(file, member)
    except BROKEN as error:
        raise Damaged(_said(error)) from error


def _plain(file: IO[bytes] | None, member: str) -> Iterator[bytes]:
    if file is None:
        raise SourceMissing(f"{member} is no plain file", "check the path")
    while chunk := file.read(CHUNK):
        yield chunk


class _Limited:
    """What a .tgz unpacks to, up to a limit; tarfile goes through it from front to back."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes. Raise TarError when they are too many."""
        if size > MOST_AT_ONCE:
            raise tarfile.TarError("a header of it claims to be far longer than any is")
        self._within(self.tell() + size)
        return self._file.read(size)

    def tell(self) -> int:
        """Return the position in what the package unpacks to."""
        return self._file.tell()

    def seek(self, position: int) -> int:
        """Go on to a position. Raise TarError when it is too far."""
        self._within(position)
        return self._file.seek(position)

    def _within(self, position: int) -> None:
        if position > MOST_UNPACKED:
            raise tarfile.TarError("it unpacks to far more than a text")


def _said(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
