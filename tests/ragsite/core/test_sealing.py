from __future__ import annotations

from typing import Any

import pytest

from ragsite.core.configuration import SecretSettings
from ragsite.core.sealing import UnreadableSecretError, seal, unseal


def test_what_is_sealed_is_not_in_the_text_and_comes_back() -> None:
    sealed = seal("sesame, öffne dich")
    assert unseal(sealed) == "sesame, öffne dich"
    assert "sesame" not in sealed
    assert seal("sesame, öffne dich") != sealed


def test_it_opens_with_an_earlier_secret_key_and_with_no_other(settings: Any) -> None:
    sealed, before = seal("sesame"), settings.SECRET_KEY
    settings.SECRET_KEY = "another secret key, of thirty-two characters"
    with pytest.raises(UnreadableSecretError) as refused:
        unseal(sealed)
    assert "RAGSITE_SECRET_KEY" in refused.value.sentence
    settings.SECRET_KEY_FALLBACKS = [before]
    assert unseal(sealed) == "sesame"


def test_a_damaged_one_does_not_open() -> None:
    with pytest.raises(UnreadableSecretError):
        unseal(seal("sesame")[:-4])


def test_secret_settings_do_not_show_what_they_hold() -> None:
    now = SecretSettings.current()
    assert now.secret_key not in repr(now)
