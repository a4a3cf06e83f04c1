"""Static files, between middleware that is not asynchronous."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from asgiref.sync import async_to_sync
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from servestatic.middleware import ServeStaticMiddleware  # type: ignore[import-untyped]


def static_files_middleware(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Serves static files, and passes on everything else without leaving the request's thread, as ServeStatic's own would."""

    found = _found()
    files = async_to_sync(found)

    def middleware(request: HttpRequest) -> HttpResponseBase:
        may_be_file = found.autorefresh or request.path_info in found.files
        file: HttpResponseBase | None = files(request) if may_be_file else None
        return get_response(request) if file is None else file

    return middleware


@functools.cache
def _found() -> Any:
    """Looked for once a process: every chain of middleware serves the same files, and there are hundreds of them."""

    async def no_file(request: HttpRequest) -> None:
        return None

    return ServeStaticMiddleware(no_file)
