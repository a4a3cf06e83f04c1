"""Rich Text Format (.rtf), by one walk over its tokens.

The walk is a loop with a stack of its own, so that no depth of groups can exhaust the interpreter's.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from apps.documents.parsing.building import DocumentBuilder
from apps.documents.parsing.characters import read_bytes
from apps.documents.parsing.errors import DamagedFileError, TooDeepError, TooLargeError
from apps.documents.parsing.office import rtf_codes as codes
from apps.documents.parsing.office.field_codes import symbol_of_field, target_of_field
from apps.documents.parsing.office.rtf_text import PLAIN, Look, RtfText
from apps.documents.parsing.scripts import Script
from apps.documents.parsing.symbols import CROSSED, EMPTY, is_symbol_font
from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument

MAGIC = "{\\rtf"
DEEPEST_GROUP = 500
NO_HEADING = 9
TITLE_LEVEL = 0
_TOKEN = re.compile(
    r"\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,10})?[ ]?|\\'(?P<hex>[0-9a-fA-F]{2})|\\(?P<symbol>[^a-zA-Z])"
    r"|(?P<brace>[{}])|(?P<text>[^\\{}\r\n]+)|[\r\n]+|\\",
    re.DOTALL,
)
_HEADING_STYLE = re.compile(r"heading (\d)\b", re.IGNORECASE)


class RtfParser:
    """Takes the body with its headings, list items and tables, notes and comments after their paragraphs, then margins."""

    name = "rtf"
    types = frozenset({DocumentType.RTF})

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """The document's text; raises DamagedFileError, TooDeepError, EmptyTextError and TooLargeError."""
        source = read_bytes(path, limits).decode("latin-1")
        if not source.startswith(MAGIC):
            raise DamagedFileError(f"The file does not begin as RTF does: {source[:20]!r}.")
        if source.count("{") > limits.max_values:
            raise TooLargeError(f"The file has more than {limits.max_values:,} groups.")
        text = RtfText(DocumentBuilder(limits))
        _Walk(text).run(source)
        text.write_margins()
        return text.builder.finish(title=text.title)


@dataclass(frozen=True, slots=True)
class _Group:
    """What holds until the group ends: how its words are read, and where they go; `home` is where its field stands."""

    look: Look = PLAIN
    fallback_length: int = 1
    is_hidden: bool = False
    style: int = 0
    home: Look = PLAIN

    @property
    def destination(self) -> str:
        return self.look.destination


