"""Markdown: CommonMark with tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

from lxml.html.defs import tags as HTML_TAGS
from markdown_it import MarkdownIt
from markdown_it.token import Token

from apps.documents.parsing.building import DocumentBuilder
from apps.documents.parsing.characters import decode, read_bytes
from apps.documents.parsing.text.front_matter import split_front_matter
from apps.documents.parsing.text.markdown_rules import References, extend
from apps.documents.parsing.text.markdown_tables import with_whole_rows
from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument
from apps.documents.parsing.web.html_text import any_target, write_html

# The default of 20 nested quotes or lists drops what lies deeper.
DEEPEST_NESTING = 100
# Inside a paragraph these are words about HTML; taken as markup they would swallow the rest of the page.
_SWALLOWING_NAMES = "iframe noembed noframes noscript plaintext script style template textarea title xmp"
# Tags that lxml's list of them is without.
_MORE_NAMES = (
    "bdi data dialog picture rb rtc search mfrac mi mn mo mover mroot mrow ms msqrt mstyle msub msubsup msup mtable mtd mtext"
    " mtr munder munderover semantics annotation"
)
TAGS = frozenset(HTML_TAGS) | frozenset(_MORE_NAMES.split())
SWALLOWING_TAGS = frozenset(_SWALLOWING_NAMES.split())
_LINE_ENDS = re.compile(r"\r\n?")
_TAG_NAME = re.compile(r"</?([a-zA-Z][\w-]*)")


class MarkdownParser:
    """Takes the text of a Markdown file, without the marks."""

    name = "markdown"
    types = frozenset({DocumentType.MARKDOWN})

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """The text without marks; raises DamagedFileError, EmptyTextError and TooLargeError."""
        source = _LINE_ENDS.sub("\n", decode(read_bytes(path, limits)))
        front = split_front_matter(source)
        builder = DocumentBuilder(limits)
        own_title = MarkdownWriter().write(front.body, builder)
        if not builder.length:
            for line in front.lines():
                builder.line(line)
        return builder.finish(title=front.title or own_title, metadata=front.fields)


class MarkdownWriter:
    """Renders Markdown to HTML and takes its text, so that headings, lists and tables come out as they do for HTML."""

    def write(self, source: str, builder: DocumentBuilder) -> str:
        """Hands the words to the builder; gives the title that HTML inside the text declares, or "".

        Raises TooLargeError and DamagedFileError.
        """
        references = References()
        page = _renderer().render(with_whole_rows(source), {"references": references})
        page += "".join(map(_reference, references.unused()))
        return write_html(page, builder, target_of=any_target) if page.strip() else ""


@lru_cache(maxsize=1)
def _renderer() -> MarkdownIt:
    """It keeps nothing of what it renders."""
    renderer = MarkdownIt("commonmark", {"maxNesting": DEEPEST_NESTING}).enable(["table", "strikethrough"])
    renderer.add_render_rule("html_inline", _render_inline_html)
    extend(renderer)
    return renderer


def _reference(reference: tuple[str, str]) -> str:
    """An address that is defined and that no link leads to, as a paragraph."""
    title, target = reference
    return f'<p><a href="{escape(target)}">{escape(title or target)}</a></p>' if target.strip("#") else ""


def _render_inline_html(_renderer: object, tokens: Sequence[Token], index: int, _options: Any, _env: Any) -> str:
    """A tag as it is, but `<file>` in "open <file>" as the words that it is."""
    markup = tokens[index].content
    name = _TAG_NAME.match(markup)
    is_tag = name is None or (name[1].lower() in TAGS and name[1].lower() not in SWALLOWING_TAGS)
    return markup if is_tag else escape(markup)
