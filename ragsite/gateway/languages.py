"""Which language an answer is in: the admin speaks the person's, all else is English.

A person's is what was chosen in the admin, which a cookie keeps, or else what the browser asks for. Applications read the API
and the health checks, and compare what they say: those do not change with a header.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers

PAGES = "/admin/"


def languages_middleware(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Comes before whatever refuses a request in words. A stream that goes on after this says in which language itself."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        is_page = request.path.startswith(PAGES)
        language = translation.get_language_from_request(request) if is_page else settings.LANGUAGE_CODE
        with translation.override(language):
            response = get_response(request)
        if is_page:
            patch_vary_headers(response, ("Accept-Language", "Cookie"))
            response.headers.setdefault("Content-Language", language)
        return response

    return middleware
