"""Links in an answer's text lead to addresses of safe schemes only, and it loads nothing. Pure.

An answer is often shown as Markdown, and its sentences are a document's: `[x](javascript:…)` would run in the reader's page. The
quotes of its citations stay exactly as in the document; show them as text.

A picture is loaded without a click, which tells its server that and where the answer is read.

Such a link or picture is not taken out but put out of order by a blank, so that the reader sees what the document says:
CommonMark 0.31 has no blank in `](`, in `]:`, in `![` and after the `<` of an address or a tag.
"""

from __future__ import annotations

import html
import re

SCHEMES = frozenset({"http", "https", "mailto", "tel", "ftp"})

# An address is looked at for its scheme as far as entities may make that long.
_LINK = re.compile(r"(?P<before>\]|<)(?P<mark>[(:]|(?<=<))(?=(?P<address>[^)]{0,400}))", re.DOTALL)
_LOADING = re.compile(
    r"!(?=\[)|<(?=/?(?:img|image|picture|source|video|audio|track|embed|object|iframe|frame|script|style|link|base|meta|svg|form|input|"
    r"button|body|html|template|portal)\b)",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_ESCAPE = re.compile(r"\\(?=[!-/:-@\[-`{-~])")
_PASSED_OVER = re.compile(r"[\x00-\x20\x7f<>]+")


def links_safe(text: str) -> str:
    """The text, with a blank in each link to an address of another scheme than SCHEMES, and in whatever loads something."""
    text = _LOADING.sub(lambda mark: f"{mark[0]} ", text)
    return _LINK.sub(lambda link: link[0] if _is_safe(link["address"]) else f"{link['before']} {link['mark']}", text)


def _is_safe(address: str) -> bool:
    """Whether it is relative or has one of the SCHEMES, read as browsers do: without control characters, entities resolved."""
    scheme = _SCHEME.match(_PASSED_OVER.sub("", html.unescape(_ESCAPE.sub("", address))))
    return scheme is None or scheme[1].lower() in SCHEMES
