from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apps.documents.checks import blobs_can_be_kept
from ragsite.core.storage.places import S3Place
from tests import s3


def test_a_store_in_order_has_no_complaint(bucket: S3Place, settings: Any) -> None:
    assert blobs_can_be_kept() == []
    s3.blobs_at(settings, None)
    assert blobs_can_be_kept() == []


def test_a_missing_bucket_is_a_complaint_that_says_what_to_do(bucket: S3Place, settings: Any) -> None:
    s3.blobs_at(settings, replace(bucket, bucket="missing"))
    (error,) = blobs_can_be_kept()
    assert (error.msg, error.hint) == (
        "The storage for documents has no bucket 'missing'.",
        "Make it, or correct RAGSITE_BLOB_STORE.",
    )


@pytest.mark.parametrize("below", ["", "blobs"])
def test_a_file_where_the_folder_should_be_is_a_complaint(settings: Any, tmp_path: Path, below: str) -> None:
    (tmp_path / "in the way").write_text("")
    settings.RAGSITE_BLOB_DIR = tmp_path / "in the way" / below
    (error,) = blobs_can_be_kept()
    assert "RAGSITE_DATA_DIR" in str(error.hint)
