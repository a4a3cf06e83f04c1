"""What `manage.py check --deploy` asks beside Django's own questions."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register

from apps.documents.blobs import blob_store
from ragsite.core.errors import TransientError


@register(deploy=True)
def blobs_can_be_kept(**_: Any) -> list[CheckMessage]:
    """Asked for deployments only: other commands shall not wait for a server."""
    try:
        blob_store().check()
    except TransientError as error:
        return [Error(error.message, hint=error.error_action, id="documents.E001")]
    return []
