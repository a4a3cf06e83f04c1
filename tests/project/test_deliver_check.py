"""`make deliver-check` tries what there is, and says what it does not try."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deploy.deliver_check import PARTS, How, Part, main, tried
from ragsite.core.environment import PROJECT_DIR

TARGETS = {line.split(":")[0] for line in (PROJECT_DIR / "Makefile").read_text().splitlines() if ":" in line}


@pytest.mark.parametrize("part", [part for part in PARTS if part.command], ids=lambda part: part.name)
def test_what_a_part_runs_is_there(part: Part) -> None:
    program, *words = part.command
    assert program in {"make", sys.executable}
    if program == "make":
        assert words[0] in TARGETS
    for word in words:
        assert "/" not in word or (PROJECT_DIR / word).exists()


def test_a_part_without_a_command_is_said_to_be_written_only() -> None:
    assert {part.how for part in PARTS if not part.command} == {How.WRITTEN}


def test_a_part_that_fails_is_told_and_the_next_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def part(name: str, code: str, *needs: str) -> Part:
        return Part(name, How.RUN, "", (sys.executable, "-c", code), needs)

    parts = (
        part("one", "print('so'); raise SystemExit(3)"),
        part("two", "print('well')"),
        part("three", "", "no-such-program"),
    )
    monkeypatch.setattr("deploy.deliver_check.PARTS", parts)
    assert main(["--logs", str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["one", "two", "three"]
    assert "FAILED (3)" in lines[0]
    assert lines[0].endswith(": so")
    assert lines[1].endswith(": well")
    assert "no-such-program is missing" in lines[2]
    assert tried(parts[1], tmp_path)


def test_its_list_is_the_table() -> None:
    done = subprocess.run(
        [sys.executable, "deploy/deliver_check.py", "--list"],
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line.split()[0] for line in done.stdout.splitlines()] == [part.name for part in PARTS]
