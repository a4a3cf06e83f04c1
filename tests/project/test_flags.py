"""Feature flags go when they were to go, and are tested in both states as long as they are there."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from django.utils import timezone

from ragsite.core.dynamic import flags
from ragsite.core.dynamic.flags import FLAGS, Flag
from ragsite.core.dynamic.registry import BY_NAME
from ragsite.core.environment import PROJECT_DIR

LONGEST = timedelta(days=366)
NAMES = {id(flag): name for name, flag in vars(flags).items() if isinstance(flag, Flag)}


def overdue(flag: Flag, today: date) -> bool:
    return flag.removed_on <= today


def names_tested() -> set[str]:
    """The names of flags that a test is run with on and off."""
    files = (PROJECT_DIR / "tests").rglob("test_*.py")
    return {name for file in files for name in re.findall(r"^@both_states\((\w+)\)$", file.read_text(), re.MULTILINE)}


def used() -> set[str]:
    """The names of flags that the code asks for."""
    files = [file for part in ("apps", "ragsite", "workers") for file in (PROJECT_DIR / part).rglob("*.py")]
    return {name for file in files for name in re.findall(r"flag_is_on\((\w+),", file.read_text())}


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.name)
def test_a_flag_is_removed_by_its_day(flag: Flag) -> None:
    today = timezone.now().date()
    assert not overdue(flag, today), (
        f"{flag.name} was to go on {flag.removed_on}: {flag.owner} takes it out of the code, or says why it stays longer"
    )
    assert flag.removed_on - today <= LONGEST, "what shall stay changeable is a setting"


def test_the_day_itself_is_overdue() -> None:
    assert overdue(FLAGS[0], FLAGS[0].removed_on)
    assert not overdue(FLAGS[0], FLAGS[0].removed_on - timedelta(days=1))


def test_each_flag_is_asked_for_and_tested_on_and_off() -> None:
    named = {NAMES[id(flag)] for flag in FLAGS}
    assert named - names_tested() == set()
    assert named == used()


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.name)
def test_each_flag_says_what_it_switches_and_who_sees_to_it(flag: Flag) -> None:
    assert flag.name not in BY_NAME
    assert flag.title
    assert flag.description.startswith("Off: ")
    assert flag.owner
