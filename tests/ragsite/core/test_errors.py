from __future__ import annotations

import pickle

import pytest

from apps.documents.parsing.errors import DamagedFileError
from apps.documents.upload_limits import UploadTooLargeError
from apps.models.errors import DeadlineExceededError
from ragsite.core import errors
from ragsite.core.errors import PermanentError, RagError, TransientError
from ragsite.gateway.errors import AuthenticationError

KINDS = [
    *(kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, RagError)),
    DamagedFileError,
    UploadTooLargeError,
    DeadlineExceededError,
    AuthenticationError,
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_survives_pickling_with_all_it_says(kind: type[RagError]) -> None:
    error = kind("It broke.", code="special", action="Mend it.", status=499, retry_after=2.5)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is kind
    assert vars(copy) == vars(error)
    assert str(copy) == "It broke."


def test_an_error_takes_code_status_and_action_from_its_class_by_default() -> None:
    plain = AuthenticationError("No key.")
    assert (plain.error_code, plain.http_status) == ("not_authenticated", 401)
    assert plain.sentence == "No key. Send a valid key as `Authorization: Bearer <key>`."
    assert AuthenticationError("No key.", action="").sentence == "No key."


def test_the_two_families_are_apart() -> None:
    families = [(issubclass(kind, PermanentError), issubclass(kind, TransientError)) for kind in KINDS]
    assert all(sum(family) == 1 for kind, family in zip(KINDS, families, strict=True) if kind is not RagError)
