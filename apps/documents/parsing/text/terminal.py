"""Text that a terminal was meant to show: without its escape codes, and with the last state of each line."""

from __future__ import annotations

import re

from apps.documents.parsing.cleaning import without_terminal_codes

# The 8-bit form of such codes as bytes. No encoding has a figure behind this byte and then one of these letters.
_CODE_BYTES = re.compile(rb"\x9b[0-9;?]+[ABCDHJKhlm]")
_REDRAWN = re.compile(r"[^\n]*\r(?!\n|\r|\Z)")


def without_code_bytes(data: bytes) -> bytes:
    """The bytes of a text without 8-bit codes, which would be taken for letters when its encoding is guessed."""
    return _CODE_BYTES.sub(b"", data) if b"\x9b" in data else data


def shown(text: str) -> str:
    """What stands on the screen in the end; the words of links stay."""
    plain = without_terminal_codes(text)
    return _overstruck(plain) if "\x08" in plain else plain


def _overstruck(text: str) -> str:
    """The characters that stand last in their places where a backspace goes back to them."""
    first, *others = text.split("\x08")
    left = list(first)
    for part in others:
        if left and left[-1] != "\n":
            left.pop()
        left.extend(part)
    return "".join(left)


def last_states(text: str) -> str:
    """Each line as it was drawn last, such as a bar of progress at its end."""
    return _REDRAWN.sub("", text)
