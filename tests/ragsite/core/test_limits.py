from __future__ import annotations

import pytest

from ragsite.core.limits import EXAMPLE, LIMIT_KINDS, LimitKind, Per, Work, limits_read, limits_written


def test_limits_are_read_as_settings_write_them() -> None:
    assert limits_read("answers=10/minute, upload_bytes=2GB/month\n streams=4") == {
        LimitKind(Work.ANSWERS, Per.MINUTE): 10,
        LimitKind(Work.UPLOAD_BYTES, Per.MONTH): 2 * 1024**3,
        LimitKind(Work.STREAMS, Per.ONCE): 4,
    }
    assert limits_read("") == {}


def test_what_is_written_is_read_again() -> None:
    limits = {kind: number for number, kind in enumerate(LIMIT_KINDS)}
    assert limits_read(limits_written(limits)) == limits
    assert limits_read(EXAMPLE)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("answers", "'answers' is no limit, such as answers=10/minute"),
        ("answers=-1/minute", "is no limit"),
        ("answers=10", "'answers=10' is none of searches=1/minute"),
        ("answers=10/hour", "is none of"),
        ("streams=4/minute", "is none of"),
        ("answers=1GB/day", "GB is for upload_bytes alone"),
        ("answers=1/day answers=2/day", "there is one limit for answers a day already"),
        ("upload_bytes=99999TB/day", "is more than"),
    ],
)
def test_what_makes_no_sense_is_quoted(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        limits_read(text)
    assert says in str(caught.value)
