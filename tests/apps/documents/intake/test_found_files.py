from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from apps.documents.intake.found_files import files_found
from ragsite.core.errors import NotFoundError


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    for name in ("b.md", "a.txt", "sub/deep/c.txt", "sub/d.md", ".hidden.txt", ".git/config.txt"):
        path = tmp_path / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "docs"


def names(*paths: str | Path) -> list[str]:
    return [file.name for file in files_found([str(path) for path in paths])]


def test_a_folder_gives_all_files_below_it_but_hidden_ones(docs: Path) -> None:
    assert names(docs) == ["a.txt", "b.md", "sub/d.md", "sub/deep/c.txt"]


def test_a_file_knows_its_place_and_size(docs: Path) -> None:
    (file,) = files_found([str(docs / "sub" / "d.md")])
    assert (file.name, file.path, file.size) == ("d.md", docs / "sub" / "d.md", len("sub/d.md"))


def test_names_are_below_the_folder_that_all_paths_share(docs: Path) -> None:
    other = docs.parent / "other"
    other.mkdir()
    (other / "a.txt").write_text("x")
    assert names(docs / "sub", other) == ["docs/sub/d.md", "docs/sub/deep/c.txt", "other/a.txt"]
    assert names(docs / "a.txt", docs / "sub" / "d.md") == ["a.txt", "sub/d.md"]


def test_names_are_the_same_wherever_the_command_is_run(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(docs)
    assert names(".") == names(docs) == names("../docs")


def test_a_pattern_gives_the_files_it_matches(docs: Path) -> None:
    assert sorted(names(docs / "**" / "*.md")) == ["b.md", "sub/d.md"]
    assert sorted(names(docs / "*")) == ["a.txt", "b.md"]
    assert names(docs / "sub" / "?.md") == ["d.md"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(docs: Path) -> None:
    (docs / "report [final].txt").write_text("x")
    assert names(docs / "report [final].txt") == ["report [final].txt"]


@pytest.mark.parametrize("path", ["missing", "missing.txt", "*.docx", "sub/**/*.pdf"])
def test_a_path_that_leads_nowhere_is_reported_before_the_first_file(docs: Path, path: str) -> None:
    with pytest.raises(NotFoundError, match="There is no file or folder"):
        next(files_found([str(docs), str(docs / path)]))


def test_pipes_links_to_folders_and_broken_links_are_passed_over(docs: Path) -> None:
    os.mkfifo(docs / "pipe.txt")
    (docs / "around").symlink_to(docs)
    (docs / "broken.txt").symlink_to(docs / "nothing.txt")
    (docs / "linked.txt").symlink_to(docs / "sub" / "d.md")
    assert names(docs) == ["a.txt", "b.md", "linked.txt", "sub/d.md", "sub/deep/c.txt"]


def test_a_folder_that_cannot_be_read_is_not_left_out_in_silence(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = os.scandir

    def scandir(path: str | Path) -> object:
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert names(docs) == ["a.txt", "b.md", "sub/d.md", "sub/deep"]


def test_a_name_that_is_not_text_is_shown_as_well_as_it_can_be(docs: Path) -> None:
    (Path(os.fsdecode(os.fsencode(docs) + b"/\xff.txt"))).write_text("x")
    assert "\ufffd.txt" in names(docs)


def test_files_are_given_as_they_are_found_and_not_gathered_first(docs: Path) -> None:
    found = files_found([str(docs)])
    assert next(found).name == "a.txt"
    (docs / "sub" / "later.txt").write_text(str(time.monotonic()))
    assert "sub/later.txt" in [file.name for file in found]
