"""Runs of text as plain characters: raised and lowered ones, readings beside words, addresses behind links.

One form for all kinds of file: "10⁶" is not "106", the words of a sentence stay whole, and what belongs to a word stands
in parentheses behind it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import groupby

LONGEST_TARGET = 500
_SIGNS_BESIDE = "0123456789+-−=()"
_RAISED = dict(
    zip(_SIGNS_BESIDE + "abcdefghijklmnoprstuvwxyz", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ", strict=True)
)
_LOWERED = dict(zip(_SIGNS_BESIDE + "aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
# Marks of several notes on one word: "1,2", "3–5".
_NOTE_MARKS = re.compile(r"[0-9]{1,3}(?:\s*[,;–-]\s*[0-9]{1,3})+", re.ASCII)
# What is told from the word before it as it is: signs ("*", "®"), marks in brackets, characters raised by themselves.
_SIGNS = re.compile(r"\[[^\[\]]*\]|[^\w\s(+\-−=]+|[¹²³⁰ⁱ⁴-ⁿªº]+")
_LETTERS = re.compile(r"[a-z]")
_WORD = re.compile(r"[a-z]{2}")
_ENDING = re.compile(r"(?:st|nd|rd|th|er|ère|re|ème|e|me|mes|lle|le|o|os)\.?", re.IGNORECASE)
# What such an ending stands on: a number, a Roman one, or the letter of "Mme", "Dr", "No".
_BEFORE_ENDING = re.compile(r"(?:[0-9]\.?|\b[IVXLCDM]+|\b[MDNn])\Z")
_MARKS = {"TM": "™", "SM": "℠", "R": "®"}
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
# Nothing that a reader could go to.
_NO_ADDRESS = frozenset({"javascript", "data", "about", "cid", "mid", "blob", "vbscript", "ppaction"})
_BARE = re.compile(r"\A(?:[a-z]+://)?(?:www\.)?|/\Z", re.IGNORECASE)


class Script(Enum):
    """Where characters stand on their line."""

    LEVEL = "level"
    RAISED = "raised"
    LOWERED = "lowered"


@dataclass(frozen=True, slots=True)
class Run:
    """Characters of one kind; `reading` is the ruby beside them, `target` the address of the link they are part of."""

    text: str
    script: Script = Script.LEVEL
    reading: str = ""
    target: str = ""


def written(runs: Iterable[Run]) -> str:
    """The runs as one text; neighbours of one kind are taken together, whatever they were cut into."""
    runs = list(runs)
    if not any(run.target or run.reading or run.script is not Script.LEVEL for run in runs):
        return "".join([run.text for run in runs])
    text = ""
    for target, linked in groupby(runs, key=lambda run: run.target):
        label = _label(linked, after=text)
        text += with_target(label, target)
    return text


def raised(text: str, *, after: str | None = None) -> str:
    """Superscript in plain characters: "⁶" where Unicode has it, else "^(max)"; `after` is the text before it, if known.

    Endings of ordinals and titles ("1st", "2e", "Mme") are no exponents and stay as they are; so do signs ("*", "[1]"),
    and words that stand apart.
    """
    return _between_spaces(text, lambda inner: _raised(inner, after=after))


def lowered(text: str, *, after: str | None = None) -> str:
    """Subscript in plain characters: "₂" where Unicode has it, else "_(max)"; words that stand apart stay as they are."""
    return _between_spaces(text, lambda inner: _lowered(inner, after=after))


def with_reading(base: str, reading: str) -> str:
    """Words whole, and how they are read (ruby) in parentheses."""
    return f"{base}({reading.strip()})" if base.strip() and reading.strip() else base or reading


def with_target(label: str, target: str) -> str:
    """A link's words and, in parentheses, where it leads; without that where the words say it, or it leads nowhere."""
    address = _address(target)
    words = " ".join(label.split())
    if not address or not words or _BARE.sub("", address).casefold() in words.casefold():
        return label
    return _between_spaces(label, lambda inner: f"{inner} ({address})")


def _label(runs: Iterable[Run], *, after: str) -> str:
    label = ""
    for (script, has_reading), alike in groupby(runs, key=lambda run: (run.script, bool(run.reading))):
        same = list(alike)
        text = "".join(run.text for run in same)
        if has_reading:
            text = with_reading(text, "".join(run.reading for run in same))
        label += _in_script(text, script, after=after + label)
    return label


def _in_script(text: str, script: Script, *, after: str) -> str:
    match script:
        case Script.RAISED:
            return raised(text, after=after)
        case Script.LOWERED:
            return lowered(text, after=after)
        case Script.LEVEL:
            return text


def _between_spaces(text: str, convert: Callable[[str], str]) -> str:
    inner = text.strip()
    if not inner:
        return text
    start = text.index(inner)
    return f"{text[:start]}{convert(inner)}{text[start + len(inner) :]}"


def _raised(text: str, *, after: str | None) -> str:
    before = after or ""
    if text in _MARKS and before[-1:].isalnum():
        return _MARKS[text]
    if _has_all(text, _RAISED, before) or (_NOTE_MARKS.fullmatch(text) and not before[-1:].isdigit()):
        return "".join(_RAISED.get(character, character) for character in text)
    is_ending = _ENDING.fullmatch(text) is not None and _BEFORE_ENDING.search(before[-8:]) is not None
    return text if is_ending or _is_apart(after) or _SIGNS.fullmatch(text) else f"^({text})"


def _lowered(text: str, *, after: str | None) -> str:
    if _has_all(text, _LOWERED, after or ""):
        return "".join(map(_LOWERED.__getitem__, text))
    return text if _is_apart(after) else f"_({text})"


def _has_all(text: str, signs: Mapping[str, str], before: str) -> bool:
    """Whether all of the text has signs: figures always, single letters behind a figure or a letter, but not a word."""
    if not all(character in signs for character in text):
        return False
    is_behind_word = len(before) > 1 and before[-2:].isalpha()
    return not _LETTERS.search(text) or not (is_behind_word or _is_apart(before) or _WORD.search(text))


def _is_apart(before: str | None) -> bool:
    return before is not None and (not before or before[-1].isspace())


def _address(target: str) -> str:
    """Where the link leads, as a reader would type it; "" for a place within the document and for no address at all."""
    address = target.strip().replace(" ", "%20")
    scheme = _SCHEME.match(address)
    if scheme is not None and scheme[1].casefold() in _NO_ADDRESS:
        return ""
    if scheme is not None and scheme[1].casefold() in {"mailto", "tel"}:
        return address[scheme.end() :].partition("?")[0]
    if len(address) > LONGEST_TARGET:
        address = address.partition("?")[0]
    return "" if address.startswith("#") or len(address) > LONGEST_TARGET else address
