from __future__ import annotations

import re
from pathlib import Path

import pytest
import unfold.fields
from django.core.exceptions import ImproperlyConfigured
from django.core.serializers.json import DjangoJSONEncoder
from django.template.loader import get_template

from ragsite.gateway.theme import CHANGES, Change, changed, json_shown

THEME = Path(unfold.fields.__file__).parent / "templates"
SAID = re.compile(r"""\s(?:x-|@|:)[\w:.-]+=(["'])(?P<said>.*?)\1""", re.DOTALL)
BEYOND = re.compile(
    r"=>|\bif\s*\(|\b(?:new|typeof)\b|\b(?:localStorage|document)\.|\bwindow\.(?!location\.)|`|\?\.|[-+*/]="
)
"""What `expressions.js` does not read."""
OURS_INSTEAD = {"unfold/helpers/search.html"}


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_is_made_to_the_template_that_pages_are_made_of(name: str) -> None:
    template = get_template(name).template  # type: ignore[attr-defined]
    source = template.source
    for change in CHANGES[name]:
        assert change.said not in source
        assert change.says in source


def test_another_version_of_the_theme_is_noticed() -> None:
    change = Change("x-on:click", "data-opens")
    assert changed("<a x-on:click>", change, name="a.html") == "<a data-opens>"
    for contents in ("<a>", "<a x-on:click><b x-on:click>"):
        with pytest.raises(ImproperlyConfigured, match=r"a\.html does not say 'x-on:click' once"):
            changed(contents, change, name="a.html")


def test_json_is_shown_as_words_alone() -> None:
    assert unfold.fields.prettify_json is json_shown
    assert json_shown({"b": "<ü>", "a": None}, DjangoJSONEncoder) == (
        '<pre class="rag-json">{\n    &quot;a&quot;: null,\n    &quot;b&quot;: &quot;&lt;ü&gt;&quot;\n}</pre>'
    )


def test_the_theme_says_nothing_else_that_is_not_read() -> None:
    found: dict[str, list[str]] = {}
    for file in THEME.rglob("*.html"):
        name, contents = str(file.relative_to(THEME)), file.read_text()
        for change in CHANGES.get(name, ()):
            contents = changed(contents, change, name=name)
        if beyond := [match["said"] for match in SAID.finditer(contents) if BEYOND.search(match["said"])]:
            found[name] = beyond
    assert set(found) == OURS_INSTEAD, found
