"""Rules that hold for every file of the project."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parents[2]
REQUIREMENTS = PROJECT / "requirements"
LAYERS = ("web.in", "parsing.in", "chunking.in", "models.in", "embedded.in", "dev.in")
NOT_OURS = {"var", "build", "__pycache__"}
MOST_LINES = 400

# Each can run code that a file brought along.
UNSAFE_LOADING = re.compile(r"torch\.load\b|\bpickle\b|\btrust_remote_code\s*=\s*True")
UNFINISHED = re.compile(r"\b(TO[D]O|FIX[M]E)\b")
OWN_SETTING = re.compile(r"\bsettings\.RAGSITE_")


def files(*suffixes: str) -> Iterator[Path]:
    """The project's files with one of these suffixes, without what tools and servers have left."""
    for folder, folders, names in os.walk(PROJECT):
        folders[:] = [name for name in folders if name not in NOT_OURS and (name == ".github" or name[0] != ".")]
        yield from (Path(folder, name) for name in names if name.endswith(suffixes))


def found_in(pattern: re.Pattern[str], paths: Iterable[Path]) -> list[str]:
    """Each place as `path:line: text`, so that a failure shows where to look."""
    return [
        f"{path.relative_to(PROJECT)}:{number}: {line.strip()}"
        for path in paths
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if pattern.search(line)
    ]


def requirements(file: str) -> list[Requirement]:
    lines = (REQUIREMENTS / file).read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    told = io.StringIO()
    try:
        call_command("makemigrations", check_changes=True, dry_run=True, stdout=told)
    except SystemExit:
        pytest.fail(told.getvalue())


def test_djangos_own_checks_find_nothing() -> None:
    told = io.StringIO()
    call_command("check", fail_level="WARNING", stdout=told)
    assert "no issues" in told.getvalue()


def test_nothing_loads_code_with_a_models_weights() -> None:
    ours = (path for path in files(".py", ".yml", ".yaml", ".sh", ".toml") if "tests" not in path.parts)
    assert found_in(UNSAFE_LOADING, ours) == []


def test_settings_are_read_in_one_place() -> None:
    ours = [path for path in files(".py") if not {"tests", "settings.py"} & set(path.parts)]
    places = {line.partition(":")[0] for line in found_in(OWN_SETTING, ours)}
    assert places == set()


def test_nothing_is_left_for_later() -> None:
    assert found_in(UNFINISHED, files(".py")) == []


def test_no_file_grows_past_comfort() -> None:
    lengths = {path.relative_to(PROJECT).as_posix(): len(path.read_text().splitlines()) for path in files(".py")}
    assert len(lengths) > 100
    assert {name: length for name, length in lengths.items() if length >= MOST_LINES} == {}


def test_the_lock_names_versions_and_no_place_to_get_them_from() -> None:
    lock = REQUIREMENTS / "lock.txt"
    odd = re.compile(r"^(?!#|$|[a-z0-9-]+==[^\s+/@]+$)")
    assert found_in(odd, [lock]) == []
    assert found_in(re.compile(r"://"), [lock, *REQUIREMENTS.glob("*.in")]) == []


@pytest.mark.parametrize("layer", LAYERS)
def test_every_requirement_is_locked_at_a_version_it_allows(layer: str) -> None:
    locked = {canonicalize_name(one.name): next(iter(one.specifier)).version for one in requirements("lock.txt")}
    wrong = [
        str(wanted)
        for wanted in requirements(layer)
        if locked.get(canonicalize_name(wanted.name), "") not in wanted.specifier
    ]
    assert wrong == [], "run `make lock`"


def test_torch_is_required_at_one_version() -> None:
    (torch,) = [one for one in requirements("models.in") if one.name == "torch"]
    assert str(torch.specifier).startswith("==")


def test_the_bundled_weights_are_required_at_one_version() -> None:
    assert all(str(one.specifier).startswith("==") for one in requirements("weights.in"))
