from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from apps.monitoring.models import Webhook
from apps.monitoring.webhooks.services import webhook_create
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.monitoring.webhooks.receiving import Receiver, receiving


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """One that the operator allows."""
    with receiving() as here:
        settings.RAGSITE_WEBHOOK_HOSTS = frozenset({here.host})
        yield here


@pytest.fixture
def webhook(receiver: Receiver) -> Webhook:
    return webhook_create(
        tenant=make.tenant(), url=receiver.url, types=["document.deleted", "document.created"], actor=ACTOR
    )
