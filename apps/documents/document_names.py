"""What a document is called: `ADOBE_2022_10K.pdf` is "Adobe 2022 10K". Pure.

`document_name` says it to people, and `called` to vectors, whose chunks begin with it. Both take the words of a file's name
(`name_words`), and where these say nothing, as in `scan_0001.pdf`, what the file tells of itself.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from urllib.parse import unquote

NAME = "What people call the document: the words of its title, or, where these say nothing, what its file tells."
"""Said of it where an API gives it."""

OFFICE = frozenset(
    {"pdf", "doc", "docx", "odt", "rtf", "ppt", "pptx", "odp", "xls", "xlsx", "ods", "epub", "eml", "ics"}
)
"""Extensions of what people write and know without them."""

PLAIN = frozenset({"txt", "text", "md", "markdown", "rst", "html", "htm", "csv", "tsv"})
"""Extensions of what people write and programs too: `README.md` and `data.csv` are called so, but not `annual_report.md`."""

_NOTHING = """
    attachment copy doc docs document download dsc dscn email file image img mail message page pages pdf print printout
    scan scanned scans unknown unnamed untitled
    anhang bild datei dokument kopie nachricht seite unbekannt unbenannt
"""
SAYS_NOTHING = frozenset(_NOTHING.split())
"""Words by which scanners, cameras and programs call any file, in English and German."""

_EXTENSION = re.compile(r"(?<=[^\s.])\.([a-z][a-z0-9]{1,4}|markdown)\Z", re.IGNORECASE)
_BLANKS = r"_+|(?<=\w)\+(?=[^\W_])"
_END = r"(?![^\W_])"
_JOINTS = re.compile(
    rf"{_BLANKS}"
    rf"|(?<=[^\W\d_]{{2}})-(?=[^\W_])(?!(?:[^\W\d_]|\d{{1,3}}){_END})"  # annual-report; not e-mail, part-b, COVID-19
    r"|(?<=[a-z]{2})(?=[A-Z])"  # AnnualReport
    rf"|(?<=\d{{4}})(?=[QHqh]\d{_END})"  # 2023Q4
)
_WRITTEN_BLANKS = re.compile(_BLANKS)
_NO_FILE = re.compile(r'[/\\:*?"<>|\n]')
_CODE = re.compile(
    r"(?<![^\W_])(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=[a-f]*\d)[0-9a-f]{12,})(?![^\W_])", re.IGNORECASE
)
_BETWEEN = re.compile(r"[\s_.,()\[\]+&#~-]+")
_DIGITS = "0123456789"
_SHOUTED = 5
"""Letters of a word in capitals that is no abbreviation any more."""


def document_name(title: str, told: str = "") -> str:
    """What people call a document of this title, whose file `told` a title of its own, if any.

    - The name of a file of an office is its words: `ADOBE_2022_10K.pdf` is "Adobe 2022 10K", `v1.2 final.docx` "v1.2 final".
      Dates, versions, forms (10-K) and short abbreviations stay as they are, in all scripts.
    - So is the name of a plain file that has several words: `annual_report.md`. One word stays whole: `README.md`, `data.csv`.
    - A name without an extension is its words where underscores join them: ADOBE_2022_10K, but not GitHub or customer-42.
    - Where the name of a file says nothing, such as a number, a code or `scan_0001.pdf`, it is what the file told.
    - All else stays as it is: a title with blanks, the subject of a mail, an address, `main.py`, `app.tar.gz`.
    """
    name = title.strip()
    extension = _extension(name)
    if _NO_FILE.search(name) or (extension not in OFFICE | PLAIN if extension else " " in name or "_" not in name):
        return title
    if not says_something(name):
        return document_name(told) if extension and says_something(told) else title
    words = name_words(name)
    return title if extension in PLAIN and " " not in words else words


def called(title: str, told: str) -> str:
    """What stands before a document's chunks: the words of its title, or, where these say nothing, what its file `told`."""
    return name_words(title) if says_something(title) or not says_something(told) else document_name(told)


def name_words(title: str) -> str:
    """The words of a title that is the name of a file, whatever its extension; any other title as it is."""
    name = title.strip()
    stem = without_extension(name)
    if stem == name and " " in name:
        return name
    spaced = _unquoted(stem)
    joints = _WRITTEN_BLANKS if " " in spaced else _JOINTS
    return " ".join(_quiet(word) for word in joints.sub(" ", spaced).split())


def without_extension(title: str) -> str:
    """The title without blanks around it, and without what looks like a file's extension."""
    return _EXTENSION.sub("", title.strip())


def says_something(name: str) -> bool:
    """Whether a name tells its document from others: by a word that programs do not give any file, or by two parts such as 3M
    and 10K. Numbers and codes do not.
    """
    parts = _BETWEEN.split(_CODE.sub(" ", without_extension(name)))
    return any(_is_word(part.strip(_DIGITS)) for part in parts) or sum(map(_is_mixed, parts)) > 1


def _extension(name: str) -> str:
    found = _EXTENSION.search(name)
    return found[1].lower() if found else ""


def _unquoted(stem: str) -> str:
    """The name where it is written as in an address, `Annual%20report`, and says nothing then that no name has."""
    if "%20" not in stem or " " in stem:
        return stem
    try:
        meant = unquote(stem, errors="strict")
    except UnicodeDecodeError:
        return stem
    return meant if meant.isprintable() else stem


def _is_word(part: str) -> bool:
    """Two letters together, of which the second may be a vowel's sign, as in the scripts of India."""
    together = any(
        one.isalpha() and (two.isalpha() or unicodedata.category(two)[0] == "M") for one, two in pairwise(part)
    )
    return together and part.lower() not in SAYS_NOTHING


def _is_mixed(part: str) -> bool:
    return part.isalnum() and any(map(str.isdigit, part)) and any(map(str.isalpha, part))


def _quiet(word: str) -> str:
    return word.capitalize() if len(word) >= _SHOUTED and word.isalpha() and word.isupper() else word
