"""Where sentences begin and end, for cutting documents and for what of a passage can be quoted (ADR 61).

Pure, and without a library, so that the web process can import it. First, lines that stand alone part the text: blank lines,
entries of lists, rows of tables, headings, commands at a prompt, blocks of code. Between them every mark that may end a
sentence is looked at: what stands before it, and what after.

A sentence that was wrongly parted is worse than two that were not: half of one may say the opposite of the whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from apps.documents.languages import STOP_WORDS
from apps.documents.parsing.types import Span
from apps.documents.sentences.abbreviations import (
    ABBREVIATIONS,
    AFTER_HOURS,
    MONTHS,
    STARTERS,
    VERBS_OF_ONE_SYLLABLE,
    Kind,
)
from apps.documents.sentences.lines import alone
from apps.documents.sentences.thai import PHRASE_GAP, ends_at_gap

FULL_STOPS = "\u3002\uff01\uff1f\uff61"
"""Ideographic full stop, full-width exclamation and question mark, half-width full stop: no space follows them."""

OTHER_STOPS = "।॥။።፨፧៕។᠃᠉꘎꘏᙮߹᥄᥅᪨᪩᱾᱿꓿꛳꛷꡶꡷꣎꣏꤯꧈꧉꩝꩞꩟꫰꫱꯫᭚᭛᭞᭟܀܁܂"
"""Full stops of the scripts of India, Burma, Ethiopia, Cambodia, Mongolia, Syria and others."""

SPACED_STOPS = "۔؟։؞՜༎།"
"""Full and question marks that may stand within a number or a word: these end a sentence before white space."""

LATIN_STOPS = ".!?…‼⁇⁈⁉"
STOPS = LATIN_STOPS + FULL_STOPS + OTHER_STOPS + SPACED_STOPS

_CLOSING = "\"'”’»›“«)\\]}」』）】》〉｣＂＇*_"
_CLOSING_WIDE = _CLOSING.replace("“", "")
_WIDE = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_CANDIDATE = re.compile(
    rf"(?P<hard>[{FULL_STOPS}{OTHER_STOPS}]+|፡፡|[།](?:[ ]?[།༎])+)(?:\s?[{OTHER_STOPS}])*(?P<closed>[{_CLOSING_WIDE}]*)(?P<wide>)"
    rf"|(?P<soft>[{LATIN_STOPS}{SPACED_STOPS}]+)"
    rf"(?P<close>[{_CLOSING}]*(?:\[\d[\d,;–\- ]*\]|[¹²³⁰⁴-⁹]+)*(?:[ \u00a0\u202f]?»)?)(?=\s|\Z|(?<=[!?])[{_WIDE}])"
    r"|(?P<greek>(?<=[\u0370-\u03ff\u1f00-\u1fff])[;\u037e](?=\s)|(?<=[\u0561-\u0587]):(?=\s+[\u0531-\u0556]))"
)
_CANDIDATE_OR_GAP = re.compile(f"{_CANDIDATE.pattern}|{PHRASE_GAP}")
_GAPS = re.compile("[\u0e01-\u0edf]")
_NEXT = re.compile(
    r"\s*(?P<dash>[—–―-]\s+)?(?P<open>[\"'“‘„‚«»‹›(\[{¿¡「『（【《*_`]*)"
    r"(?P<word>(?P<number>[+\-−$€£¥₹§№#%]?\s?\d[\d.,:/]*)?[^\s\"'”’»)\]},;:.!?…]*\.?)"
)
_SPACED = re.compile(r"(?:(?<!\w)\w{1,3}\.[ \u00a0\u202f]?){1,3}$")
_ACRONYM = re.compile(r"(?:[^\W\d_]{1,3}[.\-]{1,2})*[^\W\d_][.\-]{1,2}(?:[^\W\d_]{1,3}[.\-]{1,2})*[^\W\d_]{1,5}"
                      r"|(?:[^\W\d_]{1,3}[.\-]{1,2})+[^\W\d_]")  # fmt: skip
_MARKER = re.compile(r"[(\[]?(?:\d{1,3}(?:\.\d{1,2})*|[^\W\d_]|[ivxlcIVXLC]{1,6})")
_ROMAN = re.compile(r"(?=.)M{0,3}(?:C[MD]|D?C{0,3})(?:X[CL]|L?X{0,3})(?:I[XV]|V?I{0,3})")
_DATE = re.compile(r"\d{1,2}\.(?!\d)|(?:19|20)\d\d(?!\d)")
_DATE_BEFORE = re.compile(r"(?<!\d)\d{1,2}\.\s?\d{1,2}$")
_VOWEL = re.compile(r"[aeiouyàáâãäåæèéêëìíîïòóôõöøùúûüýœąęőűıăâîů]", re.IGNORECASE)
_PLAIN_LATIN = re.compile(r"[A-Za-z][a-z]{1,4}")
_UNIT = re.compile(
    r"(?:[kcmdµn]?m|[kmµ]?g|[mcdhk]?l|km/h|[kMGT]?[WBV]|[kMG]?Hz|[kM]?Wh|ppm|rpm|hrs?|yds?|lbs?|ft|kn|bps)"
)
_GOES_ON_CJK = re.compile(
    r"[，、,;；：）)]|(?:と|って|という|の|を|が|は|に|も|で|など|라|하고)"
    r"|[他她它我你您]们?[^，。！？\n]{0,4}?(?:说|道|问|喊|叫|答|笑|說|問)"
)
_REPORTED = re.compile(r"(?:\S+\s+){1,3}(?:पूछा|कहा|बोला|बोली|लिखा|کہا|پوچھا)")
_CODE = re.compile(r"`[^`\n]+`")
_APART, _JOINED = re.compile(r"[^\W_)] [.](?=\s|\Z)"), re.compile(r"[^\W_][.](?=\s|\Z)")
_BEFORE = 48
_AROUND = 400
_ORDINALS = ("german", "danish", "norwegian", "finnish", "polish", "turkish")
_WORDS = re.compile(r"[^\W\d_]+")


def sentence_spans(text: str, start: int = 0, end: int | None = None) -> list[Span]:
    """The sentences between `start` and `end`, in order, without the white space around them.

    Nothing but white space lies between them. Lines that stand alone are sentences, too.
    """
    return list(_spans(text, start, len(text) if end is None else end))


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order, each with the white space after it: together they are the text."""
    starts = [start for start, _ in sentence_spans(text)][1:]
    return [text[start:end] for start, end in pairwise([0, *starts, len(text)])] if text else []


