"""The words of one Word paragraph, with what belongs to them: links, notes, controls, fields, symbols, ruby.

ECMA-376, part 1, sections 17.3 (runs), 17.5 (controls) and 17.16 (fields).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from lxml import etree

from apps.documents.parsing.office.docx_styles import script_of
from apps.documents.parsing.office.equations import equation_text
from apps.documents.parsing.office.field_codes import is_form_field, symbol_of_field, target_of_field
from apps.documents.parsing.office.opc import relation_key
from apps.documents.parsing.scripts import Run, Script, written
from apps.documents.parsing.symbols import CROSSED, EMPTY, bare_private, is_symbol_font, symbol, symbols
from apps.documents.parsing.xml_elements import attribute, child, children, descendants, local_name

# Deleted or moved text, field codes, and the second copy of a drawing that is kept for old programs.
NOT_SHOWN = frozenset({"del", "moveFrom", "instrText", "delText", "Fallback", "pPr", "rPr", "sdtPr", "sdtEndPr", "rt"})
TEXT_BOX = "txbxContent"
NOTE_MARKS = {"footnoteReference": "footnotes", "endnoteReference": "endnotes", "commentReference": "comments"}
OFF = frozenset({"0", "false", "off"})
LONGEST_QUOTE = 80
_BOXES = frozenset("☐☑☒□■✓✔✗✘🗹🗷")


@dataclass(frozen=True, slots=True)
class Reference:
    """A mark in the text that a note or comment belongs to; `quoted` are the words that a comment is about."""

    kind: str
    key: str
    quoted: str = ""
    has_own_mark: bool = False


@dataclass(slots=True)
class Words:
    """What a paragraph holds: its words, the notes it refers to, and the text boxes anchored in it."""

    runs: list[Run] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    boxes: list[etree._Element] = field(default_factory=list)

    @property
    def text(self) -> str:
        return written(self.runs)

    def followed_by(self, more: Words) -> Words:
        """These words and then the others, as one paragraph."""
        if not (self.runs or self.references or self.boxes):
            return more
        return Words([*self.runs, *more.runs], [*self.references, *more.references], [*self.boxes, *more.boxes])

    @property
    def has_links(self) -> bool:
        return any(run.target for run in self.runs)

    @property
    def text_without_links(self) -> str:
        return written(replace(run, target="") if run.target else run for run in self.runs)


ScriptOfStyle = Callable[[str], Script]
MarkOf = Callable[[Reference], str]


@dataclass(frozen=True, slots=True)
class Context:
    """What the words of all paragraphs are read with: where links lead, what styles and notes look like."""

    targets: Mapping[str, str]
    script_of_style: ScriptOfStyle
    mark_of: MarkOf


def words_of(paragraph: etree._Element, context: Context) -> Words:
    """The words of the paragraph and what belongs to them, in the order of reading."""
    reader = _Reader(context)
    reader.read_all(paragraph)
    return reader.words


@dataclass(slots=True)
class _Field:
    """A field that has begun: its code, and whether its result is being read."""

    form: etree._Element | None = None
    code: str = ""
    has_result: bool = False


@dataclass(slots=True)
class _Reader:
    context: Context
    words: Words = field(default_factory=Words)
    target: str = ""
    fields: list[_Field] = field(default_factory=list)
    comment_starts: dict[str, int] = field(default_factory=dict)
    quotes: dict[str, str] = field(default_factory=dict)
    after_control: bool = False

    def read_all(self, parent: etree._Element) -> None:
        for element in parent:
            self._read(element)

    def _read(self, element: etree._Element) -> None:
        match local_name(element):
            case "r":
                self._read_run(element)
            case "hyperlink":
                self._read_link(element, self.context.targets.get(relation_key(element), ""))
            case "fldSimple":
                self._read_link(element, target_of_field(attribute(element, "instr")))
            case "sdt":
                self._read_control(element)
            case "oMath" | "oMathPara":
                self._add(equation_text(element))
            case "commentRangeStart":
                self.comment_starts[attribute(element, "id")] = len(self.words.runs)
            case "commentRangeEnd":
                key = attribute(element, "id")
                self.quotes[key] = _quote(self.words.runs[self.comment_starts.get(key, len(self.words.runs)) :])
            case name if name and name not in NOT_SHOWN:
                self.read_all(element)

    def _read_link(self, element: etree._Element, target: str) -> None:
        outer, self.target = self.target, target or self.target
        self.read_all(element)
        self.target = outer

    def _read_control(self, control: etree._Element) -> None:
        box = child(control, "sdtPr", "checkbox")
        begin = len(self.words.runs)
        self._begin_control()
        self.read_all(control)
        if box is not None and _BOXES.isdisjoint("".join(run.text for run in self.words.runs[begin:])):
            self._add(EMPTY if attribute(child(box, "checked")) in {"", *OFF} else CROSSED)
        self.after_control = len(self.words.runs) > begin

    def _begin_control(self) -> None:
        """Neighbouring controls don't run together."""
        runs = self.words.runs
        if self.after_control and runs and not runs[-1].text[-1:].isspace():
            self._add(" ")

    def _read_run(self, run: etree._Element) -> None:
        properties = child(run, "rPr")
        if properties is None:
            self._read_content(run, Script.LEVEL, font="")
        elif not is_hidden(properties):
            style = attribute(child(properties, "rStyle"))
            script = script_of(properties) or (self.context.script_of_style(style) if style else Script.LEVEL)
            self._read_content(run, script, font=attribute(child(properties, "rFonts"), "ascii"))

    def _read_content(self, run: etree._Element, script: Script, *, font: str) -> None:
        for element in run:
            match local_name(element):
                case "t":
                    self._add(_seen(element.text or "", font), script)
                case "tab" | "ptab":
                    self._add("\t")
                case "br" | "cr":
                    self._add("\n")
                case "noBreakHyphen":
                    self._add("-", script)
                case "sym":
                    self._add(symbol(attribute(element, "char"), attribute(element, "font")), script)
                case "ruby":
                    self._add_ruby(element)
                case "fldChar":
                    self._read_field_mark(element)
                case "instrText":
                    if self.fields:
                        self.fields[-1].code += element.text or ""
                case name if name in NOTE_MARKS:
                    self._add_reference(element, NOTE_MARKS[name])
                case name if name == TEXT_BOX:
                    self.words.boxes.append(element)
                case "drawing" | "pict" | "object" | "AlternateContent":
                    self._read_content(element, script, font=font)
                case name if name and name not in NOT_SHOWN:
                    self._read_content(element, script, font=font)

    def _add(self, text: str, script: Script = Script.LEVEL) -> None:
        if text:
            self.after_control = False
            self.words.runs.append(Run(text, script, target=self.target))

    def _add_ruby(self, ruby: etree._Element) -> None:
        base, reading = (_plain_text(child(ruby, name)) for name in ("rubyBase", "rt"))
        self.words.runs.append(Run(base, reading=reading, target=self.target))

    def _add_reference(self, element: etree._Element, kind: str) -> None:
        key = attribute(element, "id")
        has_own_mark = attribute(element, "customMarkFollows") not in {"", *OFF}
        reference = Reference(kind, key, self.quotes.get(key, "") if kind == "comments" else "", has_own_mark)
        self.words.references.append(reference)
        self._add(self.context.mark_of(reference), Script.RAISED)

    def _read_field_mark(self, mark: etree._Element) -> None:
        match attribute(mark, "fldCharType"):
            case "begin":
                self.fields.append(_Field(child(mark, "ffData")))
            case "separate" if self.fields:
                self.fields[-1].has_result = True
                self.target = target_of_field(self.fields[-1].code) or self.target
                self._begin_form(self.fields[-1])
            case "end" if self.fields:
                ended = self.fields.pop()
                if not ended.has_result:
                    self._begin_form(ended)
                    self._add(symbol_of_field(ended.code))
                self._add(_form_value(ended.form))
                self.after_control = is_form_field(ended.code)
                if target_of_field(ended.code):
                    self.target = ""

    def _begin_form(self, begun: _Field) -> None:
        if is_form_field(begun.code):
            self._begin_control()


