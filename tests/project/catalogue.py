"""The catalogues of translations: gathers the words that people read from the code, and compiles them. `make messages`.

One catalogue a language holds the words of the whole project, and those of the admin's theme that Django does not translate
itself. GNU gettext is not needed: Babel reads and writes the files.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import django
import unfold
from babel.messages import Catalog, Message, extract, mofile, pofile
from django.apps import apps
from django.utils.translation.template import templatize

from ragsite.core.environment import Environment
from ragsite.core.naming import names
from ragsite.core.sentences import CONTEXT, PATTERNS
from tests.project.raised import sentences

PROJECT = Path(__file__).resolve().parents[2]
LOCALES = PROJECT / "ragsite" / "locale"
OURS = ("apps", "ragsite", "workers", "templates")
THEME = Path(unfold.__file__).parent
NOT_USED = {"migrations", "contrib", "unfold_crispy"}
"""Folders whose words no page shows: what the theme has for other packages, beside what is no text."""
DJANGOS = Path(django.__file__).parent
KEYWORDS = extract.DEFAULT_KEYWORDS | {
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
PLACEHOLDER = re.compile(r"%\(\w+\)\w|%\w+%|%[sd]|\{\w*\}")
AT = datetime(2026, 1, 1, tzinfo=UTC)
"""The date in every catalogue: the files change with the words alone."""


def languages() -> list[str]:
    """The languages that there is a catalogue for."""
    return sorted(folder.name for folder in LOCALES.iterdir() if folder.is_dir())


def path_of(language: str) -> Path:
    return LOCALES / language / "LC_MESSAGES" / "django.po"


def read(language: str) -> Catalog:
    """The catalogue as it is kept."""
    return pofile.read_po(io.BytesIO(path_of(language).read_bytes()), locale=language)


def gathered(language: str) -> Catalog:
    """Every text that is marked for translation, without its translation, by the file it stands in."""
    catalog = Catalog(locale=language)
    for root in OURS:
        _add(catalog, PROJECT / root, PROJECT)
    for name, model in names(apps.get_models()):
        catalog.add(name, locations=[(model.__module__.replace(".", "/") + ".py", 1)])
    for setting in Environment.model_fields.values():
        if setting.description:
            catalog.add(setting.description, locations=[("ragsite/core/environment.py", 1)])
    for text, file in sentences(PROJECT):
        catalog.add(text, locations=[(str(file.relative_to(PROJECT)), 1)], context=CONTEXT)
    theme, known = Catalog(locale=language), _known_to_django(language)
    _add(theme, THEME, THEME.parent)
    for message in theme:
        if message.id and _keys(message).isdisjoint(known):
            catalog.add(message.id, locations=message.locations, context=message.context)
    return catalog


def updated(language: str) -> Catalog:
    """The catalogue with the texts the code has now; what they had as translations stays, what went is gone."""
    catalog = read(language)
    catalog.update(gathered(language), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    return catalog


def patterns() -> str:
    """The patterns of raised sentences as the application reads them, one a line."""
    return "".join(f"{pattern}\n" for pattern in sorted({pattern for pattern, _ in sentences(PROJECT)}))


def written(catalog: Catalog) -> bytes:
    """The catalogue as a file. A text is named with its files, not with its lines, which change with every edit."""
    file = io.BytesIO()
    pofile.write_po(file, _headed(catalog), width=0, sort_by_file=True, include_lineno=False)
    return file.getvalue()


def compiled(catalog: Catalog) -> bytes:
    """The catalogue as Django loads it."""
    file = io.BytesIO()
    mofile.write_mo(file, _headed(catalog))
    return file.getvalue()


def untranslated(catalog: Catalog) -> list[str]:
    """The texts without a translation, or with one that somebody has to look at."""
    return [_said(message) for message in catalog if message.id and (message.fuzzy or not all(_strings(message)))]


def unlike(catalog: Catalog) -> list[str]:
    """The translations that have other placeholders than their text. One thing may be told without its number."""
    return [_said(message) for message in catalog if message.id and not _fits(message)]


def main() -> int:
    """Brings every catalogue up to date, and lists what is left to translate."""
    django.setup()
    PATTERNS.write_text(patterns())
    missing = 0
    for language in languages():
        catalog = updated(language)
        path_of(language).write_bytes(written(catalog))
        path_of(language).with_suffix(".mo").write_bytes(compiled(read(language)))
        left = untranslated(catalog)
        missing += len(left)
        sys.stdout.writelines(f"{language}: {text}\n" for text in left)
        sys.stdout.write(f"{language}: {len(catalog)} texts, {len(left)} of them untranslated\n")
    return 1 if missing else 0


def _headed(catalog: Catalog) -> Catalog:
    """With a header that says nothing of when and with what the file was written."""
    catalog.creation_date = catalog.revision_date = AT
    catalog.project, catalog.version, catalog.msgid_bugs_address = "ragsite", "1", ""
    catalog.last_translator = catalog.language_team = "ragsite"
    catalog.fuzzy = False
    if "FIRST AUTHOR" in catalog.header_comment:
        catalog.header_comment = f"# ragsite in {catalog.locale_name}."
    return catalog


def _add(catalog: Catalog, root: Path, base: Path) -> None:
    for path in sorted(root.rglob("*")):
        if path.suffix in {".py", ".html"} and NOT_USED.isdisjoint(path.parts):
            for text, context in _texts(path):
                catalog.add(text, locations=[(str(path.relative_to(base)), 1)], context=context)


def _texts(path: Path) -> Iterator[tuple[str | tuple[str, ...], str | None]]:
    source = path.read_text()
    if path.suffix == ".html":
        # Python's tokenizer wants no indentation between the calls that the tags have become.
        source = "\n".join(line.strip() for line in templatize(source).splitlines())
    for _, text, _, context in extract.extract("python", io.BytesIO(source.encode()), KEYWORDS):
        yield text, context


def _known_to_django(language: str) -> set[str]:
    files = DJANGOS.glob(f"**/locale/{language}/LC_MESSAGES/django.po")
    messages = (message for file in files for message in pofile.read_po(io.BytesIO(file.read_bytes()), locale=language))
    return {key for message in messages if message.string for key in _keys(message)}


def _keys(message: Message) -> set[str]:
    return {message.id if isinstance(message.id, str) else message.id[0]}


def _strings(message: Message) -> tuple[str, ...]:
    return (message.string or "",) if isinstance(message.string, str | None) else tuple(message.string)


def _fits(message: Message) -> bool:
    strings = [text for text in _strings(message) if text]
    ids = [message.id] if isinstance(message.id, str) else message.id
    allowed = _placeholders(ids)
    may_lack = {"%(count)s", "%(number)s", "%s", "%d"} if len(ids) > 1 else set()
    last = strings[-1:]
    return all(_placeholders([text]) <= allowed for text in strings) and all(
        _placeholders([ids[-1]]) == _placeholders([text]) for text in last
    ) and all(_placeholders([text]) | may_lack >= _placeholders([ids[0]]) for text in strings[:-1])  # fmt: skip


def _placeholders(texts: Iterable[str]) -> set[str]:
    return {found for text in texts for found in PLACEHOLDER.findall(text)}


def _said(message: Message) -> str:
    text = message.id if isinstance(message.id, str) else " / ".join(message.id)
    where = message.locations[0][0] if message.locations else ""
    return f"{where}: {text}"


if __name__ == "__main__":
    sys.exit(main())
