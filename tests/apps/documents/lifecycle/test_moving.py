from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from django.db.models.functions import Now

from apps.documents.lifecycle.steps import versions_move
from apps.documents.models import VERSION_ENDED, VERSION_STOPPED, VERSION_TRANSITIONS, DocumentVersion, VersionStatus
from tests import factories as make

pytestmark = pytest.mark.django_db

PAIRS = list(product(VersionStatus, VersionStatus))
LEGAL = [(before, after) for before, after in PAIRS if after in VERSION_TRANSITIONS[before]]


def version_that_is(status: VersionStatus) -> DocumentVersion:
    """A version that somebody holds in a status."""
    version = make.upload(make.knowledge_base()).version
    held = {"lease_owner": "worker", "lease_until": Now() + timedelta(seconds=60)}
    DocumentVersion.objects.filter(pk=version.pk).update(status=status, error="It is broken.", attempts=2, **held)
    version.refresh_from_db()
    return version


@pytest.mark.parametrize(("before", "after"), LEGAL)
def test_a_legal_move_is_made_and_frees_the_version(before: VersionStatus, after: VersionStatus) -> None:
    version = version_that_is(before)
    assert versions_move(DocumentVersion.objects.all(), before=before, after=after, chunk_count=7) == 1
    version.refresh_from_db()
    assert (version.status, version.chunk_count, version.attempts) == (after, 7, 2)
    assert (version.lease_owner, version.lease_until) == ("", None)


@pytest.mark.parametrize(("before", "after"), [pair for pair in PAIRS if pair not in LEGAL])
def test_an_illegal_move_is_refused_and_nothing_is_written(before: VersionStatus, after: VersionStatus) -> None:
    version = version_that_is(before)
    with pytest.raises(ValueError, match=f"that is {before} cannot become {after}"):
        versions_move(DocumentVersion.objects.all(), before=before, after=after, chunk_count=7)
    columns = DocumentVersion.objects.values().get()
    assert columns == {name: getattr(version, name) for name in columns}


def test_versions_that_are_elsewhere_meanwhile_stay_there() -> None:
    version = version_that_is(VersionStatus.CANCELLED)
    assert versions_move(DocumentVersion.objects.all(), before=VersionStatus.UPLOADED, after=VersionStatus.PARSED) == 0
    version.refresh_from_db()
    assert version.status == VersionStatus.CANCELLED


def test_nothing_leads_out_of_ready_and_everything_under_way_can_stop() -> None:
    assert not VERSION_TRANSITIONS[VersionStatus.READY]
    for status in set(VersionStatus) - VERSION_ENDED:
        assert VERSION_TRANSITIONS[status] >= VERSION_STOPPED
