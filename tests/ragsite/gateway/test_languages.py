"""The admin speaks the language of who looks at it; the API speaks English."""

from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.utils import translation

from ragsite.gateway.languages import languages_middleware


def spoken(request: HttpRequest) -> HttpResponse:
    return HttpResponse(translation.get_language())


@pytest.mark.parametrize(
    ("path", "asked", "answered"),
    [
        ("/admin/", "de-AT", "de"),
        ("/admin/", "fr, de;q=0.5", "de"),
        ("/admin/", "fr", "en"),
        ("/admin/", "", "en"),
        ("/api/v1/documents", "de", "en"),
        ("/v1/models", "de", "en"),
        ("/health/ready", "de", "en"),
    ],
)
def test_the_browser_says_which_language_a_page_is_in(path: str, asked: str, answered: str) -> None:
    response = languages_middleware(spoken)(RequestFactory().get(path, headers={"accept-language": asked}))
    assert isinstance(response, HttpResponse)
    assert response.content.decode() == answered
    assert response.get("Content-Language", "") == (answered if path == "/admin/" else "")
    assert translation.get_language() == "en"


@pytest.mark.django_db
def test_a_language_that_is_chosen_stays_and_goes_before_the_browsers(client: Client) -> None:
    response = client.post(
        "/admin/language/", {"language": "de"}, headers={"referer": "http://testserver/admin/login/"}
    )
    assert (response.status_code, response["Location"]) == (302, "http://testserver/admin/login/")
    cookie = response.cookies["ragsite_language"]
    assert (cookie.value, cookie["path"], cookie["httponly"], cookie["samesite"]) == ("de", "/admin/", True, "Lax")
    page = client.get("/admin/login/", headers={"accept-language": "en"})
    assert 'lang="de"' in page.content.decode()
    assert page["Content-Language"] == "de"


@pytest.mark.django_db
def test_problems_are_in_english_for_applications(client: Client) -> None:
    german = client.get("/api/v1/nothing", headers={"accept-language": "de"})
    assert german.json()["detail"] == client.get("/api/v1/nothing").json()["detail"]