def _spans(text: str, start: int, end: int) -> Iterator[Span]:
    for first, last, verbatim in alone(text, start, end):
        begin = first
        for stop in () if verbatim else _Block(text, first, last).ends():
            yield from _trimmed(text, begin, stop)
            begin = stop
        yield from _trimmed(text, begin, last)


def _trimmed(text: str, start: int, end: int) -> Iterator[Span]:
    part = text[start:end]
    if stripped := part.strip():
        begin = start + part.index(stripped[0])
        yield begin, begin + len(stripped)


@dataclass(frozen=True, slots=True)
class _Next:
    """What follows a mark: whether a number, the word as it is, and where it begins."""

    word: str
    number: bool
    dash: bool
    at: int

    @property
    def folded(self) -> str:
        return self.word.rstrip(".").casefold().partition("'")[0].partition("’")[0]

    @property
    def is_lower(self) -> bool:
        """In an alphabet with capitals, and unlike "iPhone"."""
        first = self.word[:1]
        return (
            first.islower()
            and first.upper() != first
            and not _is_georgian(first)
            and not any(map(str.isupper, self.word[1:3]))
        )

    @property
    def is_letter(self) -> bool:
        return self.word[:1].isalpha()

    @property
    def begins(self) -> bool:
        """Whether it is a word that sentences begin with; "J." and "No. 5" are none."""
        if self.word[-1] == "." and (len(self.word) == 2 or self.folded in ABBREVIATIONS):
            return False
        return self.folded in STARTERS and not self.is_lower


def _is_georgian(sign: str) -> bool:
    return "\u10d0" <= sign <= "\u10ff"


