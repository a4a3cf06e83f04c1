"""Where a model is reached that a server of its own runs, and the key for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from apps.models.servers.errors import ModelKeyError
from ragsite.core.configuration import GenerationSettings
from ragsite.core.environment import GENERATOR_KEY, key_named
from ragsite.core.sealing import UnreadableSecretError, unseal


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model at one or more servers: their base addresses, such as `http://gpu:8000/v1`, and what it is called there.

    The key is kept sealed, or named by the environment variable that holds it, and is opened only to be sent.
    """

    urls: tuple[str, ...]
    model: str
    key_sealed: str = field(default="", repr=False)
    key_env: str = ""

    def key(self) -> str:
        """The key in plain text; empty where none is needed.

        Raises:
            ModelKeyError: it cannot be had.
        """
        key = self._kept().strip()
        # What no header can carry would be an error further down, with the key in it.
        if not key.isascii() or (key and not key.isprintable()):
            raise ModelKeyError(f"The key for {self.model!r} has signs that no key has.", action="Give it once more.")
        return key

    def _kept(self) -> str:
        if self.key_sealed:
            try:
                return unseal(self.key_sealed)
            except UnreadableSecretError as error:
                raise ModelKeyError(f"The key for {self.model!r} cannot be read.", action=error.action) from None
        return _of_environment(self.key_env) if self.key_env else ""


def _of_environment(variable: str) -> str:
    if variable == GENERATOR_KEY:
        return GenerationSettings.current().api_key
    try:
        return key_named(variable)
    except ValueError as error:
        raise ModelKeyError(f"{error}.", action="Name another variable.") from None
