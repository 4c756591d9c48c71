"""Count dark pixels of a PNG as Chromium writes it: 8 bits, RGB or RGBA, not interlaced.

The layout and the five filters are those of the PNG specification (W3C, second edition, 9).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator


def dark_pixels(content: bytes, below: int = 128) -> int:
    """Return how many pixels have a green channel below a value."""
    width, _, depth, kind = struct.unpack(">IIBB", content[16:26])
    assert (depth, content[28]) == (8, 0)
    size = {2: 3, 6: 4}[kind]
    lines = _lines(zlib.decompress(b"".join(_chunks(content, b"IDAT"))), width * size, size)
    return sum(green < below for line in lines for green in line[1::size])


def _chunks(content: bytes, wanted: bytes) -> Iterator[bytes]:
    place = 8
    while place < len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        if content[place + 4 : place + 8] == wanted:
            yield content[place + 8 : place + 8 + length]
        place += length + 12


def _lines(data: bytes, length: int, size: int) -> Iterator[bytearray]:
    above = bytearray(length)
    for start in range(0, len(data), length + 1):
        kind, line = data[start], bytearray(data[start + 1 : start + 1 + length])
        for place in range(length if kind else 0):
            left = line[place - size] if place >= size else 0
            corner = above[place - size] if place >= size else 0
            guess = (0, left, above[place], (left + above[place]) // 2)
            add = guess[kind] if kind < 4 else _paeth(left, above[place], corner)
            line[place] = (line[place] + add) & 255
        yield line
        above = line


def _paeth(left: int, above: int, corner: int) -> int:
    target = left + above - corner
    return min((left, above, corner), key=lambda value: abs(target - value))
