from __future__ import annotations

from typing import Any

import pytest

from apps.documents.admin.wording import (
    place_in_words,
    size_in_words,
    where_in_words,
)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (None, ""),
        ({"kind": "page", "number": 3, "label": ""}, "page 3"),
        ({"kind": "sheet", "number": None, "label": "Costs"}, "sheet Costs"),
        ({"kind": "sheet", "number": None, "label": "Costs", "rows": [2, 21]}, "sheet Costs, rows 2 to 21"),
        ({"kind": "pointer", "number": None, "label": "/items/0"}, "/items/0"),
    ],
)
def test_a_place_reads_as_people_look_it_up(place: dict[str, Any] | None, words: str) -> None:
    assert place_in_words(place) == words


def test_headings_and_place_stand_together() -> None:
    assert (
        where_in_words(["Harbour", "Berths"], {"kind": "page", "number": 2, "label": ""}) == "Harbour › Berths · page 2"
    )


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KB"), (1536 * 1024, "1.5 MB"), (5 * 1024**3, "5.0 GB")],
)
def test_a_size_is_in_the_unit_that_reads_best(size: int, words: str) -> None:
    assert size_in_words(size) == words
