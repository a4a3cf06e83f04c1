"""The characters that a parsed text may have. Pure, and without a library: the web process uses it, too."""

from __future__ import annotations

import re

_LINE_ENDS = re.compile(r"\r\n?|[\f\v\x85\u2028\u2029]")
_SPACES = re.compile(r"[\xa0\u2007\u202f]")
# Controls, lone surrogates, and characters that show nothing: the soft hyphen, zero-width spaces, the byte order mark
# and U+FFFE, which stands for a hyphen at the end of a line in text taken from a PDF. The zero-width joiners
# (U+200C, U+200D) stay: words of Persian and of several Indian languages are spelled with them.
_DROPPED = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u200b\u2060\ufeff\ufffe\uffff\ud800-\udfff]")
# What a terminal takes as orders, whole (ECMA-48): strings such as titles and links' addresses up to their end (OSC, DCS,
# SOS, PM, APC), control sequences (CSI), sequences such as those that choose a character set, and single ones; each also
# in its 8-bit form.
_TERMINAL_CODES = re.compile(
    r"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|\x1b[ -/]+[0-~]"
    r"|\x1b[0-~]"
)


def without_terminal_codes(text: str) -> str:
    """The text without codes for a terminal; the words of its links stay."""
    has_codes = "\x1b" in text or "\x9b" in text or "\x9d" in text or "\x90" in text
    return _TERMINAL_CODES.sub("", text) if has_codes else text


def clean(text: str) -> str:
    """The text with newline characters only, plain spaces, no codes for a terminal and no character that shows nothing.

    Letters are left as they are: there is no Unicode normalisation.
    """
    if text.isprintable():
        # None of what is taken out can be printed, line ends included.
        return text
    return _DROPPED.sub("", _SPACES.sub(" ", _LINE_ENDS.sub("\n", without_terminal_codes(text))))
