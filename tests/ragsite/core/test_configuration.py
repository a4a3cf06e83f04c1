from __future__ import annotations

import dataclasses
import inspect
import re
from typing import Any

import pytest
from django.conf import settings as django_settings

from ragsite.core import configuration
from ragsite.core.configuration import SearchSettings, UploadSettings
from ragsite.core.environment import PROJECT_DIR, Environment

CONCERNS = [
    one
    for one in vars(configuration).values()
    if dataclasses.is_dataclass(one) and one.__module__ == configuration.__name__
]


def test_there_is_an_object_for_each_concern() -> None:
    assert len(CONCERNS) >= 8


@pytest.mark.parametrize("concern", CONCERNS, ids=lambda one: one.__name__)
def test_each_object_can_be_had_whole(concern: type) -> None:
    found = concern.current()  # type: ignore[attr-defined]
    assert all(hasattr(found, one.name) for one in dataclasses.fields(concern))


def test_a_setting_that_changes_is_seen_by_the_next_reader(settings: Any) -> None:
    before = UploadSettings.current()
    settings.RAGSITE_MAX_UPLOAD_BYTES = 7 * 1024 * 1024
    assert before != UploadSettings.current()
    assert UploadSettings.current().max_megabytes == 7


def test_an_object_is_no_place_to_change_a_setting() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        SearchSettings.current().seconds = 1.0  # type: ignore[misc]


def test_every_variable_of_the_environment_is_a_setting() -> None:
    """By its name, or by a property that reads it."""
    read = set(re.findall(r"\bENV\.(\w+)", (PROJECT_DIR / "ragsite" / "settings.py").read_text()))
    for name, one in inspect.getmembers(Environment, lambda one: isinstance(one, property)):
        if name in read:
            read |= set(re.findall(r"\bself\.(\w+)", inspect.getsource(one.fget)))  # type: ignore[arg-type]
    assert Environment.model_fields.keys() - read == set()


def test_every_setting_of_ours_is_in_an_object() -> None:
    ours = {name for name in dir(django_settings) if name.startswith("RAGSITE_")}
    read = {one.metadata["setting"] for concern in CONCERNS for one in dataclasses.fields(concern)}
    assert ours - read == set()
