from __future__ import annotations

import pytest

from ragsite.core.storage.places import S3Place, blob_place


@pytest.mark.parametrize("value", ["", "files"])
def test_nothing_and_files_are_files(value: str) -> None:
    assert blob_place(value) is None


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ("s3://my-bucket", S3Place("my-bucket")),
        ("s3://my-bucket/", S3Place("my-bucket")),
        ("s3://my.bucket/a/b_1.c/", S3Place("my.bucket", "a/b_1.c")),
        (
            "s3://bucket/x?endpoint_url=http://minio:9000&region=eu-central-1",
            S3Place("bucket", "x", "http://minio:9000", "eu-central-1"),
        ),
        ("s3://bucket?endpoint_url=https%3A%2F%2Fs3.example&region=", S3Place("bucket", "", "https://s3.example")),
    ],
)
def test_a_bucket_is_read_with_its_prefix_and_options(value: str, place: S3Place) -> None:
    assert blob_place(value) == place


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("/var/blobs", "must be empty, `files` or `s3://bucket/prefix`"),
        ("http://bucket/x", "must be empty, `files`"),
        ("s3://key:hunter2@bucket", "must hold no credentials; give AWS_ACCESS_KEY_ID"),
        ("s3://", "'' is no name of a bucket"),
        ("s3://My_Bucket", "'My_Bucket' is no name of a bucket"),
        ("s3://bucket/a//b", "'a//b' is no prefix of keys"),
        ("s3://bucket/a/../b", "'a/../b' is no prefix of keys"),
        ("s3://bucket?endpoint=http://x", "'endpoint' is none of its options, which are endpoint_url and region"),
        ("s3://bucket?endpoint_url=minio:9000", "endpoint_url must be http://host:port"),
        ("s3://bucket?endpoint_url=http://a:hunter2@minio", "without credentials"),
    ],
)
def test_what_is_wrong_is_said_in_words_without_a_secret(value: str, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        blob_place(value)
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)
