"""What may be set, and what holds where: without a database."""

from __future__ import annotations

import timeit
import uuid
from typing import Any

import pytest
from django.conf import settings as django_settings
from hypothesis import given
from hypothesis import strategies as st

from ragsite.core.configuration import (
    AnswerCacheSettings,
    FetchingSettings,
    ModelStoreSettings,
    ParsingSettings,
    SearchSettings,
)
from ragsite.core.dynamic.asking import flag_is_on
from ragsite.core.dynamic.flags import REWRITING, FlagRule, FlagSubject, place_of_hundred
from ragsite.core.dynamic.held import SetValue, held, hold_one
from ragsite.core.dynamic.places import INSTALLATION, Level, Place
from ragsite.core.dynamic.registry import BY_NAME, DYNAMIC_SETTINGS, DynamicSetting, setting_named
from ragsite.core.dynamic.values import InvalidSettingError
from ragsite.core.environment import Environment
from ragsite.core.errors import NotFoundError
from tests.dynamic import holding

TENANT, OTHER = Place(uuid.uuid4()), Place(uuid.uuid4())
BASE = Place(TENANT.tenant_id, uuid.uuid4())


@pytest.mark.parametrize("row", DYNAMIC_SETTINGS, ids=lambda row: row.name)
def test_each_setting_is_a_variable_of_the_environment_whose_default_it_may_have(row: DynamicSetting) -> None:
    assert row.variable.lower() in Environment.model_fields
    assert row.values.checked(row.name, row.default) == row.default
    assert hasattr(django_settings, row.django_name)
    assert row.for_django(row.of_process) == getattr(django_settings, row.django_name)
    assert row.levels[0] is Level.INSTALLATION
    assert row.taken_up


def test_no_two_settings_are_the_same() -> None:
    assert len(BY_NAME) == len({row.variable for row in DYNAMIC_SETTINGS}) == len(DYNAMIC_SETTINGS) >= 15


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("search.seconds", 0, "Give a number larger than 0,"),
        ("search.seconds", 601, "Give 600 or a smaller number."),
        ("search.seconds", "10", "Give a number, such as 10."),
        ("search.seconds", float("nan"), "Give a number, such as 10."),
        ("search.seconds", True, "Give a number, such as 10."),
        ("search.reranked", 1.5, "Give a whole number."),
        ("search.reranked", 0, "Give 1 or a larger number."),
        ("documents.ocr", 1, "Give true or false."),
        ("documents.ocr", None, "Give true or false."),
        ("limits.without_redis", "perhaps", "Known are local, open, closed;"),
        ("limits.of_key", "answers=many", "As it was read: "),
        ("limits.of_key", "x" * 2_001, "Give a text of at most 2,000 characters."),
    ],
)
def test_what_a_setting_cant_be_is_said_with_what_it_can(name: str, value: object, advice: str) -> None:
    with pytest.raises(InvalidSettingError) as refused:
        setting_named(name).values.checked(name, value)
    assert refused.value.message.startswith(f"The setting {name} can't be")
    assert refused.value.error_action.startswith(advice)


def test_what_is_no_setting_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="no setting 'secret_key'"):
        setting_named("secret_key")


def test_the_narrowest_place_where_something_is_set_holds() -> None:
    name = "answers.kept_seconds"
    assert AnswerCacheSettings.current(BASE).seconds == django_settings.RAGSITE_ANSWER_CACHE_SECONDS
    with holding({(name, INSTALLATION): 10, (name, TENANT): 20, ("documents.ocr", BASE): True}):
        assert AnswerCacheSettings.current().seconds == 10
        assert AnswerCacheSettings.current(OTHER).seconds == 10
        assert AnswerCacheSettings.current(TENANT).seconds == 20
        assert AnswerCacheSettings.current(BASE).seconds == 20
        assert ParsingSettings.current(BASE).ocr
        assert not ParsingSettings.current(TENANT).ocr
    assert AnswerCacheSettings.current(BASE).seconds == django_settings.RAGSITE_ANSWER_CACHE_SECONDS


def test_zero_false_and_an_empty_text_are_values(settings: Any) -> None:
    settings.RAGSITE_URL_INGESTION = True
    with holding({("answers.kept_seconds", TENANT): 0, ("fetching.enabled", TENANT): False}):
        assert AnswerCacheSettings.current(BASE).seconds == 0
        assert not FetchingSettings.current(BASE).enabled
        assert FetchingSettings.current(OTHER).enabled