class _Spans:
    """Spans in order, asked about places in order."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._spans = iter(spans)
        self._now = next(self._spans, None)

    def hold(self, at: int) -> bool:
        """Whether one of them goes on before and after a place."""
        while self._now is not None and self._now[1] <= at:
            self._now = next(self._spans, None)
        return self._now is not None and self._now[0] < at


class _Block:
    """Prose between two lines that stand alone."""

    def __init__(self, text: str, start: int, end: int) -> None:
        self._text, self._start, self._end = text, start, end
        self._begin = start
        self._capitals: bool | None = None
        self._spaced: bool | None = None

    def ends(self) -> Iterator[int]:
        """The character after each sentence but the last."""
        pattern = _CANDIDATE_OR_GAP if _GAPS.search(self._text, self._start, self._end) else _CANDIDATE
        code = _Spans(self._code())
        for found in pattern.finditer(self._text, self._start, self._end):
            if found.end() < self._end and not code.hold(found.start()) and self._is_end(found):
                self._begin = found.end()
                yield found.end()

    def _code(self) -> Iterator[Span]:
        """What stands between two grave accents."""
        return (found.span() for found in _CODE.finditer(self._text, self._start, self._end))

    def _is_end(self, found: re.Match[str]) -> bool:
        match found.lastgroup:
            case "wide":
                return self._ends_wide(found)
            case "greek":
                return True
            case "close":
                return self._ends_soft(found)
            case _:
                return ends_at_gap(self._text, self._begin, found, self._end)

    def _ends_wide(self, found: re.Match[str]) -> bool:
        """After an ideographic full stop and its kin: unless the sentence around a quotation goes on."""
        text, at = self._text, found.end()
        if found["closed"]:
            goes_on = _GOES_ON_CJK.match(text, at, self._end) or _REPORTED.match(text, at + 1, self._end)
            return not goes_on
        return text[at] not in "のを、，" and not text.startswith("ល។", at)

    def _ends_soft(self, found: re.Match[str]) -> bool:
        text, at, soft = self._text, found.start(), found["soft"]
        before = text[at - 1] if at > self._begin else " "
        if before.isspace() and soft[0] in ".…":
            return soft == "." and self._ends_spaced(found)
        if before in "([":
            return False
        following = self._next(found.end())
        if following is None:
            return True
        if not (following.is_letter or following.number):
            return self._ends_before_sign(following)
        if following.is_lower and (soft[0] not in SPACED_STOPS and self._has_capitals()):
            return False
        if soft == ".":
            return bool(found["close"]) or self._ends_point(at, following)
        if soft[0] in ".…":
            return not following.number
        if soft[-1] in "!?" and found["close"] and _REPORTED.match(text, following.at, self._end):
            return False
        return not text.endswith("Yahoo", self._begin, at)

    def _ends_spaced(self, found: re.Match[str]) -> bool:
        """A full stop between spaces is one in texts whose words and marks were parted, and a folder or a gap in others."""
        following = self._next(found.end())
        return self._spaces_points() and following is not None and (following.is_letter or following.number)

    def _spaces_points(self) -> bool:
        """Whether more full stops stand apart from the word before them than not."""
        if self._spaced is None:
            apart, joined = (len(point.findall(self._text, self._start, self._end)) for point in (_APART, _JOINED))
            self._spaced = apart > joined
        return self._spaced

    def _ends_before_sign(self, following: _Next) -> bool:
        """Operators go on with a command or a formula; pictures and brackets begin something."""
        sign = self._text[following.at : following.at + 1]
        return not following.dash and sign not in "&|=<>+/\\~^,;:.!?)]}%"

    def _next(self, at: int) -> _Next | None:
        found = _NEXT.match(self._text, at, self._end)
        if found is None or (found.end() == self._end and not found["word"].strip()):
            return None
        return _Next(found["word"], bool(found["number"]), bool(found["dash"]), found.start("word"))

    def _has_capitals(self) -> bool:
        """Whether there are any: who writes without begins sentences without."""
        if self._capitals is None:
            part = self._text[self._start : self._end]
            self._capitals = part.lower() != part
        return self._capitals

    def _ends_point(self, at: int, following: _Next) -> bool:
        """Whether a single full stop ends a sentence, before a capital, a number, or a letter of a script without capitals."""
        head = self._text[max(self._begin, at - _BEFORE) : at]
        token = head.split()[-1].lstrip("\"'“‘„«»‹›([{¿¡*_`")
        if not token:
            return True
        if head.strip() == token and _MARKER.fullmatch(token):
            return False
        token = token.rpartition("'")[2].rpartition("’")[2] or token
        if token.isdecimal():
            return self._ends_number(head, token, following)
        if (kind := _kind(head, token)) is not None:
            return _ends_abbreviation(kind, following)
        if _ROMAN.fullmatch(token) and len(token) > 1:
            return following.begins or not self._counts_with_points(at)
        if _is_initial(token) or _ACRONYM.fullmatch(token):
            return following.begins
        return not _lacks_vowels(token, head) or following.begins

    def _ends_number(self, head: str, token: str, following: _Next) -> bool:
        """Dates and ordinals go on: "am 3. März", "31. 12. 2020", "im 2. Stock"."""
        if len(token) > 3:
            return True
        if following.number:
            is_date = _DATE.match(self._text, following.at, self._end)
            return not (is_date and len(token) < 3 and (following.word[-1] == "." or _DATE_BEFORE.search(head)))
        if following.folded in MONTHS:
            return False
        words = head.split()
        counted = len(words) > 1 and words[-2][-1] == "." and words[-2][:-1].casefold() in ABBREVIATIONS
        return len(token) > 2 or counted or following.begins or not self._counts_with_points(following.at)

    def _counts_with_points(self, at: int) -> bool:
        """Whether the words around are of a language that writes ordinals with a full stop."""
        low, high = max(self._start, at - _AROUND), min(self._end, at + _AROUND)
        return _writes_ordinals(self._text[low:high])


@lru_cache(maxsize=64)
def _writes_ordinals(text: str) -> bool:
    said = frozenset(word.casefold() for word in _WORDS.findall(text))
    hits = {language: len(words & said) for language, words in STOP_WORDS.items()}
    ordinals = max(hits[language] for language in _ORDINALS)
    return ordinals > max(number for language, number in hits.items() if language not in _ORDINALS)


def _kind(head: str, token: str) -> Kind | None:
    """What the word before a full stop is an abbreviation of; one that is written with spaces is looked up whole."""
    folded = token.casefold()
    before = head[: len(head) - len(token)]
    if len(token) <= 3 and (spaced := _SPACED.search(before)):
        parts = spaced[0].casefold().split()
        for first in range(len(parts)):
            if kind := ABBREVIATIONS.get("".join(parts[first:]) + folded):
                return kind
    return ABBREVIATIONS.get(folded) or _of_compound(folded)


def _of_compound(folded: str) -> Kind | None:
    """Of a word such as "Bahnhofstr" or "Art.-Nr"."""
    if folded.endswith("str") and len(folded) > 5:
        return Kind.NAMES
    last = folded.rpartition("-")[2]
    return ABBREVIATIONS.get(last) if last != folded else None


def _ends_abbreviation(kind: Kind, following: _Next) -> bool:
    match kind:
        case Kind.ALWAYS:
            return False
        case Kind.NUMBERS:
            return not (following.number or _names_a_part(following.word))
        case Kind.LISTS:
            return not following.number
        case Kind.HOURS:
            return not following.number and following.folded not in AFTER_HOURS
        case Kind.NAMES:
            return following.begins


def _names_a_part(word: str) -> bool:
    """Whether it is such as "IV", "B" or "3b"."""
    bare = word.rstrip(".")
    return (len(bare) == 1 and bare not in "AIaO") or bool(_ROMAN.fullmatch(bare) and len(bare) > 1)


def _is_initial(token: str) -> bool:
    """A letter with its marks, of any script."""
    letters = sum(sign.isalpha() for sign in token)
    return (
        letters == 1
        and token[0].isalpha()
        and len(token) <= 3
        and not token[-1].isdigit()
        and (token not in VERBS_OF_ONE_SYLLABLE and not _is_wide(token[0]))
    )


def _is_wide(sign: str) -> bool:
    return "\u2e80" <= sign <= "\uffef"


def _lacks_vowels(token: str, head: str) -> bool:
    """Short words without a vowel are abbreviations, but for the units of numbers."""
    if not _PLAIN_LATIN.fullmatch(token) or _VOWEL.search(token):
        return False
    words = head.split()
    return not (_UNIT.fullmatch(token) and len(words) > 1 and words[-2][-1].isdigit())
