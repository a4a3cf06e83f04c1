"""The sentence above a knowledge base's tabs says first what needs attention."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from apps.documents.models import DocumentVersion, VersionStatus
from apps.monitoring.workspace.head import head_of
from tests import factories as make

pytestmark = pytest.mark.django_db


def test_an_empty_one_says_what_to_do() -> None:
    head = head_of(make.knowledge_base(), user=User(is_superuser=True))
    assert (head.documents.number, head.tone, head.health) == (0, "info", "Empty. Add documents, and ask.")


def test_one_whose_documents_are_ready_can_be_asked() -> None:
    version = make.ready_version()
    head = head_of(version.document.knowledge_base, user=User(is_superuser=True))
    assert [one.number for one in (head.documents, head.ready, head.failed, head.under_way)] == [1, 1, 0, 0]
    assert (head.tone, head.health) == ("success", "Everything is ready to be asked.")
    assert head.model
    assert head.indexed_at == version.ready_at


@pytest.mark.parametrize(
    ("status", "tone", "said"),
    [
        (VersionStatus.FAILED, "danger", "1 document could not be read."),
        (VersionStatus.PARSED, "info", "1 document being read."),
        (VersionStatus.CANCELLED, "success", "Everything is ready to be asked."),
    ],
)
def test_what_failed_comes_before_what_is_under_way(status: VersionStatus, tone: str, said: str) -> None:
    base = make.ready_version().document.knowledge_base
    other = make.ready_version(base)
    DocumentVersion.objects.filter(pk=other.pk).update(status=status, error="Broken.")
    head = head_of(base, user=User(is_superuser=True))
    assert head.tone == tone
    assert head.health.startswith(said)