def test_owners_get_no_more_than_the_operator_gives_whatever_was_set_before(settings: Any) -> None:
    settings.RAGSITE_SEARCH_SECONDS = 10.0
    settings.RAGSITE_URL_INGESTION = False
    with holding({("search.seconds", TENANT): 60.0, ("fetching.enabled", BASE): True}):
        assert SearchSettings.current(TENANT).seconds == 10
        assert not FetchingSettings.current(BASE).enabled
    with holding(
        {("search.seconds", INSTALLATION): 30.0, ("search.seconds", TENANT): 20.0, ("search.seconds", BASE): 25.0}
    ):
        assert SearchSettings.current().seconds == 30
        assert SearchSettings.current(BASE).seconds == 20


def test_a_value_is_in_the_units_of_who_reads_it() -> None:
    with holding({("models.disk_gigabytes", INSTALLATION): 1.5}):
        assert ModelStoreSettings.current().quota_bytes == 3 * 1024**3 // 2


def test_what_this_release_does_not_know_or_would_not_take_counts_for_nothing() -> None:
    unknown: dict[tuple[str, Place], Any] = {
        ("gone.setting", INSTALLATION): 1, ("search.seconds", INSTALLATION): -1, ("rewriting", TENANT): {"on": "maybe"},
    }  # fmt: skip
    with holding(unknown):
        assert not held().settings
        assert not held().flags


def test_a_change_of_this_process_holds_at_once_but_not_over_what_was_read_later() -> None:
    with holding({("search.seconds", INSTALLATION): 20.0}):
        hold_one(SetValue(5, "search.seconds", INSTALLATION, 21.0))
        assert SearchSettings.current().seconds == 21
        hold_one(SetValue(6, "search.seconds", INSTALLATION, None))
        assert SearchSettings.current().seconds == django_settings.RAGSITE_SEARCH_SECONDS
        hold_one(SetValue(0, "search.seconds", INSTALLATION, 22.0))
        assert SearchSettings.current().seconds == django_settings.RAGSITE_SEARCH_SECONDS


def test_reading_takes_microseconds() -> None:
    """A hundred times what it takes on a machine that has nothing else to do, but far less than a query."""
    with holding({("search.seconds", TENANT): 5.0}):
        seconds = min(timeit.repeat(lambda: SearchSettings.current(BASE), number=1_000, repeat=5)) / 1_000
    assert seconds < 0.0005


subjects = st.builds(FlagSubject, st.uuids(), st.text(min_size=1, max_size=8))


@given(subjects, st.integers(0, 100))
def test_who_is_among_some_of_a_hundred_is_so_each_time_and_among_more(subject: FlagSubject, percent: int) -> None:
    fewer, more = FlagRule(percent=percent), FlagRule(percent=min(100, percent + 10))
    assert fewer.is_on(REWRITING, subject) is fewer.is_on(REWRITING, subject)
    assert more.is_on(REWRITING, subject) or not fewer.is_on(REWRITING, subject)
    assert FlagRule(percent=100).is_on(REWRITING, subject)
    assert not FlagRule(percent=0).is_on(REWRITING, subject)


def test_of_many_people_as_many_are_among_them_as_is_said() -> None:
    tenant = uuid.uuid5(uuid.NAMESPACE_OID, "harbour")
    places = [place_of_hundred(REWRITING, FlagSubject(tenant, str(number))) for number in range(4_000)]
    assert 700 <= sum(place < 20 for place in places) <= 900


def test_a_tenants_rule_goes_before_the_installations_and_people_that_are_named_before_the_others() -> None:
    tenant, other = TENANT.tenant_id, OTHER.tenant_id
    assert tenant is not None
    assert other is not None
    rules = {
        ("rewriting", INSTALLATION): {"on": False},
        ("rewriting", TENANT): {"on": False, "percent": 0, "people": ["12"]},
    }
    assert flag_is_on(REWRITING, FlagSubject(tenant, "12")) is REWRITING.default
    with holding(rules):
        assert flag_is_on(REWRITING, FlagSubject(tenant, "12"))
        assert not flag_is_on(REWRITING, FlagSubject(tenant, "13"))
        assert not flag_is_on(REWRITING, FlagSubject(tenant))
        assert not flag_is_on(REWRITING, FlagSubject(other, "12"))


@pytest.mark.parametrize(
    "said",
    [
        None, "on", {}, {"on": 1}, {"on": True, "percent": 101}, {"on": True, "percent": True}, {"on": True, "of": 3},
        {"on": False, "people": ["x" * 41]}, {"on": False, "people": ["1"] * 201}, {"on": False, "people": [1]},
    ],
)  # fmt: skip
def test_what_is_no_rule_is_refused(said: object) -> None:
    with pytest.raises(InvalidSettingError, match="rewriting can't be"):
        FlagRule.read("rewriting", said)
