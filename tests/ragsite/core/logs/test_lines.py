from __future__ import annotations

import json
import logging
from logging.config import DictConfigurator  # type: ignore[attr-defined]
from types import SimpleNamespace
from typing import Any

import pytest

from ragsite.core.errors import ConflictError
from ragsite.core.logs.about import about, about_tell
from ragsite.core.logs.configured import logging_of
from ragsite.core.logs.formatting import FIELDS
from ragsite.core.masking.logs import record_masked
from ragsite.core.request_ids import in_request
from ragsite.core.tracing.spans import under

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TEXT = "the herring fleet of Nordholm sails at dawn"
KEY = "rag_0123456789ab." + "A" * 20 + "b1-" + "C" * 20
SECRETS = (KEY, "postgresql://ragsite:hunter2hunter2@db/x", "whsec_" + "A1b2" * 8, "Bearer mF_9.B5f-4.1JqMz7Lk2Xw8Rt")


def handler(form: Any, *, texts: bool = False) -> logging.Handler:
    """The one that every process is given."""
    made: logging.Handler = DictConfigurator(logging_of(form=form, texts=texts)).configure_handler(
        {"class": "logging.StreamHandler"}
    )
    configured = logging_of(form=form, texts=texts)
    made.setFormatter(DictConfigurator(configured).configure_formatter(configured["formatters"]["line"]))
    for name in configured["handlers"]["console"]["filters"]:
        made.addFilter(DictConfigurator(configured).configure_filter(configured["filters"][name]))
    return made


def written(form: Any, message: str, *args: Any, texts: bool = False, **more: Any) -> str:
    """The line of a record that was made as a process makes it."""
    name, error, extra = more.pop("name", "apps.anything"), more.pop("error", None), more.pop("extra", {})
    info: Any = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord(name, logging.WARNING, __file__, 1, message, args, info)
    record.__dict__.update(extra)
    at = handler(form, texts=texts)
    record = record_masked(record)
    assert at.filter(record)
    return at.format(record)


def raised(error: Exception) -> Exception:
    try:
        try:
            raise KeyError(TEXT)
        except KeyError as cause:
            raise error from cause
    except type(error) as caught:
        return caught


def test_a_json_line_says_what_it_is_about() -> None:
    with in_request("r-1"), under(f"00-{TRACE}-00f067aa0ba902b7-01"), about(job="parse", document_ids=["d-1"]):
        about_tell(tenant_id="t-1", user_id="")
        line = json.loads(written("json", "%s of %s", 1, 2, extra={FIELDS: {"milliseconds": 3.5}}))
    ids = {name: line[name] for name in ("request_id", "trace_id", "job", "document_ids", "tenant_id")}
    assert ids == {"request_id": "r-1", "trace_id": TRACE, "job": "parse", "document_ids": ["d-1"], "tenant_id": "t-1"}
    assert (line["message"], line["level"], line["logger"]) == ("1 of 2", "warning", "apps.anything")
    assert (line["milliseconds"], "user_id" in line, "error" in line) == (3.5, False, False)
    assert "job" not in json.loads(written("json", "after the block"))


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_words_of_errors_are_left_out_and_which_they_are_and_where_is_kept(form: str) -> None:
    for error, name in ((ValueError(TEXT), "builtins.ValueError"), (ConflictError(TEXT), "ConflictError conflict")):
        line = written(form, "it failed", error=raised(error))
        assert "herring" not in line
        assert "builtins.KeyError" in line
        assert name in line
        assert "test_lines.py" in line
    assert "herring" not in written(form, "it failed", error=raised(ValueError(f"{TEXT} for anna@example.org")))
    assert f"ValueError: {TEXT}" in written(form, "it failed", texts=True, error=raised(ValueError(TEXT)))


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("texts", [False, True])
def test_no_line_has_a_secret_in_its_message_its_arguments_or_its_error(form: str, texts: bool) -> None:
    for secret in SECRETS:
        value = secret.rpartition(" ")[2].partition("ragsite:")[2].partition("@")[0] or secret.rpartition(" ")[2]
        told = f"password: {secret}" if secret.startswith("whsec") else secret
        lines = [
            written(form, f"given {told}", texts=texts), written(form, "given %s", told, texts=texts),
            written(form, "it failed", texts=texts, error=raised(RuntimeError(told))),
        ]  # fmt: skip
        assert value not in "".join(lines)


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_libraries_say_of_tasks_and_requests_has_neither_words_nor_addresses(form: str) -> None:
    context = {
        "name": "ragsite.parse",
        "id": "1",
        "exc": repr(ValueError(TEXT)),
        "traceback": TEXT,
        "description": "raised",
    }
    task = written(
        form, "Task %(name)s[%(id)s] %(description)s: %(exc)s\n%(traceback)s", context, name="celery.app.trace"
    )
    request = SimpleNamespace(resolver_match=SimpleNamespace(route="password/<token>/"))
    missing = written(
        form, "Not Found: %s", "/password/herring/", name="django.request", extra={"request": request, "status_code": 404}
    )  # fmt: skip
    assert "herring" not in task + missing
    assert "ragsite.parse" in task
    assert "404 /password/<token>/" in missing
