"""A knowledge base is shared with a colleague, who then sees that and nothing more."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from apps.documents.models import Document, KnowledgeBase, Visibility
from ragsite.gateway.models import Role
from tests import factories as make
from tests.browser.visiting import Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def signed_in(visit: Visit, user: Any) -> None:
    """From here on the browser is that user's."""
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    visit.page.context.clear_cookies()
    visit.page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": visit.home}])


def test_a_colleague_who_is_let_in_sees_what_is_shared_and_nothing_more(visit: Visit) -> None:
    base = make.ready_version().document.knowledge_base
    secret = make.upload(base, content="What Ada earns.").version.document
    Document.objects.filter(pk=secret.pk).update(title="Salaries", restricted=True)
    KnowledgeBase.objects.filter(pk=base.pk).update(visibility=Visibility.RESTRICTED, name="Harbour rules")
    make.knowledge_base(of=base.tenant, name="Board minutes", visibility=Visibility.RESTRICTED)
    signed_in(visit, make.member(base.tenant, Role.OWNER, name="olga"))
    anna = make.member(base.tenant, name="anna")
    visit.open(reverse("workspace-tab", args=[base.pk, "access"]))
    visit.page.get_by_label("Give somebody access").press_sequentially("ann")
    visit.page.get_by_role("button", name="Let anna read it").click()
    expect(visit.page.get_by_text("anna may read it now.")).to_be_visible()

    signed_in(visit, anna)
    visit.open(reverse("admin:documents_knowledgebase_changelist"))
    expect(visit.page.get_by_text("Harbour rules").first).to_be_visible()
    expect(visit.page.get_by_text("Board minutes")).to_have_count(0)
    visit.open(reverse("workspace", args=[base.pk]))
    visit.open(reverse("admin:documents_document_changelist"))
    expect(visit.page.get_by_text(re.compile("handbook|note", re.IGNORECASE)).first).to_be_visible()
    expect(visit.page.get_by_text("Salaries")).to_have_count(0)
