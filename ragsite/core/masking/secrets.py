"""Secrets: keys of known shapes, private keys, tokens, and what stands behind a word for a password."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from ragsite.core.masking.kinds import Find, Kind

_SHAPES: dict[str, str] = {
    "rag_": r"rag_[0-9a-f]{12}\.[\w-]{43}",
    **{start: f"{start}[A-Z2-7]{{16}}" for start in ("AKIA", "ASIA", "ABIA", "ACCA")},
    **{f"gh{one}_": f"gh{one}_[A-Za-z0-9]{{36,251}}" for one in "pousr"},
    "github_pat_": "github_pat_[A-Za-z0-9_]{22,244}",
    **{start: f"{start}[A-Za-z0-9_-]{{20,64}}" for start in ("glpat-", "gldt-", "glrt-", "glft-", "glcbt-", "glptt-")},
    "xox": "xox[abeoprs]-[A-Za-z0-9-]{10,250}",
    "xapp-": "xapp-[0-9]-[A-Za-z0-9-]{20,250}",
    **{f"{one}k_": f"{one}k_(?:live|test)_[A-Za-z0-9]{{16,247}}" for one in "srp"},
    "whsec_": "whsec_[A-Za-z0-9+/=]{24,120}",
    "sk-": "sk-(?:ant-|proj-|svcacct-|or-)?[A-Za-z0-9_-]{20,250}",
    "AIza": "AIza[0-9A-Za-z_-]{35}",
    "ya29.": r"ya29\.[0-9A-Za-z_-]{20,250}",
    "npm_": "npm_[A-Za-z0-9]{36}",
    "pypi-": "pypi-AgE[A-Za-z0-9_-]{50,500}",
    "hf_": "hf_[A-Za-z0-9]{30,60}",
    "SG.": r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{30,64}",
    **{f"do{one}_v1_": f"do{one}_v1_[0-9a-f]{{64}}" for one in "opr"},
    "dckr_pat_": "dckr_pat_[A-Za-z0-9_-]{20,64}",
    "shp": "shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",
    **{start: f"{start[:3]}\\.[A-Za-z0-9_-]{{24,200}}" for start in ("hvs.", "hvb.")},
    "eyJ": r"eyJ[A-Za-z0-9_-]{8,4000}\.eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{0,2000}",
}
"""By how it begins, what a key or token of a known kind looks like."""

_SHAPED = {
    start: re.compile(f"(?<![0-9A-Za-z_-]){shape}(?![0-9A-Za-z_-])") for start, shape in _SHAPES.items()
}  # fmt: skip
_WEBHOOK = re.compile("[A-Z0-9]{8,14}/[A-Z0-9]{8,14}/[A-Za-z0-9]{16,40}")
_WEBHOOKS = "hooks.slack.com/services/"
_IN_URL = re.compile(r"://[^\s/:@'\"<>]{1,80}:([^\s/@'\"<>]{3,120})@")
_BEARER = re.compile(r"(?:bearer|basic|token)[ :]{1,3}([A-Za-z0-9._~+/-]{16,4000}={0,2})(?![0-9A-Za-z])", re.IGNORECASE)
_SAID = {
    "pass": "pass(?:word|wd|phrase|code|wort|e)?",
    "pwd": "pwd",
    "kennwort": "kennwort",
    "contrase": "contrase(?:ñ|n)a",
    "senha": "senha",
    "wachtwoord": "wachtwoord",
    "hasło": "hasło",
    "пароль": "пароль",
    "密码": "密码",
    "secret": "secret(?:[_ -]?key)?",
    "key": "(?<=(?:api|ess|unt|ate|ret)[_ -])key|(?<=api)key|(?<=(?:ess|unt|ate|ret))key",
    "token": "token",
    "credential": "credentials?",
    "pin": r"(?<![^\W_])pin\b",
}
"""By a part of it, a word for a secret; a key is one of an API, of access, of an account, or private."""

_ASSIGNED = {
    stem: re.compile(
        rf"(?:{word})[\"'`]?[ \t]{{0,4}}(=|:=|:|=>|\bis\b|\bist\b|\best\b)[ \t]{{0,4}}[\"'`]?"
        r"([^\s\"'`<>\[\](){},;]{4,400})",
        re.IGNORECASE,
    )
    for stem, word in _SAID.items()
}
_PLACEHOLDER = re.compile(
    r"[$%*.…x_-]+|.*(?:\.\.\.|…|\*\*\*)|\$\w+|%\(?\w+.*|"
    r"(?:your|my|the|change|example|none|null|true|false|env|os)\b.*",
    re.IGNORECASE,
)
_BEGIN, _END = "-----BEGIN ", "PRIVATE KEY-----"
LONGEST_PEM = 20_000
SHORTEST = 6
FEWEST_BITS, FEWEST_BITS_OF_SHORT = 2.75, 2.25
"""Of a token behind a colon or a verb: the entropy of its characters, each; words of a language have less with no digit."""


def secret_finds(text: str) -> Iterator[Find]:
    """Secrets of known shapes, and values behind words for them that are no placeholders and, but behind `=`, look random."""
    yield from _private_keys(text)
    for start, shape in _SHAPED.items():
        yield from (Find(Kind.SECRET, *match.span()) for match in _at(text, start, shape))
    for match in _at(text, _WEBHOOKS, _WEBHOOK, behind=True):
        yield Find(Kind.SECRET, *match.span())
    for match in _at(text, "://", _IN_URL):
        if not _PLACEHOLDER.fullmatch(match[1]):
            yield Find(Kind.SECRET, *match.span(1))
    folded = _folded(text)
    for word in ("bearer", "basic", "token"):
        for match in _at(text, word, _BEARER, folded=folded):
            if not _PLACEHOLDER.fullmatch(match[1]) and _looks_random(match[1]):
                yield Find(Kind.SECRET, *match.span(1))
    for stem, assigned in _ASSIGNED.items():
        for match in _at(text, stem, assigned, folded=folded):
            yield from _assigned(text, match)


def _at(
    text: str, literal: str, pattern: re.Pattern[str], *, folded: str = "", behind: bool = False
) -> Iterator[re.Match[str]]:
    """The matches that begin with a literal, or `behind` it: looked for as such, it is found many times faster."""
    searched = folded or text
    place = searched.find(literal)
    while place >= 0:
        past = place + len(literal)
        match = pattern.match(text, past if behind else place)
        if match is not None:
            yield match
            past = max(past, match.end())
        place = searched.find(literal, past)


def _folded(text: str) -> str:
    """In lower case, character by character."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(one.lower()[0] for one in text)


