from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from ragsite.core.errors import ConfigurationError, ServiceUnavailableError
from ragsite.stack.folders import folder_error, locked, make_private, make_reachable, using, write_private


def test_a_full_disk_is_distinguished_from_a_forbidden_folder() -> None:
    full = folder_error(Path("/data"), OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    forbidden = folder_error(Path("/data"), OSError(errno.EACCES, os.strerror(errno.EACCES)))
    assert full.sentence.startswith("The data folder /data can't be used: No space left on device. Free space")
    assert forbidden.sentence.startswith("The data folder /data can't be used: Permission denied. Set RAGSITE_DATA_DIR")


def test_only_the_systems_refusals_are_translated(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), using(tmp_path):
        raise ZeroDivisionError


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_existing_folder_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigurationError, match="Permission denied"):
        make_private(tmp_path)


def test_a_private_file_is_replaced_in_one_step_and_leaves_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_private(path, "first")
    write_private(path, "second")
    assert path.read_text() == "second"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_can_not_be_written_is_a_sentence_about_its_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"{tmp_path}/absent can't be used"):
        write_private(tmp_path / "absent" / "state.json", "text")


def test_other_users_may_pass_a_reachable_folder_but_not_list_it(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    make_reachable(closed / "data")
    assert stat.S_IMODE(closed.stat().st_mode) == 0o701


def test_a_lock_that_another_holds_is_waited_for_no_longer_than_asked(tmp_path: Path) -> None:
    with (
        locked(tmp_path / "lock", seconds=1),
        pytest.raises(ServiceUnavailableError, match=str(tmp_path)),
        locked(tmp_path / "lock", seconds=0.1),
    ):
        pytest.fail("the lock was given twice")
    with locked(tmp_path / "lock", seconds=0):
        pass
