"""Stand-ins for values: as long as the value, of its kind, and the same for the same value of a tenant. See ADR 64."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from ragsite.core.configuration import SecretSettings
from ragsite.core.masking.kinds import USUAL, Find, Kind
from ragsite.core.masking.recognising import finds_in

PURPOSE = b"ragsite: masks of a tenant"
LETTERS = "bcdfghjkmnpqrstv"
"""Of which marks are made: no digits, which a number could be recognised in, and no vowels, which make words."""

MARK = 8
"""Letters of a mark where there is room; four billion of them."""

FILLED = "·"
NAMES = {
    Kind.SECRET: "secret", Kind.EMAIL: "e-mail", Kind.IBAN: "IBAN", Kind.CARD: "card", Kind.NATIONAL_ID: "ID",
    Kind.PHONE: "phone", Kind.IP_ADDRESS: "IP", Kind.NAME: "name",
}  # fmt: skip
AS_WRITTEN = frozenset({Kind.SECRET})
"""Kinds of which each character counts; of others neither case nor what divides their groups."""


@dataclass(frozen=True, slots=True)
class Masked:
    """A text with stand-ins in it, and how many there are of each kind."""

    text: str
    counts: dict[Kind, int]


class Masks:
    """The stand-ins of one tenant."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def mask(self, kind: Kind, value: str) -> str:
        """`[e-mail kqzvbntr···]`: as long as the value; of one on several lines with its blanks where they are."""
        shown = _fitted(NAMES[kind], self._mark(kind, value), len(value))
        if "\n" not in value:
            return shown
        return "".join(own if own.isspace() else other for own, other in zip(value, shown, strict=True))

    def masked(self, text: str, kinds: Collection[Kind] = USUAL, *, more: Iterable[Find] = ()) -> Masked:
        """The text with its values of these kinds masked, and `more` finds that others made in it."""
        return self.replaced(text, [*finds_in(text, kinds), *more])

    def replaced(self, text: str, finds: Iterable[Find]) -> Masked:
        """The text with these finds masked; no two of them overlap."""
        parts, past, counts = [], 0, Counter[Kind]()
        for find in sorted(finds, key=lambda one: one.start):
            if find.start < past:
                continue
            parts += [text[past : find.start], self.mask(find.kind, text[find.start : find.end])]
            past = find.end
            counts[find.kind] += 1
        return Masked("".join([*parts, text[past:]]), dict(counts))

    def _mark(self, kind: Kind, value: str) -> str:
        same = (
            value if kind in AS_WRITTEN else "".join(one for one in value.casefold() if one.isalnum() or one in "@._")
        )
        if kind not in {Kind.EMAIL, Kind.NAME, Kind.SECRET}:
            same = "".join(one for one in same if one.isalnum())
        digest = hmac.digest(self._key, f"{kind}\0{same}".encode("utf-8", "surrogatepass"), hashlib.sha256)
        return "".join(LETTERS[byte & 15] for byte in digest)


def masks_of(tenant_id: UUID) -> Masks:
    """Those of a tenant: nobody without the secret key can tell which value one stands for, or try values."""
    key = SecretSettings.current().secret_key.encode()
    return Masks(hmac.digest(key, PURPOSE + tenant_id.bytes, hashlib.sha256))


def _fitted(name: str, mark: str, length: int) -> str:
    """As much of name and mark as there is room for."""
    room = length - len(name) - 3
    if room >= 2:
        kept = mark[: min(room, MARK)]
        return f"[{name} {kept}{FILLED * (room - len(kept))}]"
    if length >= 3:
        return f"[{mark[: length - 2]}]"
    return FILLED * length