def _assigned(text: str, match: re.Match[str]) -> Iterator[Find]:
    value = match[2].rstrip(".!?")
    if len(value) < 4 or value.startswith("/") or _PLACEHOLDER.fullmatch(value):
        return
    # Only code writes the sign at the word, without a blank.
    is_set = match[1] in {"=", ":="} and text[match.start(1) - 1] not in " \t"
    if is_set or _looks_random(value):
        yield Find(Kind.SECRET, match.start(2), match.start(2) + len(value))


def _looks_random(value: str) -> bool:
    """Letters and digits, or letters in both cases and signs, that don't repeat much."""
    has_digit = any(one.isdigit() for one in value)
    has_letter = any(one.isalpha() for one in value)
    has_sign = any(not one.isalnum() and one not in "._-/:" for one in value)
    mixed = value != value.lower() and value[1:] != value[1:].lower()
    if len(value) < SHORTEST or not has_letter or not (has_digit or (has_sign and mixed)):
        return False
    return _bits(value) >= (FEWEST_BITS if len(value) > SHORTEST + 1 else FEWEST_BITS_OF_SHORT)


def _bits(value: str) -> float:
    """Shannon's entropy of the characters of a value, in bits for each."""
    counts = Counter(value).values()
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts)


def _private_keys(text: str) -> Iterator[Find]:
    """PEM, from the first line to the last; where the last line is missing, as far as one can be long."""
    start = text.find(_BEGIN)
    while start >= 0:
        line_end = start + 80
        head = text.find(_END, start, line_end)
        if head < 0:
            start = text.find(_BEGIN, start + len(_BEGIN))
            continue
        end = text.find("-----END ", head, start + LONGEST_PEM)
        past = text.find(_END, end, end + 80) + len(_END) if end >= 0 else -1
        if past <= len(_END):
            past = min(len(text), start + LONGEST_PEM) if end < 0 else end
        yield Find(Kind.SECRET, start, past)
        start = text.find(_BEGIN, past)