@dataclass(slots=True)
class _Walk:
    """Where the walk stands, and what the tables at the document's head say."""

    text: RtfText
    group: _Group = field(default_factory=_Group)
    outer: list[_Group] = field(default_factory=list)
    fonts: dict[int, str] = field(default_factory=dict)
    font_names: dict[int, str] = field(default_factory=dict)
    levels: dict[int, int] = field(default_factory=dict)
    font: int = 0
    default_font: int = 0
    default_codec: str = codes.DEFAULT_CODEC
    is_extension: bool = False
    to_skip: int = 0
    notes: int = 0
    target: str = ""
    is_symbol: bool = False
    form: dict[str, int] = field(default_factory=dict)

    def run(self, source: str) -> None:
        position = 0
        while token := _TOKEN.match(source, position):
            position = token.end()
            match token.lastgroup:
                case "word" | "number":
                    number = int(token["number"]) if token["number"] else None
                    if token["word"] == "bin":
                        position += max(number or 0, 0)
                    else:
                        self._word(token["word"], number)
                case "hex":
                    self._bytes(bytes.fromhex(token["hex"]))
                case "symbol":
                    self._symbol(token["symbol"])
                case "brace":
                    self._brace(token["brace"])
                case "text":
                    self._bytes(token["text"].encode("latin-1"))
        self.text.end_paragraph()

    def _brace(self, brace: str) -> None:
        self.text.end_bytes()
        self.to_skip = 0
        if brace == "{":
            self.outer.append(self.group)
            if len(self.outer) > DEEPEST_GROUP:
                raise TooDeepError(f"The file has groups inside one another, more than {DEEPEST_GROUP} deep.")
        elif self.outer:
            left, self.group = self.group, self.outer.pop()
            if left.destination != self.group.destination:
                self._leave(left)
        self.is_extension = False

    def _bytes(self, data: bytes) -> None:
        if self.to_skip:
            skipped = min(self.to_skip, len(data))
            self.to_skip -= skipped
            data = data[skipped:]
        match self.group.destination:
            case "fonttbl":
                self._font_name(data.decode("latin-1"))
            case "stylesheet":
                self._style_name(data.decode("latin-1"))
            case "skipped":
                pass
            case _ if data and not self.group.is_hidden:
                self.text.add_bytes(data, self.group.look)

    def _symbol(self, symbol: str) -> None:
        if symbol == "*":
            self.is_extension = True
        elif self.to_skip:
            self.to_skip -= 1
        elif symbol in "\r\n":
            self._end_paragraph()
        elif symbol in codes.ESCAPED:
            self._bytes(symbol.encode())
        elif symbol in codes.SYMBOLS:
            self._characters(codes.SYMBOLS[symbol])

    def _characters(self, characters: str) -> None:
        if not self.group.is_hidden and self.group.destination not in {"skipped", "fonttbl", "stylesheet"}:
            self.text.add(characters, self.group.look)

    def _end_paragraph(self) -> None:
        if self.group.destination not in {"skipped", "fonttbl", "stylesheet"}:
            self.text.end_line(self.group.destination)

    def _word(self, word: str, number: int | None) -> None:
        is_extension, self.is_extension = self.is_extension, False
        if self.to_skip and word != "u":
            self.to_skip -= 1
            return
        if is_extension and word not in codes.SHOWN_EXTENSIONS:
            self._enter("skipped")
        elif self.group.destination == "skipped":
            return
        elif word in codes.CHARACTERS:
            self._characters(codes.CHARACTERS[word])
        elif word in codes.PARAGRAPH_ENDS:
            self._end_paragraph()
        elif not self._is_group_kind(word):
            self._property(word, number)

    def _is_group_kind(self, word: str) -> bool:
        """Whether the word says what the whole group is for; if so, the group is entered."""
        if word in codes.NOT_SHOWN:
            self._enter("skipped")
        elif word in {"fonttbl", "stylesheet"} | codes.ASIDES | codes.MARGINS | codes.ASKED:
            self._enter(word)
        elif word == "fldrslt":
            self._begin_result()
        elif word == "info":
            self._enter("info")
        elif word == "title" and self.group.destination == "info":
            # A title comes twice where it has letters beyond the code page; the second is the full one.
            self.text.title = ""
            self._enter("title")
        else:
            return False
        return True

    def _enter(self, destination: str) -> None:
        self.text.end_bytes()
        self._look(destination=destination)

    def _look(self, **changes: Any) -> None:
        self.group = replace(self.group, look=replace(self.group.look, **changes))

    def _leave(self, left: _Group) -> None:
        words = self.text.leave(left.destination)
        if left.destination == "fldinst":
            self.target = target_of_field(words)
            sign = symbol_of_field(words)
            self.is_symbol = bool(sign)
            if sign:
                self.text.add(sign, self.group.look)
        elif left.destination == "formfield" and self.form.get("fftype") == codes.CHECKBOX:
            given = self.form.get("ffres", codes.UNSAID)
            state = self.form.get("ffdefres", 0) if given == codes.UNSAID else given
            self.text.add(CROSSED if state else EMPTY, self.group.home)
            self.form = {}

    def _begin_result(self) -> None:
        """What a field shows: the words of a link, or a sign that its code has shown already."""
        if self.is_symbol:
            self._enter("skipped")
        elif self.target:
            self._look(target=self.target)
        self.target, self.is_symbol = "", False

    def _note_mark(self) -> None:
        """The number of a note: it counts up where it stands in the text."""
        self.notes += self.group.destination not in codes.ASIDES
        self.text.add(str(self.notes), replace(self.group.look, script=Script.RAISED))

    def _property(self, word: str, number: int | None) -> None:
        match word, number:
            case "u", int():
                self._unicode(number)
            case "uc", int():
                self.group = replace(self.group, fallback_length=max(number, 0))
            case "f", int():
                self._use_font(number)
            case "plain", _:
                self._use_font(self.default_font)
                self.group = replace(self.group, is_hidden=False)
                self._look(script=Script.LEVEL)
            case (("super" | "sub" | "nosupersub" | "up" | "dn"), _):
                self.text.end_bytes()
                self._look(script=Script.LEVEL if number == 0 else codes.SCRIPTS[word])
            case "chftn", _:
                self._note_mark()
            case "field", _:
                self.group = replace(self.group, home=self.group.look)
            case (("fftype" | "ffres" | "ffdefres"), int()):
                self.form[word] = number
            case (("v" | "deleted"), _):
                self.group = replace(self.group, is_hidden=number != 0)
            case _ if self.group.destination in {"fonttbl", "stylesheet"}:
                self._table_entry(word, number)
            case _ if self.group.destination not in codes.ASKED:
                self._layout(word, number)

    def _unicode(self, number: int) -> None:
        # Written as a signed number of 16 bits.
        self._characters(chr(number & 0xFFFF))
        self.to_skip = self.group.fallback_length

    def _use_font(self, number: int) -> None:
        self.font = number
        if self.group.destination != "fonttbl":
            self._look(codec=self.fonts.get(number, self.default_codec), font=self.font_names.get(number, ""))

    def _table_entry(self, word: str, number: int | None) -> None:
        match word, number:
            case "fcharset", int() if number in codes.CHARSETS:
                self.fonts[self.font] = codes.CHARSETS[number]
            case "cpg", int():
                self.fonts[self.font] = _known_codec(codes.codec_of_page(number))
            case "s", int():
                self.group = replace(self.group, style=number)
            case "outlinelevel", int() if number < NO_HEADING:
                self.levels[self.group.style] = number + 1

    def _font_name(self, name: str) -> None:
        """The name of a typeface; only that of one of signs is of use."""
        bare = name.strip().rstrip(";")
        if is_symbol_font(bare):
            self.font_names[self.font] = bare

    def _style_name(self, name: str) -> None:
        heading = _HEADING_STYLE.match(name.strip())
        if heading:
            self.levels[self.group.style] = int(heading[1])
        elif name.strip().rstrip(";").lower() == "title":
            self.levels[self.group.style] = TITLE_LEVEL

    def _layout(self, word: str, number: int | None) -> None:
        match word, number:
            case "pard", _:
                self.text.begin_layout()
            case "s", int():
                self.text.level = self.levels.get(number)
            case "outlinelevel", int():
                self.text.level = number + 1 if number < NO_HEADING else None
            case "ilvl", int():
                self.text.depth = number
            case "intbl", _:
                self.text.is_in_table = True
            case _ if word in codes.TABLE_WORDS:
                self._table(word, number or 0)
            case "cell", _:
                self.text.end_cell()
            case "row", _:
                self.text.end_row()
            case "nestcell", _:
                self._characters(" ")
            case "deff", int():
                self.default_font = number
            case "ansicpg", int():
                self._use_codec(_known_codec(codes.codec_of_page(number)))
            case _ if word in codes.DOCUMENT_CODECS:
                self._use_codec(codes.DOCUMENT_CODECS[word])

    def _table(self, word: str, number: int) -> None:
        table = self.text.table
        match word:
            case "trowd":
                table.begin_row()
            case "trhdr":
                table.is_header = True
            case "clmrg":
                table.joins_left = True
            case "clvmrg":
                table.joins_above = True
            case "cellx":
                table.edge(number)

    def _use_codec(self, codec: str) -> None:
        self.default_codec = codec
        self._look(codec=codec)


def _known_codec(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError:
        return codes.DEFAULT_CODEC
