"""Asks the model hub for the files of a commit. Which hub is HF_ENDPOINT's affair, and whose account HF_TOKEN's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
from huggingface_hub import HfApi, constants, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import (  # type: ignore[attr-defined]  # its own users import them from here
    build_hf_headers,
    get_session,
    hf_raise_for_status,
)

from apps.models.errors import ChecksumMismatchError, HubRefusedError
from apps.models.services.repositories import COMMIT, HubFile
from ragsite.core.errors import ModelNotFoundError, ModelUnavailableError, PermanentError

ENDPOINT = constants.ENDPOINT
SECONDS = 30.0
"""How long the hub may keep silent."""

OVERLOADED = 429
REFUSED = frozenset({401, 403, 451})


def repository_files(hub_id: str, *, revision: str) -> tuple[list[HubFile], str]:
    """The files of a commit, as the hub states them, and the licence that its card names.

    Raises:
        ModelNotFoundError, HubRefusedError: the hub has no such commit, or not for us.
        ModelUnavailableError: it cannot be reached, or is overloaded.
    """
    with _told(hub_id, revision):
        api = HfApi(endpoint=ENDPOINT)
        info = api.model_info(hub_id, revision=revision, files_metadata=True, timeout=SECONDS)
        _check_commit(hub_id, info.sha, revision)
        return [_file(hub_id, one, revision) for one in info.siblings or []], _licence(info)


@contextmanager
def file_pieces(hub_id: str, name: str, *, revision: str, start: int) -> Iterator[tuple[int, Iterator[bytes]]]:
    """The bytes of a file from `start` on, in pieces; with them where they begin, as a server may ignore what was asked for.

    Raises:
        As `repository_files`, also while the pieces are read.
    """
    url = hf_hub_url(hub_id, name, revision=revision, endpoint=ENDPOINT)
    # Bytes as they are stored: what is packed on the way cannot be continued.
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with _told(hub_id, revision), get_session().stream("GET", url, headers=headers, timeout=SECONDS) as response:
        hf_raise_for_status(response)
        _check_commit(hub_id, response.headers.get(constants.HUGGINGFACE_HEADER_X_REPO_COMMIT), revision)
        yield (start if response.status_code == httpx2.codes.PARTIAL_CONTENT else 0), response.iter_bytes()


def _file(hub_id: str, one: Any, revision: str) -> HubFile:
    """A file of the list; what the list does not say of it is asked for."""
    if one.lfs is not None:
        return HubFile(one.rfilename, one.lfs.size, sha256=one.lfs.sha256)
    if one.size is not None and one.blob_id:
        return HubFile(one.rfilename, one.size, blob=one.blob_id)
    url = hf_hub_url(hub_id, one.rfilename, revision=revision, endpoint=ENDPOINT)
    stated = get_hf_file_metadata(url, timeout=SECONDS)
    etag = stated.etag or ""
    known = {"sha256": etag} if len(etag) == 64 else {"blob": etag}
    return HubFile(one.rfilename, stated.size or 0, **known)


def _licence(info: Any) -> str:
    stated = info.card_data.get("license") if info.card_data else None
    return str(stated or "")[:120]


def _check_commit(hub_id: str, stated: str | None, revision: str) -> None:
    if stated is not None and COMMIT.fullmatch(stated) and stated != revision:
        raise ChecksumMismatchError(
            f"The hub answered for the commit {stated} of {hub_id!r} where {revision} was asked for.",
            action="Check HF_ENDPOINT.",
        )


@contextmanager
def _told(hub_id: str, revision: str) -> Iterator[None]:
    """What goes wrong between the hub and here as one of our errors."""
    try:
        yield
    except OfflineModeIsEnabled as error:
        raise PermanentError(
            f"{hub_id!r} cannot be downloaded: HF_HUB_OFFLINE keeps this process from the hub.",
            code="hub_offline",
            action="Unset it, or register a folder that is here, such as that of the commit in the hub's own cache.",
        ) from error
    except GatedRepoError as error:
        raise HubRefusedError(f"The hub gives {hub_id!r} only to accounts that it knows.") from error
    except RevisionNotFoundError as error:
        raise _absent(hub_id, revision, "Check the commit.") from error
    except RepositoryNotFoundError as error:
        raise _absent(
            hub_id, revision, "Check the name; a private one needs HF_TOKEN of an account that may read it."
        ) from error
    except HfHubHTTPError as error:
        raise _refusal(hub_id, revision, error) from error
    except (httpx2.HTTPError, ConnectionError) as error:
        raise _away(f"The connection to the hub at {ENDPOINT} broke: {error!r}.") from error


def _refusal(hub_id: str, revision: str, error: HfHubHTTPError) -> PermanentError | ModelUnavailableError:
    status = error.response.status_code
    if status in REFUSED:
        return HubRefusedError(f"The hub refuses {hub_id!r} with status {status}.")
    if status == OVERLOADED or status >= httpx2.codes.INTERNAL_SERVER_ERROR:
        return _away(f"The hub at {ENDPOINT} answered with status {status}.", error.response.headers)
    return _absent(hub_id, revision, f"Check the name and the commit; it answered with status {status}.")


def _absent(hub_id: str, revision: str, action: str) -> ModelNotFoundError:
    return ModelNotFoundError(f"The hub has no {hub_id!r} at {revision}.", action=action)


def _away(message: str, headers: Any = None) -> ModelUnavailableError:
    after = (headers or {}).get("Retry-After", "")
    return ModelUnavailableError(
        message,
        code="hub_unavailable",
        action="It is tried again, and continues where it stopped.",
        retry_after=float(after) if after.isdecimal() else None,
    )
