"""Every address the web process answers."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from django.views.i18n import set_language

from apps.documents.api.dynamic import (
    FLAG_BACK_VIEW,
    FLAG_HISTORY_VIEW,
    FLAG_VIEW,
    FLAGS_VIEW,
    SETTING_BACK_VIEW,
    SETTING_HISTORY_VIEW,
    SETTING_VIEW,
    SETTINGS_VIEW,
)
from apps.retrieval.doors.feedback_api import feedback_view
from ragsite.api import docs_view, openai_shaped, openapi_view, queries, resources
from ragsite.gateway import problems
from ragsite.gateway.admin_pages import pages_discover
from ragsite.gateway.oidc.pages import begin_view, callback_view
from ragsite.gateway.password_page import PasswordSetView
from ragsite.gateway.second_factor_pages import own_second_factor_view, second_factor_view
from ragsite.gateway.sign_in_page import PATH, sign_in_view

pages_discover()

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/")),
    path("favicon.ico", RedirectView.as_view(url="/static/ragsite/favicon.svg")),
    path(PATH.removeprefix("/"), sign_in_view),
    path("admin/second-factor/", second_factor_view, name="second-factor"),
    path("admin/second-factor/own/", own_second_factor_view, name="second-factor-own"),
    path("admin/oidc/", begin_view, name="oidc-begin"),
    path("admin/oidc/callback/", callback_view, name="oidc-callback"),
    path("admin/set-password/<uidb64>/<token>/", PasswordSetView.as_view(), name="password-set"),
    path("admin/language/", set_language, name="set_language"),
    path("admin/", include("apps.monitoring.admin_urls")),
    path("admin/", admin.site.urls),
    path("api/docs", docs_view, name="api-docs"),
    path("api/openapi.json", openapi_view, name="openapi"),
    re_path(r"^api/v1/$", problems.not_found),
    path("api/v1/", include(resources.urls)),
    path("api/v1/answers/<uuid:answer_id>/feedback", feedback_view, name="answer-feedback"),
    path("api/v1/settings/", SETTINGS_VIEW, name="dynamic-settings"),
    path("api/v1/settings/<str:name>/", SETTING_VIEW, name="dynamic-setting"),
    path("api/v1/settings/<str:name>/history/", SETTING_HISTORY_VIEW, name="dynamic-setting-history"),
    path("api/v1/settings/<str:name>/put-back/", SETTING_BACK_VIEW, name="dynamic-setting-put-back"),
    path("api/v1/flags/", FLAGS_VIEW, name="flags"),
    path("api/v1/flags/<str:name>/", FLAG_VIEW, name="flag"),
    path("api/v1/flags/<str:name>/history/", FLAG_HISTORY_VIEW, name="flag-history"),
    path("api/v1/flags/<str:name>/put-back/", FLAG_BACK_VIEW, name="flag-put-back"),
    path("api/v1/", queries.urls),
    re_path(r"^api/.*$", problems.not_found),
    path("v1/", openai_shaped.urls),
    re_path(r"^v1/.*$", problems.not_found),
    path("", include("apps.monitoring.urls")),
]

handler400 = problems.bad_request
handler403 = problems.forbidden
handler404 = problems.not_found
handler500 = problems.server_error
