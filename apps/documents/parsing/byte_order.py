"""What tells the order of a text's bytes: a mark at its beginning, or where its zero bytes lie."""

from __future__ import annotations

import codecs

# The longer marks come first: UTF-32's little-endian mark begins with UTF-16's.
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

SAMPLE_BYTES = 4_096
# One zero byte in so many bytes, at the least.
LEAST_SHARE = 50


def marked_encoding(data: bytes) -> str:
    """The encoding that the mark at the head of `data` names, or ""."""
    return next((encoding for mark, encoding in BYTE_ORDER_MARKS if data.startswith(mark)), "")


def unmarked_utf16(data: bytes) -> str:
    """The encoding of UTF-16 text that has no mark, or "".

    At least a few characters in a hundred, such as spaces, have one byte that is zero, and it is always the same one.
    """
    head = data[:SAMPLE_BYTES]
    first, second = head[::2].count(0), head[1::2].count(0)
    if len(data) % 2 or (first and second) or max(first, second) * LEAST_SHARE < len(head):
        return ""
    return "utf-16-be" if first else "utf-16-le"
