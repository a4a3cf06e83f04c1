"""Finds streams in a PDF that unpack to absurd sizes, before PDFium unpacks them in memory.

Only zlib ("Flate") streams are looked at, also one inside the other: no other filter packs nearly as tightly. The
filter's name in the file is not believed, since there are many ways to write it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from itertools import chain

from apps.documents.parsing.errors import UnsafeArchiveError
from apps.documents.parsing.types import FileLimits

MOST_LAYERS = 2
SLICE_BYTES = 16 * 1024
PIECE_BYTES = 256 * 1024
DEFLATE_METHOD = 8
_STREAM = re.compile(rb"stream\r?\n")


def check_streams(data: bytes, limits: FileLimits) -> None:
    """Raises UnsafeArchiveError for a stream above both `max_unpacked_bytes` and `max_ratio` times the file's size."""
    most = max(limits.max_unpacked_bytes, limits.max_ratio * len(data))
    for keyword in _STREAM.finditer(data):
        _check_stream(_slices(data, keyword.end()), most=most)


def _check_stream(packed: Iterator[bytes], *, most: int) -> None:
    layers = [packed]
    while _is_zlib(first := next(layers[-1], b"")):
        if len(layers) > MOST_LAYERS:
            raise UnsafeArchiveError(f"A stream of the PDF is packed more than {MOST_LAYERS} times over.")
        layers.append(_unpacked(chain([first], layers[-1]), most=most))
    # The inner layers first: they pull what they need from the outer ones.
    for layer in reversed(layers[1:]):
        for _ in layer:
            pass


def _is_zlib(head: bytes) -> bool:
    """Whether `head` begins as RFC 1950 demands, section 2.2."""
    return len(head) > 1 and head[0] & 0x0F == DEFLATE_METHOD and int.from_bytes(head[:2]) % 31 == 0


def _slices(data: bytes, start: int) -> Iterator[bytes]:
    for at in range(start, len(data), SLICE_BYTES):
        yield data[at : at + SLICE_BYTES]


def _unpacked(packed: Iterator[bytes], *, most: int) -> Iterator[bytes]:
    """The stream in pieces, up to its end or to where it is damaged."""
    unpacker = zlib.decompressobj()
    size = 0
    for piece in packed:
        waiting = piece
        while waiting and not unpacker.eof:
            try:
                unpacked = unpacker.decompress(waiting, PIECE_BYTES)
            except zlib.error:
                return
            size += len(unpacked)
            if size > most:
                raise UnsafeArchiveError(f"A stream of the PDF unpacks to more than {most:,} bytes.")
            waiting = unpacker.unconsumed_tail
            yield unpacked
        if unpacker.eof:
            return
