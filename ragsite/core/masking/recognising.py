"""All recognisers as one table, and what they find in a text."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from ragsite.core.masking.emails import email_finds, ip_finds
from ragsite.core.masking.kinds import USUAL, Find, Kind, finds_apart
from ragsite.core.masking.national import national_finds
from ragsite.core.masking.numbers import card_finds, iban_finds
from ragsite.core.masking.phones import phone_finds
from ragsite.core.masking.secrets import secret_finds

EDITION = 1
"""Of the rules: texts that were looked at by earlier ones are looked at again."""

RECOGNISERS: dict[Kind, Callable[[str], Iterable[Find]]] = {
    Kind.SECRET: secret_finds,
    Kind.EMAIL: email_finds,
    Kind.IBAN: iban_finds,
    Kind.CARD: card_finds,
    Kind.NATIONAL_ID: national_finds,
    Kind.PHONE: phone_finds,
    Kind.IP_ADDRESS: ip_finds,
}
"""Each takes time in proportion to the text, whatever stands in it."""


def finds_in(text: str, kinds: Collection[Kind] = USUAL) -> tuple[Find, ...]:
    """The values of these kinds in a text, in its order, none upon another.

    The usual ones are looked for in any case, so that a value of a kind that is not asked for is not taken for one of another.
    """
    wanted = USUAL.union(kinds)
    found = finds_apart([find for kind, find_all in RECOGNISERS.items() if kind in wanted for find in find_all(text)])
    return tuple(find for find in found if find.kind in kinds)
