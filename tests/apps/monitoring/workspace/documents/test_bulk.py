"""What is done with several documents is asked first, with their number, and done by a job to what the user may change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.documents.models import BulkJob, Document, DocumentVersion, KnowledgeBase, VersionStatus
from apps.documents.services.bulk import jobs
from apps.monitoring.jobs.bulk_words import BULKS
from ragsite.core.presence import presence_tell
from tests import factories as make

pytestmark = pytest.mark.django_db
StaffOf = Callable[..., Client]


@pytest.fixture
def base(db: None) -> KnowledgeBase:
    return make.knowledge_base()


def documents(base: KnowledgeBase, number: int = 2, **fields: Any) -> list[Document]:
    return [make.upload(base, filename=f"{at}.md", **fields).version.document for at in range(number)]


def posted(client: Client, base: KnowledgeBase, rows: list[Document], query: str = "", **said: Any) -> Any:
    form = {"documents": [row.pk for row in rows], **said}
    return client.post(f"/admin/knowledge-bases/{base.pk}/documents/?{query}", form)


def confirmed(client: Client, base: KnowledgeBase, asked: Any) -> Any:
    """The list after the asked question was answered with yes."""
    return client.post(f"/admin/knowledge-bases/{base.pk}/documents/", {"confirm": asked.context["asked"].job.pk})


def looked(client: Client, base: KnowledgeBase, response: Any) -> Any:
    """The list as the next look finds it, after a worker has done what there was to do."""
    make.work_once("bulk")
    return client.get(f"/admin/knowledge-bases/{base.pk}/documents/?part=list&poll{response.context['watched'].query}")


def notices(response: Any) -> list[str]:
    return [notice.text for notice in response.context["notices"]]


def test_deleting_asks_with_the_number_and_then_takes_them_out(admin_client: Client, base: KnowledgeBase) -> None:
    first, second, third = documents(base, 3)
    asked = posted(admin_client, base, [first, second], ask="delete")
    assert "Delete 2 documents?" in asked.content.decode()
    assert Document.objects.filter(deleted_at=None).count() == 3
    begun = confirmed(admin_client, base, asked)
    assert "Deleting documents" in begun.content.decode()
    assert "0 of 2" in begun.content.decode()
    assert "No worker is running, so nothing is" in begun.content.decode()
    assert "every 1s" in begun.content.decode()
    done = looked(admin_client, base, begun)
    assert notices(done) == ["2 documents are deleted."]
    assert [row.document for row in done.context["listing"].rows] == [third]
    assert 'id="workspace-head"' in done.content.decode()


def test_of_the_chosen_only_those_that_stopped_are_retried(admin_client: Client, base: KnowledgeBase) -> None:
    stopped, waiting = documents(base)
    DocumentVersion.objects.filter(document=stopped).update(status="failed", error="Broken.", retry_status="uploaded")
    asked = posted(admin_client, base, [stopped, waiting], ask="retry").content.decode()
    assert "Retry 1 document?" in asked
    assert "Of the 2 chosen, it applies to 1." in asked
    begun = posted(admin_client, base, [stopped, waiting], do="retry")
    assert notices(looked(admin_client, base, begun)) == ["1 document is retried."]
    assert DocumentVersion.objects.get(document=stopped).status == VersionStatus.UPLOADED
    none = posted(admin_client, base, [stopped, waiting], ask="retry").content.decode()
    assert "None of the chosen documents has failed or was cancelled." in none


def test_tags_are_added_and_removed(admin_client: Client, base: KnowledgeBase) -> None:
    rows = documents(base, tags=["old"])
    assert "Tag 2 documents?" in posted(admin_client, base, rows, ask="tag", with_tag="new").content.decode()
    looked(admin_client, base, posted(admin_client, base, rows, do="tag", with_tag="new"))
    assert [row.tags for row in Document.objects.all()] == [["new", "old"]] * 2
    looked(admin_client, base, posted(admin_client, base, rows[:1], do="untag", with_tag="old"))
    assert sorted(row.tags for row in Document.objects.all()) == [["new"], ["new", "old"]]
    again = posted(admin_client, base, rows, ask="tag", with_tag="new").content.decode()
    assert "the chosen documents are so already" in again


@pytest.mark.parametrize(("tag", "said"), [("", "No tag is named."), ("x" * 61, "is invalid.")])
def test_a_tag_that_is_none_is_refused(admin_client: Client, base: KnowledgeBase, tag: str, said: str) -> None:
    rows = documents(base, 1)
    assert said in posted(admin_client, base, rows, ask="tag", with_tag=tag).content.decode()
    (notice,) = posted(admin_client, base, rows, do="tag", with_tag=tag).context["notices"]
    assert notice.is_bad
    assert Document.objects.get().tags == []


def test_documents_are_restricted_and_opened_again(admin_client: Client, base: KnowledgeBase) -> None:
    rows = documents(base)
    restricted = looked(admin_client, base, posted(admin_client, base, rows, do="restrict"))
    assert notices(restricted) == ["2 documents are restricted."]
    assert all(row.restricted for row in Document.objects.all())
    lifted = looked(admin_client, base, posted(admin_client, base, rows[:1], do="lift"))
    assert notices(lifted) == ["1 document is no longer restricted."]


def test_everything_is_all_that_fits_the_filters_and_nothing_that_comes_later(
    admin_client: Client, base: KnowledgeBase
) -> None:
    documents(base, 2, tags=["old"])
    documents(base, 1)
    asked = posted(admin_client, base, [], query="tag=old", ask="delete", everything="1")
    assert "Delete 2 documents?" in asked.content.decode()
    documents(base, 1, tags=["old"])
    assert notices(looked(admin_client, base, confirmed(admin_client, base, asked))) == ["2 documents are deleted."]
    assert sorted(row.tags for row in Document.objects.filter(deleted_at=None)) == [[], ["old"]]


def test_too_many_at_once_are_refused_with_what_to_do(
    admin_client: Client, base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MOST_DOCUMENTS", 1)
    said = posted(admin_client, base, documents(base), ask="delete").content.decode()
    assert "More than 1 documents at once are too many. Narrow the list by a filter" in said
    (notice,) = posted(admin_client, base, [], do="delete", everything="1").context["notices"]
    assert notice.is_bad
    assert Document.objects.filter(deleted_at=None).count() == 2


def test_what_a_service_refuses_is_told_and_the_others_are_done(admin_client: Client, base: KnowledgeBase) -> None:
    held, other = documents(base)
    Document.objects.filter(pk=held.pk).update(tags=[f"tag {n}" for n in range(50)])
    begun = posted(admin_client, base, [held, other], do="tag", with_tag="one more")
    done, refused = notices(looked(admin_client, base, begun))
    assert done == "1 document is tagged. 1 was refused."
    assert refused.startswith("0.md: 51 tags are too many.")


def test_nothing_is_done_without_the_permission_for_it(staff_of: StaffOf, base: KnowledgeBase) -> None:
    rows = documents(base)
    client = staff_of(base.tenant, "view_document")
    for slug in (one.slug for one in BULKS):
        assert posted(client, base, rows, do=slug, with_tag="a").status_code == 403
    assert posted(client, base, rows, do="nonsense").status_code == 404
    assert "documents-bulk" not in client.get(f"/admin/knowledge-bases/{base.pk}/documents/").content.decode()
    assert Document.objects.filter(deleted_at=None, tags=[], restricted=False).count() == 2


def test_what_the_user_may_not_read_or_is_elsewhere_is_as_if_it_were_not_there(
    staff_of: StaffOf, base: KnowledgeBase
) -> None:
    hidden, elsewhere = documents(base, 1, restricted=True), documents(make.knowledge_base(of=base.tenant), 1)
    client = staff_of(base.tenant, "delete_document")
    response = posted(client, base, hidden + elsewhere, do="delete", spare="nonsense")
    assert notices(response) == ["No document is chosen."]
    assert Document.objects.filter(deleted_at=None).count() == 2


def test_nobody_confirms_what_another_asked_or_what_was_asked_elsewhere(
    admin_client: Client, staff_of: StaffOf, base: KnowledgeBase
) -> None:
    asked = posted(admin_client, base, documents(base, 1), ask="delete")
    other = make.knowledge_base(of=base.tenant)
    for client, where in ((staff_of(base.tenant, "view_document", "delete_document"), base), (admin_client, other)):
        assert "asked too long ago" in notices(confirmed(client, where, asked))[0]
    assert BulkJob.objects.get().state == "asked"
    confirmed(admin_client, base, asked)
    assert "confirmed before" in notices(confirmed(admin_client, base, asked))[0]


def test_a_worker_that_listens_is_not_missed(admin_client: Client, base: KnowledgeBase) -> None:
    presence_tell(worker="here", jobs=["bulk", "parse"])
    begun = posted(admin_client, base, documents(base, 1), do="delete")
    assert "No worker is running" not in begun.content.decode()
