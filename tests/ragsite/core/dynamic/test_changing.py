"""Changes of settings and flags: what they refuse, what they leave behind, and that other processes take them up."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ragsite.core import configuration
from ragsite.core.audit.models import AuditEntry
from ragsite.core.configuration import SearchSettings
from ragsite.core.database import connection_of_own
from ragsite.core.dynamic import following
from ragsite.core.dynamic.changing import (
    setting_history,
    setting_put_back,
    setting_set,
    setting_unset,
    settings_forget,
)
from ragsite.core.dynamic.following import settings_read
from ragsite.core.dynamic.held import forget
from ragsite.core.dynamic.places import INSTALLATION, Place
from ragsite.core.dynamic.registry import DYNAMIC_SETTINGS, DynamicSetting
from ragsite.core.dynamic.telling import flags_there, setting_there, settings_there
from ragsite.core.dynamic.values import InvalidSettingError, Kind
from ragsite.core.environment import PROJECT_DIR
from ragsite.core.errors import NotFoundError
from ragsite.core.models import OutboxEvent, SettingChange
from tests import factories as make
from tests.acting import ACTOR
from tests.dynamic import holding
from tests.waiting import wait_for

NAME = "search.seconds"
TENANT = Place(uuid.uuid4())
BASE = Place(TENANT.tenant_id, uuid.uuid4())
READERS = {
    field.metadata["setting"]: (concern, field.name)
    for concern in vars(configuration).values()
    if dataclasses.is_dataclass(concern) and concern.__module__ == configuration.__name__
    for field in dataclasses.fields(concern)
}


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    yield
    forget()


def changed(value: Any, place: Place = INSTALLATION, name: str = NAME) -> Any:
    return setting_set(name=name, place=place, value=value, actor=ACTOR)


def _another(row: DynamicSetting) -> Any:
    """A value that is not the one of this process."""
    match row.kind:
        case Kind.SWITCH:
            return not row.of_process
        case Kind.CHOICE:
            return next(one for one in row.values.choices if one != row.of_process)
        case Kind.TEXT:
            return "requests=7/minute"
        case _:
            return row.of_process + (1 if row.values.most is None or row.of_process < row.values.most else -1)  # type: ignore[operator]


@pytest.mark.parametrize("row", DYNAMIC_SETTINGS, ids=lambda row: row.name)
def test_whoever_reads_a_setting_sees_it_change(row: DynamicSetting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGSITE_MILVUS_URL", "http://127.0.0.1:1")  # for the store that needs one
    concern, field = READERS[row.django_name]
    value = _another(row)
    before = getattr(concern.current(), field)
    with holding({(row.name, INSTALLATION): value}):
        assert getattr(concern.current(), field) == row.for_django(row.values.checked(row.name, value)) != before
    assert getattr(concern.current(), field) == before


@pytest.mark.django_db(transaction=True)
def test_a_change_holds_at_once_and_is_told_in_the_history_the_audit_log_and_an_event() -> None:
    changed(20)
    assert SearchSettings.current().seconds == 20
    changed(8.5, TENANT)
    assert (SearchSettings.current().seconds, SearchSettings.current(BASE).seconds) == (20, 8.5)
    setting_unset(name=NAME, place=TENANT, actor=ACTOR)
    assert SearchSettings.current(BASE).seconds == 20
    told = [(row.before, row.value, row.is_current) for row in setting_history(NAME, TENANT)]
    assert told == [(8.5, None, True), (None, 8.5, False)]
    first, second, third = OutboxEvent.objects.filter(type="setting.changed").order_by("id")
    assert (first.tenant_id, first.key) == (None, str(uuid.UUID(int=0)))
    assert first.payload == {
        "place_id": first.key, "level": "installation", "setting": NAME, "before": None, "after": "20.0"
    }  # fmt: skip
    assert (second.tenant_id, second.key, second.payload["after"]) == (TENANT.tenant_id, str(TENANT.tenant_id), "8.5")
    assert (third.payload["before"], third.payload["after"]) == ("8.5", None)
    entries = AuditEntry.objects.filter(action="setting.changed").order_by("id")
    assert [(one.tenant_id, one.object_name, one.details.get("after")) for one in entries] == [
        (None, NAME, "20.0"), (TENANT.tenant_id, NAME, "8.5"), (TENANT.tenant_id, NAME, None)
    ]  # fmt: skip


@pytest.mark.django_db
def test_what_is_set_to_what_it_is_is_no_change() -> None:
    changed(20)
    changed(20.0)
    setting_unset(name=NAME, place=TENANT, actor=ACTOR)
    assert SettingChange.objects.count() == OutboxEvent.objects.count() == 1
    changed(True, name="documents.ocr")
    changed(False, name="documents.ocr")
    assert SettingChange.objects.filter(name="documents.ocr").count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "place", "value", "message"),
    [
        (NAME, INSTALLATION, 0, "The setting search.seconds can't be 0."),
        ("sign_in.tries", TENANT, 3, "sign_in.tries can't be set at the level tenant."),
        ("rewriting", BASE, {"on": True}, "rewriting can't be set at the level knowledge_base."),
        ("rewriting", INSTALLATION, True, "The flag rewriting can't be 'True'."),
        (NAME, TENANT, 11, "search.seconds can't be 11.0 there, where it is 10.0 above."),
        ("fetching.enabled", BASE, True, "fetching.enabled can't be true there, where it is false above."),
    ],
)
def test_what_cant_be_set_is_refused_and_nothing_is_written(
    name: str, place: Place, value: object, message: str, settings: Any
) -> None:
    settings.RAGSITE_SEARCH_SECONDS, settings.RAGSITE_URL_INGESTION = 10.0, False
    with pytest.raises(InvalidSettingError) as refused:
        changed(value, place, name)
    assert refused.value.message == message
    assert not SettingChange.objects.exists()
    with pytest.raises(NotFoundError):
        changed(1, INSTALLATION, "secret_key")


@pytest.mark.django_db
def test_an_owner_may_set_as_much_as_the_operator_gave_meanwhile() -> None:
    changed(300)
    changed(200, TENANT)
    with pytest.raises(InvalidSettingError, match=r"can't be 201\.0 there, where it is 200\.0 above"):
        changed(201, BASE)
    changed(100)
    there = setting_there(NAME, BASE)
    assert (there.value, there.source, there.own) == (100, "installation", None)


@pytest.mark.django_db
def test_a_change_is_put_back_and_that_is_a_change_too() -> None:
    changed({"on": False, "percent": 5}, name="rewriting")
    changed({"on": True}, name="rewriting")
    newest, oldest = setting_history("rewriting", INSTALLATION)
    back = setting_put_back(name="rewriting", place=INSTALLATION, change=newest.pk, actor=ACTOR)
    assert back == {"on": False, "percent": 5, "people": []}
    assert setting_put_back(name="rewriting", place=INSTALLATION, change=oldest.pk, actor=ACTOR) is None
    assert setting_history("rewriting", INSTALLATION).count() == 4
    with pytest.raises(NotFoundError, match="no change"):
        setting_put_back(name="rewriting", place=TENANT, change=oldest.pk, actor=ACTOR)


@pytest.mark.django_db
def test_what_holds_and_why_is_read_in_one_query() -> None:
    changed(20)
    changed(15, TENANT)
    changed(True, BASE, "documents.ocr")
    with CaptureQueriesContext(connection) as asked:
        found = {one.row.name: one for one in settings_there(BASE)}
    assert len(asked) == 1
    assert (found[NAME].value, found[NAME].source, found[NAME].own, found[NAME].otherwise) == (15, "tenant", None, 15)
    ocr = found["documents.ocr"]
    assert (ocr.value, ocr.source, ocr.own, ocr.otherwise) == (True, "knowledge_base", True, False)
    assert found["keys.days"].source in ("default", "environment")
    assert [one.source for one in flags_there(BASE)] == ["default"] * len(flags_there(BASE))
    settings_forget(BASE)
    assert not setting_there("documents.ocr", BASE).value


@pytest.mark.django_db(transaction=True)
def test_changes_at_the_same_moment_come_one_after_another() -> None:
    make.in_parallel(6, lambda: changed(float(uuid.uuid4().int % 500 + 1)))
    rows = list(SettingChange.objects.order_by("id"))
    assert [row.before for row in rows[1:]] == [row.value for row in rows[:-1]]
    assert [row.is_current for row in rows] == [False] * (len(rows) - 1) + [True]


FOLLOWER = """
import sys, time, uuid
import django
django.setup()
from ragsite.core.configuration import SearchSettings
from ragsite.core.dynamic.following import settings_follow
from ragsite.core.dynamic.places import Place
settings_follow()
place, last = Place(uuid.UUID(sys.argv[1])), None
while last != 7.0:
    found = SearchSettings.current(place).seconds
    if found != last:
        last = found
        print(found, time.time(), flush=True)
    time.sleep(0.005)
