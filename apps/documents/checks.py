"""What `manage.py check --deploy` asks beside Django's own questions."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register

from apps.documents.blobs import blob_store
from apps.documents.paired_blobs import second_store
from apps.documents.services.second_copies import second_store_check
from ragsite.core.errors import ConfigurationError, TransientError


@register(deploy=True)
def blobs_can_be_kept(**_: Any) -> list[CheckMessage]:
    """Asked for deployments only: other commands shall not wait for a server."""
    try:
        blob_store().check()
    except TransientError as error:
        return [Error(error.message, hint=error.error_action, id="documents.E001")]
    return []


@register(deploy=True)
def copies_can_be_kept(**_: Any) -> list[CheckMessage]:
    """A second store that is away keeps nobody from working, so it is a warning."""
    second = second_store()
    if second is None:
        return []
    try:
        second_store_check(second)
        second.check()
    except (ConfigurationError, TransientError) as error:
        return [Warning(error.message, hint=error.error_action, id="documents.W001")]
    return []
