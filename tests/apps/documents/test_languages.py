from __future__ import annotations

import importlib

import pytest
from django.apps import apps
from django.db import connection

from apps.documents.languages import LANGUAGES, language_code
from apps.documents.lifecycle.versions import document_rollback
from apps.documents.models import Document, ParsedText
from tests import factories as make
from tests.acting import ACTOR


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("The office opens at seven, and it is closed on the weekend.", "en"),
        ("Das Büro ist um sieben Uhr geöffnet und nicht am Sonntag.", "de"),
        ("Le bureau est ouvert à sept heures et il est fermé le dimanche.", "fr"),
        ("Контора открывается в семь часов и закрыта по выходным.", "ru"),
        ("Контора відчиняється о сьомій і зачинена у вихідні дні.", "uk"),
        ("Το γραφείο ανοίγει στις επτά.", "el"),
        ("المكتب يفتح في السابعة", "ar"),
        ("事務所は七時に開きます。", "ja"),
        ("办公室七点开门。", "zh"),
        ("사무실은 일곱 시에 엽니다.", "ko"),
        ("สำนักงานเปิดเจ็ดโมง", "th"),
        ("Order 66: ABC-123, XYZ", ""),
        ("12.5 + 7 = 19.5", ""),
        ("", ""),
    ],
)
def test_a_text_is_in_the_language_most_of_it_is_written_in(text: str, code: str) -> None:
    assert language_code(text) == code
    assert code in LANGUAGES | {""}


def test_a_quoted_name_of_another_script_changes_nothing() -> None:
    assert language_code("The city of 東京 is the capital of Japan, and it is large.") == "en"
    assert language_code("北京是中国的首都，" * 30 + "ラ") == "zh"


@pytest.mark.django_db
def test_parsing_tells_the_language_and_the_document_has_it_and_its_type_once_the_version_answers() -> None:
    text = "Das Büro ist um sieben Uhr geöffnet und nicht am Sonntag."
    version = make.upload(make.knowledge_base(), text, filename="note.txt").version
    make.run_stages(["parse"])
    assert ParsedText.objects.get(version=version).language == "de"
    assert Document.objects.values_list("document_type", "language").get() == ("", "")
    make.run_stages()
    assert Document.objects.values_list("document_type", "language").get() == ("txt", "de")


@pytest.mark.django_db
def test_going_back_to_a_version_brings_its_type_and_language_back_at_once() -> None:
    first = make.ready_version(None, "Das Büro ist um sieben Uhr geöffnet und nicht am Sonntag.", filename="a.txt")
    document = first.document
    make.upload(
        document.knowledge_base, "The office is open from seven on and it is nice.", filename="a.md", document=document
    )
    make.run_stages()
    document.refresh_from_db()
    assert (document.document_type, document.language) == ("md", "en")
    back = document_rollback(document=document, version=first, actor=ACTOR)
    assert (back.document_type, back.language) == ("txt", "de")
    assert back.updated_at > document.updated_at


@pytest.mark.django_db
def test_the_migration_detects_the_languages_of_existing_texts() -> None:
    make.ready_version(None, "Das Büro ist um sieben Uhr geöffnet und nicht am Sonntag.", filename="a.txt")
    ParsedText.objects.update(language="")
    migration = importlib.import_module("apps.documents.migrations.0008_filters")
    with connection.schema_editor() as editor:
        migration.languages_told(apps, editor)
    assert ParsedText.objects.get().language == "de"