"""


def _seen(process: subprocess.Popen[str]) -> tuple[float, float]:
    assert process.stdout is not None
    value, at = process.stdout.readline().split()
    return float(value), float(at)


@pytest.mark.django_db(transaction=True)
def test_another_process_takes_a_change_up_within_a_second() -> None:
    changed(9.0)
    command = [sys.executable, "-c", FOLLOWER, str(TENANT.tenant_id)]
    with subprocess.Popen(command, cwd=PROJECT_DIR, stdout=subprocess.PIPE, text=True) as process:
        assert _seen(process)[0] == 9
        for change, value in ((8.0, 8.0), (None, 9.0), (3.0, 3.0)):
            at = time.time()
            setting_set(name=NAME, place=TENANT, value=change, actor=ACTOR) if change else setting_unset(
                name=NAME, place=TENANT, actor=ACTOR
            )
            seen, seen_at = _seen(process)
            assert (seen, seen_at - at < 1) == (value, True)
        changed(7.0, TENANT)
        assert process.wait(timeout=10) == 0


@pytest.mark.django_db(transaction=True)
def test_a_change_is_found_even_if_nobody_tells_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where notifications don't arrive the database is asked now and then."""
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr("ragsite.core.dynamic.changing.hold_one", lambda changed: None)
    session, is_read = connection_of_own(), threading.Event()

    def listen() -> None:
        with pytest.raises(psycopg.Error):
            following._listen(session, is_read)

    with make.in_background(listen):
        try:
            assert is_read.wait(5)
            changed(12.0)
            wait_for(lambda: SearchSettings.current().seconds == 12, seconds=5, what="the change to be found")
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s)", [session.info.backend_pid])


@pytest.mark.django_db
def test_a_process_that_runs_for_a_moment_reads_once() -> None:
    changed(20)
    changed({"on": False}, TENANT, "rewriting")
    forget()
    with CaptureQueriesContext(connection) as asked:
        settings_read()
    assert len(asked) == 2
    assert SearchSettings.current().seconds == 20


@pytest.mark.django_db
def test_an_unknown_value_in_the_database_stops_nothing() -> None:
    SettingChange.objects.create(name="gone", value=json.loads("[1]"), actor=ACTOR.as_dict())
    settings_read()
    assert SearchSettings.current().seconds > 0