def is_hidden(properties: etree._Element | None) -> bool:
    """Whether a run with these properties is not shown."""
    vanish = child(properties, "vanish")
    return vanish is not None and attribute(vanish) not in OFF


def _seen(text: str, font: str) -> str:
    return symbols(text, font) if font and is_symbol_font(font) else text if text.isascii() else bare_private(text)


def _quote(runs: Iterable[Run]) -> str:
    text = " ".join("".join(run.text for run in runs).split())
    return text if len(text) <= LONGEST_QUOTE else f"{text[: LONGEST_QUOTE - 1].rstrip()}…"


def _plain_text(element: etree._Element | None) -> str:
    return "" if element is None else "".join(text.text or "" for text in descendants(element, "t"))


def _form_value(form: etree._Element | None) -> str:
    """What a field of a form shows that has no words of its own: a box to tick, or the choice from a list."""
    box, choices = child(form, "checkBox"), child(form, "ddList")
    if box is not None:
        state = child(box, "checked")
        state = child(box, "default") if state is None else state
        return CROSSED if state is not None and attribute(state) not in OFF else EMPTY
    entries = [attribute(entry) for entry in children(choices, "listEntry")]
    given = child(choices, "result")
    chosen = attribute(given if given is not None else child(choices, "default"))
    at = int(chosen) if chosen.isdecimal() else 0
    return entries[at] if at < len(entries) else ""
