"""Each request has an id, which its answer names: the caller's, or one that is made here."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from ragsite.core.request_ids import in_request, request_id_from

HEADER = "X-Request-ID"


def request_ids_middleware(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Comes before whatever may answer, write to the log, or change something."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        id_ = request_id_from(request.headers.get(HEADER, ""))
        with in_request(id_):
            response = get_response(request)
        response[HEADER] = id_
        return response

    return middleware
