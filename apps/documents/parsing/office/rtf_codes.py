"""The vocabulary of Rich Text Format, by Microsoft's specification, version 1.9.1."""

from __future__ import annotations

from apps.documents.parsing.scripts import Script

DEFAULT_CODEC = "cp1252"

# \fcharsetN: the character set of a font.
CHARSETS = {
    0: "cp1252",
    77: "mac_roman",
    128: "cp932",
    129: "cp949",
    130: "johab",
    134: "gbk",
    136: "cp950",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    222: "cp874",
    238: "cp1250",
    254: "cp437",
    255: "cp437",
}
# \mac, \pc, \pca: the character set of the whole document, where it is not \ansi.
DOCUMENT_CODECS = {"mac": "mac_roman", "pc": "cp437", "pca": "cp850"}
# \ansicpgN: code pages that Python knows by another name.
CODE_PAGES = {10000: "mac_roman", 936: "gbk", 65001: "utf-8"}

CHARACTERS = {
    "tab": "\t",
    "line": "\n",
    "emdash": "\u2014",
    "endash": "\u2013",
    "bullet": "\u2022",
    "lquote": "\u2018",
    "rquote": "\u2019",
    "ldblquote": "\u201c",
    "rdblquote": "\u201d",
    "emspace": " ",
    "enspace": " ",
    "qmspace": " ",
    "zwj": "\u200d",
    "zwnj": "\u200c",
}
# \X where X is no letter; the optional hyphen (\-) shows nothing.
SYMBOLS = {"~": " ", "_": "-"}
# They stand for themselves, and may be the second byte of a character.
ESCAPED = frozenset("{}\\")

_NOT_SHOWN_NAMES = (
    "colortbl pict objdata themedata colorschememapping datastore listtable listoverridetable rsidtbl"
    " generator xmlnstbl latentstyles filetbl revtbl pgptbl sp shprslt nonesttables bkmkstart"
    " bkmkend xe tc atnid atrfstart atrfend atndate atnref atnicn atntime ftnsep ftnsepc aftnsep"
    " aftnsepc wgrffmtfilter mmathPr"
)
# Groups with nothing in them that a reader sees.
NOT_SHOWN = frozenset(_NOT_SHOWN_NAMES.split())
# Groups that begin with \* and still hold words.
SHOWN_EXTENSIONS = frozenset({"shpinst", "annotation", "ud", "fldinst", "formfield", "atnauthor"})
# The mark of a list item, written out.
LIST_MARKS = frozenset({"listtext", "pntext"})
# What stands beside the text: it comes after its paragraph. And what stands on the margin of every page: it comes last.
ASIDES = frozenset({"footnote", "annotation"})
MARGINS = frozenset({"header", "headerl", "headerr", "headerf", "footer", "footerl", "footerr", "footerf"})
# Groups whose words are read for something else than the text.
ASKED = frozenset({"fldinst", "formfield", "atnauthor"}) | LIST_MARKS
# The sign that some lists of Word have for a bullet.
LETTER_BULLET = "o"
TABLE_WORDS = frozenset({"trowd", "trhdr", "clmrg", "clvmrg", "cellx"})
SCRIPTS = {
    "super": Script.RAISED,
    "up": Script.RAISED,
    "sub": Script.LOWERED,
    "dn": Script.LOWERED,
    "nosupersub": Script.LEVEL,
}
CHECKBOX = 1
UNSAID = 25
PARAGRAPH_ENDS = frozenset({"par", "sect", "page", "column"})


def codec_of_page(number: int) -> str:
    """Python's name for a Windows code page."""
    return CODE_PAGES.get(number, f"cp{number}")
