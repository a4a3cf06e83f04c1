"""What the codes of Word's fields say (ECMA-376, part 1, section 17.16.5); RTF has the same ones."""

from __future__ import annotations

import re

from apps.documents.parsing.symbols import symbols

LARGEST_CODE = 0xFFFF
_LINK = re.compile(
    r'^\s*HYPERLINK\s+(?P<options>(?:\\[a-z]\s+)*)(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s\\"]+))', re.IGNORECASE
)
_FORM = re.compile(r"^\s*FORM(?:TEXT|CHECKBOX|DROPDOWN)", re.IGNORECASE)
_SYMBOL = re.compile(r'^\s*SYMBOL\s+(?P<code>\d{1,5})(?:[^"]*\\f\s+"(?P<font>[^"]*)")?', re.IGNORECASE)


def target_of_field(code: str) -> str:
    """Where the field leads; "" for one that is no link, or that leads to a place in the document."""
    found = _LINK.match(code)
    return (found["quoted"] or found["bare"] or "") if found and "\\l" not in found["options"].lower() else ""


def is_form_field(code: str) -> bool:
    """Whether the field is one that people fill in."""
    return _FORM.match(code) is not None


def symbol_of_field(code: str) -> str:
    """The sign that the field shows; "" for one that shows none."""
    found = _SYMBOL.match(code)
    if found is None or int(found["code"]) > LARGEST_CODE:
        return ""
    return symbols(chr(int(found["code"])), found["font"] or "Symbol")
